-- Actors in threads, for specs: code given as text, and a channel to it.
local address = require "ljos.actor.address"
local inbox = require "ljos.inbox"
local native = require "ljos.native"
local spawn_vm = require "ljos.spawn_vm"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local M = {}

local count = 0

--- Starts an actor in a thread that runs `code`; further options as for spawn_vm.
function M.start(code, options)
    count = count + 1
    local directory, name = temporary_directory.make(), "thread_actor_" .. count
    text_file.write(directory .. "/" .. name .. ".lua", 'local inbox = require "inbox"\n', code)
    local path = package.path
    package.path = directory .. "/?.lua;" .. path
    options = options or {}
    options.module = name
    local ok, channel = pcall(spawn_vm, options)
    package.path = path
    if not ok then error(channel, 0) end
    return channel
end

--- What an actor answers whose function body is `code`, which has an open channel to itself.
function M.answer_of(code, options)
    local channel = M.start(
        ([[
            local function body() %s end
            local back = inbox:receive()
            local result = body()
            if result == nil then result = "nil" end
            back:send(result)
        ]]):format(code),
        options
    )
    channel:send(inbox)
    local answer = inbox:receive()
    channel:close()
    return answer
end

--- Waits until all have ended, and lets go of what they have left.
function M.finish()
    address.close_all()
    native.C.ljos_thread_wait_all()
    assert(not pcall(function()
        while true do
            inbox:receive()
        end
    end))
    temporary_directory.remove_all()
end

return M
