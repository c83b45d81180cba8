-- Operations that have others work for them: programs, helper processes, the pool of threads, several operations in one
-- call. All are slow, so the soak draws them seldom. See trial.lua.
local byte_span = require "ljos.byte_span"
local fiber = require "ljos.fiber"
local file = require "ljos.file"
local ip = require "ljos.ip"
local sem = require "ljos.ipc.sem"
local system = require "ljos.system"
local unix = require "ljos.unix"

local yield = fiber.this_fiber.yield
local PATH = { PATH = "/bin:/usr/bin" }

local number = 0
local function unique(prefix)
    number = number + 1
    return ("%s-%d-%d"):format(prefix, system.getpid(), number)
end

local function numeric(address, port) return ip.tcp.get_address_info(address, tostring(port)) end

return {
    {
        "system.run",
        function()
            return {
                run = function() return system.run { program = "cat", input = "text", environment = PATH } end,
                finish = function(result) assert(not result or result[1].stdout == "text", "output is lost") end,
            }
        end,
        slow = true,
    },
    {
        "ipc.sem:dec",
        function(defer)
            local s = assert(sem.open(unique "ljos-cancel", 1))
            defer(function() s:close() end)
            s:dec()
            return {
                run = function() return s:dec() end,
                help = function() s:inc() end,
                finish = function(result)
                    if not result then assert(s:dec(0), "a post is lost") end
                    assert(not s:dec(0), "a post came twice")
                end,
            }
        end,
        slow = true,
    },
    {
        "ip.tcp.get_name_info",
        function()
            return {
                run = function() return ip.tcp.get_name_info(ip.address.loopback_v4(), 80) end,
                finish = function(result) assert(not result or #result > 0) end,
            }
        end,
        slow = true,
    },
    {
        "ip.connect",
        function(defer)
            local acceptor = ip.tcp.listen "127.0.0.1:0"
            defer(function() acceptor:close() end)
            local s = ip.tcp.socket.new()
            defer(function() s:close() end)
            return {
                run = function()
                    yield()
                    return (ip.connect(s, numeric("127.0.0.1", acceptor.local_port)))
                end,
                finish = function(result)
                    if result then acceptor:accept():close() end
                end,
            }
        end,
        slow = true,
    },
    {
        "unix.seqpacket.acceptor:accept",
        function(defer)
            local name = "@" .. unique "ljos-cancel"
            local acceptor = unix.seqpacket.listen(name)
            defer(function() acceptor:close() end)
            local client
            return {
                run = function() return acceptor:accept() end,
                help = function() client = unix.seqpacket.dial(name) end,
                finish = function(result)
                    while not client do
                        yield()
                    end
                    local server = result and result[1] or acceptor:accept()
                    client:send(byte_span.append "x")
                    assert(server:receive(byte_span.new(1)) == 1, "a connection is lost")
                    server:close()
                    client:close()
                end,
            }
        end,
    },
    {
        "file.write_all_at",
        function(defer)
            local path = os.tmpname()
            defer(function() os.remove(path) end)
            local f = file.random_access.new()
            f:open(path, { "read_write" })
            defer(function() f:close() end)
            return {
                run = function()
                    yield()
                    return file.write_all_at(f, 0, byte_span.append(("x"):rep(100000)))
                end,
                finish = function(result) assert(f.size == (result and 100000 or f.size)) end,
            }
        end,
        slow = true,
    },
}
