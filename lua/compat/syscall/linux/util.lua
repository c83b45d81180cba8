return require "ljos.syscall.util"
