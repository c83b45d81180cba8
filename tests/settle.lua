-- `settle(progress)`: lets the other fibers run and the kernel work until what `progress()` returns stands still, so
-- that what still waits waits for something that does not come by itself. Called in a fiber.
local loop = require "ljos.loop"
local this_fiber = require("ljos.fiber").this_fiber

return function(progress)
    local still = 0
    repeat
        local before = progress()
        loop.poll(0)
        this_fiber.yield()
        still = progress() == before and still + 1 or 0
    until still == 5
end
