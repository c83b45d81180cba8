return require "ljos.syscall.nl"
