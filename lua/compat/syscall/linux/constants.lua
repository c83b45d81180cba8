return require "ljos.syscall.constants"
