return require "ljos.syscall.helpers"
