--- Lines of ljos.syscall.spec: clocks and timers.
return [[
clock_settime    clock:CLOCK time:timespec | ok
]]
