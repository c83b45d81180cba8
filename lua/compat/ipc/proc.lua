return require "ljos.ipc.proc"
