-- Attacks for the sandbox's specs: the same code runs outside, where it works, and inside, where it must not.
local ffi = require "ffi"
local inbox = require "ljos.inbox"
local process = require "ljos.process"
local sandbox = require "ljos.sandbox"

local M = {}

ffi.cdef "long syscall(long, ...);"

-- What every attack can use: libc, and `call`, which turns -1 into -errno.
M.PRELUDE = [[
local ffi = require "ffi"
local C = ffi.C
ffi.cdef "struct attack_sockaddr_in { uint16_t family; uint8_t port[2]; uint32_t address; uint8_t zero[8]; };"
ffi.cdef "struct attack_sockaddr_un { uint16_t family; char path[108]; };"
ffi.cdef "int open(const char *, int, ...); int close(int);"
ffi.cdef "int mkdir(const char *, unsigned); int rmdir(const char *); int fcntl(int, int, ...);"
ffi.cdef "int socket(int, int, int); int connect(int, const void *, unsigned); int bind(int, const void *, unsigned);"
ffi.cdef "int getpid(void); int kill(int, int); unsigned getuid(void); int setuid(unsigned);"
ffi.cdef "int setgroups(size_t, void *); int unshare(int); int ptrace(long, int, long, long);"
ffi.cdef "long syscall(long, ...); int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);"
ffi.cdef "int chroot(const char *); int mount(const char *, const char *, const char *, unsigned long, const void *);"
ffi.cdef "int sethostname(const char *, size_t); extern char **environ;"
local function call(result)
    result = tonumber(result)
    return result >= 0 and result or -ffi.errno()
end
-- A system call by number; the arguments are numbers or pointers.
local function raw(number, ...)
    local words = { ... }
    for i, word in ipairs(words) do
        if type(word) == "number" then words[i] = ffi.cast("long", word) end
    end
    return call(C.syscall(number, unpack(words)))
end
local function closing(result)
    result = call(result)
    if result >= 0 then C.close(result) return 0 end
    return result
end
]]

--- Runs an attack in this process; it returns a leaf.
function M.outside(code, ...) return assert(loadstring(M.PRELUDE .. code, "=attack"))(...) end

--- Waits for the actor's end: nothing of it is left then.
function M.finish(channel)
    channel:close()
    process.wait(channel.child)
end

local ACTOR = [[
local inbox = require "inbox"
local first = (function(...) %s end)(...)
inbox:receive():send(first == nil and "nil" or first)
]]

--- Runs an attack as the first lines of a sandboxed actor. `options` are sandbox.spawn's.
function M.inside(code, options)
    options = options or {}
    options.source = M.PRELUDE .. ACTOR:format(code)
    options.stderr = "share"
    local channel = sandbox.spawn(options)
    channel:send(inbox)
    local result = inbox:receive()
    M.finish(channel)
    return result
end

--- Runs an attack that ends its process, as the whole of a sandboxed actor; returns the exit status.
function M.ending(code, options)
    options = options or {}
    options.source = M.PRELUDE .. code
    local channel = sandbox.spawn(options)
    M.finish(channel)
    return channel.child.code
end

--- The number of a system call, from the native library.
function M.number_of(name) return require("ljos.native").constant_table("SYS")["__NR_" .. name] end

--- The Landlock version of this kernel; 0 without Landlock.
function M.landlock_abi()
    local abi = tonumber(ffi.C.syscall(444, ffi.cast("long", 0), ffi.cast("long", 0), ffi.cast("long", 1)))
    return math.max(abi or 0, 0)
end

return M
