return require "ljos.ipc.filelock"
