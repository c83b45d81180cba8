return require "ljos.syscall.abi"
