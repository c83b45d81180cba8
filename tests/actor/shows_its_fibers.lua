-- Asserts that an actor shows its fibers on SIGQUIT, and goes on. `start(code, stderr)` starts it and returns its
-- channel, as this does: the caller finishes it.
local assert = require "luassert"
local ffi = require "ffi"
local file_descriptor = require "ljos.file_descriptor"
local inbox = require "ljos.inbox"
local plain_pipe = require "plain_pipe"
local signal = require "ljos.system.signal"

local CODE = [[
    local inbox = require "inbox"
    local back = inbox:receive()
    back:send "ready"
    inbox:receive()
    back:send "alive"
]]

---@param start fun(code: string, stderr: ljos.FileDescriptor): ljos.Channel
return function(start)
    local reading, writing = plain_pipe.pair()
    local channel = start(CODE, writing)
    writing:close()
    channel:send(inbox)
    assert.equal("ready", inbox:receive())
    channel:kill(signal.SIGQUIT)
    local buffer, text = ffi.new "char[4096]", ""
    repeat
        local n = tonumber(ffi.C.read(file_descriptor.number_of(reading, 1), buffer, 4096)) --[[@as integer]]
        text = text .. ffi.string(buffer, n)
    until n <= 0 or text:find "\n"
    assert.matches("^Main fiber from VM 0x%x+  read_some fd %d+", (text:gsub("receive", "read_some")))
    channel:send "go"
    assert.equal("alive", inbox:receive())
    reading:close()
    return channel
end
