return require "ljos.syscall.lfs"
