return require "ljos.syscall.types"
