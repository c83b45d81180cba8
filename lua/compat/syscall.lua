return require "ljos.syscall"
