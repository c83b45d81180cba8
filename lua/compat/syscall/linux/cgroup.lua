return require "ljos.syscall.cgroup"
