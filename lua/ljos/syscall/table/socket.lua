--- Lines of ljos.syscall.spec: sockets.
return [[
listen           fd:fd backlog:int=4096 | ok
shutdown         fd:fd how:SHUT | ok
]]
