return require "ljos.ipc.shm"
