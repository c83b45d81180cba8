return require "ljos.syscall.bit"
