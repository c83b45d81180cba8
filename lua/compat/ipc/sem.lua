return require "ljos.ipc.sem"
