return require "ljos.syscall.inherit"
