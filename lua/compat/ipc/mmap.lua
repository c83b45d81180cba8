return require "ljos.ipc.mmap"
