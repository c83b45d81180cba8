-- Actors with a libc_service: `served.run(code, handler)` runs `code`, a function body, in an actor; calls
-- `handler(master)` for every call that it makes; and returns the leaf that the body returns.
local attacks = require "actor.attacks"
local asio_error = require "ljos.asio_error"
local fiber = require "ljos.fiber"
local inbox = require "ljos.inbox"
local libc_service = require "ljos.libc_service"
local path = require "ljos.filesystem.path"
local spawn_vm = require "ljos.spawn_vm"

local M = {}

-- What the bodies can use. `call` gives a result of C, or -errno; a stat is 144 bytes on x86-64, 128 on aarch64.
M.PRELUDE = [[
local ffi = require "ffi"
local C = ffi.C
ffi.cdef "int open(const char *, int, ...); int openat(int, const char *, int, ...); int close(int);"
ffi.cdef "int unlink(const char *); int rename(const char *, const char *); int rmdir(const char *);"
ffi.cdef "int stat(const char *, void *); int lstat(const char *, void *);"
ffi.cdef "int access(const char *, int); int eaccess(const char *, int); int mkdir(const char *, unsigned);"
ffi.cdef "int socket(int, int, int); int connect(int, const void *, unsigned); int bind(int, const void *, unsigned);"
ffi.cdef "int64_t read(int, void *, size_t); int64_t write(int, const void *, size_t);"
ffi.cdef "struct in4 { uint16_t family; uint8_t port[2]; uint8_t address[4]; uint8_t zero[8]; };"
ffi.cdef "struct in6 { uint16_t family; uint8_t port[2]; uint32_t flow; uint8_t address[16]; uint32_t scope; };"
ffi.cdef "struct un { uint16_t family; char path[108]; };"
ffi.cdef "long syscall(long, ...); int getpid(void);"
ffi.cdef "struct info { int flags, family, socktype, protocol; unsigned length; uint8_t *address; char *name, *next; };"
ffi.cdef "int getaddrinfo(const char *, const char *, const struct info *, struct info **);"
ffi.cdef "void freeaddrinfo(struct info *);"
local buffer = ffi.new "uint64_t[64]"
local function call(result)
    result = tonumber(result)
    return result >= 0 and result or -ffi.errno()
end
local function port(number) return { math.floor(number / 256), number % 256 } end
local function in4(number, a, b, c, d) return ffi.new("struct in4", 2, port(number), { a, b, c, d }) end
local function in6(number, scope) return ffi.new("struct in6", 10, port(number), 0, { [0] = 0x20, 1 }, scope) end
local function un(path)
    local address = ffi.new("struct un", 1)
    ffi.copy(address.path, path, #path)
    return address, 2 + #path + (path:byte(1) == 0 and 0 or 1)
end
local function read_some(fd)
    local bytes = ffi.new "char[256]"
    local count = call(C.read(fd, bytes, 256))
    return count < 0 and count or ffi.string(bytes, count)
end
local function resolve(node, service, socktype)
    local hints = ffi.new("struct info", { socktype = socktype or 0 })
    local list = ffi.new "struct info *[1]"
    local code = C.getaddrinfo(node, service, hints, list)
    return code, code == 0 and list[0] or nil
end
]]

local ACTOR = [[
local inbox = require "inbox"
local back = inbox:receive()
local result = (function() %s end)()
back:send(result == nil and "nil" or result)
]]

--- Calls `handler(master)` for every call until the actor ends, or the handler closes the master; an error of the
--- handler is the result.
function M.serve(master, handler)
    return fiber.spawn(function()
        while master.is_open do
            local ok, err = fiber.pcall(master.receive, master)
            if not ok then
                master:close()
                return err ~= asio_error.misc.eof and err or nil
            end
            ok, err = fiber.pcall(handler, master)
            if not ok then
                master:close()
                return err
            end
        end
    end)
end

--- Starts an actor that runs `code` with the prelude, and sends its result to the inbox.
function M.start(code, slave, subprocess)
    subprocess = subprocess or {}
    subprocess.libc_service, subprocess.stderr = slave, subprocess.stderr or "share"
    subprocess.source_tree_cache = { ["actor.lua"] = M.PRELUDE .. ACTOR:format(code) }
    local channel = spawn_vm { module = path.new "/actor.lua", subprocess = subprocess }
    channel:send(inbox)
    return channel
end

--- `prepare(slave)`, where given, assigns filters.
function M.run(code, handler, prepare, subprocess)
    local master, slave = libc_service.new()
    if prepare then prepare(slave) end
    local channel = M.start(code, slave, subprocess)
    local serving = M.serve(master, handler)
    local ok, result = pcall(inbox.receive, inbox)
    attacks.finish(channel)
    local problem = serving:join()
    if problem ~= nil then error(problem, 0) end
    if not ok then error(result, 0) end
    return result
end

--- A handler that notes each call as text and answers it with `answer(master)`.
function M.noting(notes, answer)
    return function(master)
        local words = { master.function_ }
        for i = 1, select("#", master:arguments()) do
            local value = (select(i, master:arguments()))
            words[#words + 1] = type(value) == "table"
                    and #value > 0
                    and getmetatable(value) == nil
                    and table.concat(value, "+")
                or tostring(value)
        end
        notes[#notes + 1] = table.concat(words, " ")
        answer(master)
    end
end

--- For `run`: no call is expected.
function M.none(master) error("a call that nobody made: " .. master.function_, 0) end

return M
