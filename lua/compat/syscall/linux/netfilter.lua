return require "ljos.syscall.netfilter"
