-- The running fiber as a model sees it: what it waits for, and what its wait must end with.
--
-- A model mirrors an object's queue. A fiber that is about to wait is put there with `begin`; whoever ends a wait
-- says so first, with `grant`, and then makes the call; when the waiting call has returned, `finish` compares.
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"

local M = {}

--- A generator of random integers 1 to n that is the same for the same seed.
function M.random(seed)
    local state = seed % 2147483646 + 1
    return function(n)
        state = state * 16807 % 2147483647
        return state % n + 1
    end
end

--- Whether cancellation must be noticed at the next cancellation point.
function M.is_due(me) return me.is_canceled and me.disabled == 0 end

--- Takes `me` out of a mirrored queue, wherever and however often it stands there.
function M.remove(queue, me)
    for i = #queue, 1, -1 do
        if queue[i].who == me then table.remove(queue, i) end
    end
end

--- `me` is about to wait in `queues`.
function M.begin(me, is_cancelable, queues)
    me.waits, me.is_cancelable, me.granted = queues, is_cancelable, nil
end

--- The wait of `me` must end so: "ok", "fiber_canceled", "channel_closed".
function M.grant(me, how, value)
    assert(me.granted == nil, "granted twice")
    me.granted, me.value = how, value
    for _, queue in ipairs(me.waits) do
        M.remove(queue, me)
    end
end

--- The wait is over. Returns what was granted.
function M.finish(me, ok, err)
    local how = me.granted
    assert(how, "the wait ended, and nobody had ended it")
    me.waits, me.granted = nil, nil
    if how == "ok" then
        assert(ok, err)
    else
        assert(not ok and error_.is_core(err, how), how .. " expected, got " .. tostring(err))
    end
    return how == "ok", me.value
end

--- Calls a cancellation point of a fiber that is canceled.
function M.expect_canceled(f, ...)
    local ok, err = pcall(f, ...)
    assert(not ok and error_.is_core(err, "fiber_canceled"), "a cancellation point did not raise")
end

--- Cancels `other`, whatever it does.
function M.cancel(other)
    if not other.has_ended and not other.is_canceled then
        other.is_canceled = true
        if other.waits and other.is_cancelable and other.disabled == 0 and not other.granted then
            M.grant(other, "fiber_canceled")
        end
    end
    other.handle:cancel()
end

--- Makes a fiber that runs `f(me)`.
function M.spawn(f)
    local me = { disabled = 0, is_canceled = false }
    me.handle = fiber.spawn(function()
        f(me)
        me.has_ended = true
    end)
    return me
end

return M
