--- UNIX sockets: `stream`, `seqpacket`, `datagram`.
---
--- An address is a path, or an abstract name where it begins with "@" (a file of such a name: "./@name").
---
--- Errors:   raises ljos.Error
--- Suspends: as each function says
--- Needs:    nothing beyond Linux 5.15
return {
    stream = require "ljos.unix.stream",
    seqpacket = require "ljos.unix.seqpacket",
    datagram = require "ljos.unix.datagram",
}
