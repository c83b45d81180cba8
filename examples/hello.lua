-- Three fibers sleep at the same time, so this takes a tenth of a second, not three.
-- Run: luajit examples/hello.lua     or: bin/ljos examples/hello.lua
if package then package.path = "lua/?.lua;lua/?/init.lua;" .. package.path end
local ljos = require "ljos"
local spawn, sleep = ljos.fiber.spawn, ljos.time.sleep

ljos.run(function()
    local greetings = {}
    for i, name in ipairs { "one", "two", "three" } do
        greetings[i] = spawn(function()
            sleep(0.1)
            return "hello from fiber " .. name
        end)
    end
    for _, greeting in ipairs(greetings) do
        print(greeting:join())
    end
    print("carried by " .. ljos.engine())
end)
