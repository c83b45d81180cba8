return require "ljos.ipc.strfile"
