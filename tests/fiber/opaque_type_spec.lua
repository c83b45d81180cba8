-- What all objects of opaque types have in common.
local ljos = require "ljos"
local raises = require "raises"

local promise, future = ljos.future.new()
local objects = {
    mutex = ljos.mutex.new(),
    recursive_mutex = ljos.recursive_mutex.new(),
    condition_variable = ljos.condition_variable.new(),
    semaphore = ljos.semaphore.new(1),
    channel = ljos.channel.new(),
    promise = promise,
    future = future,
    steady_timer = ljos.time.steady_timer.new(),
    system_timer = ljos.time.system_timer.new(),
    ["time.steady_clock.time_point"] = ljos.time.steady_clock.now(),
    ["filesystem.clock.time_point"] = ljos.filesystem.clock.now(),
}
local methods = {
    mutex = { "lock", "try_lock", "unlock" },
    recursive_mutex = { "lock", "try_lock", "unlock" },
    condition_variable = { "wait", "notify_one", "notify_all" },
    semaphore = { "acquire", "try_acquire", "release", "with" },
    channel = { "send", "try_send", "receive", "try_receive", "close", "each" },
    promise = { "set_value", "set_error" },
    future = { "get" },
    steady_timer = { "wait", "cancel", "expires_at", "expires_after" },
    system_timer = { "wait", "cancel", "expires_at" },
    ["time.steady_clock.time_point"] = { "add", "sub" },
    ["filesystem.clock.time_point"] = {},
}

describe("an object of an opaque type", function()
    for name, object in pairs(objects) do
        it("hides its insides: " .. name, function()
            assert.equal(name, getmetatable(object))
            raises.core("bad_index", function() return object.no_such_thing end)
            raises.generic("EPERM", function() object.something = 1 end)
        end)

        it("is argument 1 of its methods, and nothing else can be: " .. name, function()
            for _, method in ipairs(methods[name]) do
                for _, wrong in ipairs { 1, {}, name == "mutex" and future or objects.mutex } do
                    local err = raises.generic("EINVAL", object[method], wrong, function() end)
                    assert.same({ method, 1 }, { method, err.arg })
                end
            end
        end)
    end
end)
