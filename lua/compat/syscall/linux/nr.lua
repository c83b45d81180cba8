return require "ljos.syscall.number"
