--- Opening, duplicating and controlling descriptors.
---
--- Descriptors are made close-on-exec. The pseudo flag "nocloexec", in every group that has CLOEXEC, leaves one open
--- across execve(2).
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    openat2: Linux 5.6
local bit = require "bit"
local ffi = require "ffi"
local Error = require "ljos.error"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"
local either = require("ljos.syscall.group").either

local number, at, path_of, flag, cloexec = fd.number, fd.at, argument.path, argument.flag, argument.cloexec
local t = types.t

---@class ljos.syscall.call.open
local M = {}

local O = c.O
local openat = kernel.retry(kernel.call("openat", "ipii"))

--- Opens a file: open(2). Flags default to "rdonly"; descriptors are close-on-exec unless "nocloexec" is among them.
---@param path string
---@param flags? string|integer
---@param mode? string|integer
---@return ljos.syscall.Fd?
---@return ljos.Error?
function M.open(path, flags, mode)
    return fd.result(openat(c.AT_FDCWD.FDCWD, path_of(path, 1), cloexec(O, flags, 2), flag(c.MODE, mode, 3)))
end

function M.openat(dir, path, flags, mode)
    return fd.result(openat(at(dir, 1), path_of(path, 2), cloexec(O, flags, 3), flag(c.MODE, mode, 4)))
end

--- creat(2). Its flags are those of open beyond "creat, wronly, trunc".
function M.creat(path, mode, flags)
    local bits = either(cloexec(O, flags, 3), bit.bor(O.CREAT, O.WRONLY, O.TRUNC) --[[@as integer]])
    return fd.result(openat(c.AT_FDCWD.FDCWD, path_of(path, 1), bits, flag(c.MODE, mode, 2)))
end

local openat2 = kernel.retry(kernel.call("openat2", "ippi"))

--- openat2(2): `how` is {flags =, mode =, resolve =} or a t.open_how.
function M.openat2(dir, path, how)
    local given = how
    if type(how) == "table" or type(how) == "nil" then
        given = t.open_how()
        how = how or {}
        given.flags, given.mode = cloexec(O, how.flags, "flags"), flag(c.MODE, how.mode, "mode")
        given.resolve = flag(c.RESOLVE, how.resolve, "resolve")
    elseif type(how) ~= "cdata" or tonumber(how) then
        argument.wrong(3, "{flags =, mode =, resolve =}", how)
    end
    return fd.result(openat2(at(dir, 1), path_of(path, 2), given, ffi.sizeof(given)))
end

local close = kernel.libc("close", "int (int)")

--- Closes a descriptor. An object that is closed already gives true, a number gives EBADF.
function M.close(file)
    if type(file) == "number" then
        if close(file) == -1 then return kernel.fail() end
        return true
    end
    if ffi.istype(fd.ctype, file) then return fd.methods.close(file) end
    if type(file) == "table" and file.close then return file:close() end
    if close(number(file, 1)) == -1 then return kernel.fail() end
    return true
end

local fcntl = kernel.retry(kernel.call("fcntl", "iii"))
local fcntl_pointer = kernel.retry(kernel.call("fcntl", "iip"))
local dup3 = kernel.retry(kernel.call("dup3", "iii"))

--- dup(2); with a descriptor to replace dup2(2) and dup3(2).
function M.dup(file, new, flags)
    if new ~= nil then return M.dup3(file, new, flags) end
    local closing = cloexec(O, flags, 3) ~= 0
    return fd.result(fcntl(number(file, 1), closing and c.F.DUPFD_CLOEXEC or c.F.DUPFD, 0))
end

--- dup2(2): as the call is meant for making standard descriptors, the new one is not close-on-exec.
function M.dup2(old, new)
    local from, to = number(old, 1), number(new, 2)
    if from == to then
        local res = fcntl(from, c.F.GETFD, 0)
        if res < 0 then return kernel.failed(res) end
        return fd.new(to)
    end
    return fd.result(dup3(from, to, 0))
end

--- dup3(2): close-on-exec where the flags say so, as a standard descriptor is what it is for.
function M.dup3(old, new, flags)
    local bits = flag(O, flags, 3)
    if bits ~= 0 then bits = cloexec(O, bits, 3) end
    return fd.result(dup3(number(old, 1), number(new, 2), bits))
end

local getters = {
    GETFL = true,
    GETFD = true,
    GETOWN = true,
    GETSIG = true,
    GETLEASE = true,
    GETPIPE_SZ = true,
    GET_SEALS = true,
    SETPIPE_SZ = true,
    DUPFD_QUERY = true,
    CREATED_QUERY = true,
}
local lock_commands = { "GETLK", "SETLK", "SETLKW", "OFD_GETLK", "OFD_SETLK", "OFD_SETLKW" }
local argument_groups =
    { SETFL = "O", SETFD = "FD", SETSIG = "SIG", SETLEASE = "FCNTL_LOCK", ADD_SEALS = "F_SEAL", NOTIFY = "F" }

local kinds -- by number: "number", "fd", "lock", or a group of the argument
local function kind_of(cmd)
    if not kinds then
        kinds = {}
        for name in pairs(getters) do
            if c.F[name] then kinds[c.F[name]] = "number" end
        end
        for _, name in ipairs(lock_commands) do
            if c.F[name] then kinds[c.F[name]] = "lock" end
        end
        for name, group in pairs(argument_groups) do
            if c.F[name] then kinds[c.F[name]] = group end
        end
        kinds[c.F.DUPFD], kinds[c.F.DUPFD_CLOEXEC] = "fd", "fd"
        kinds[c.F.SETOWN_EX], kinds[c.F.GETOWN_EX] = "pointer", "pointer"
    end
    return kinds[cmd]
end

--- fcntl(2): getters give a number, "dupfd" a descriptor, "getlk" the lock found, the others true.
function M.fcntl(file, cmd, arg)
    local n, command = number(file, 1), flag(c.F, cmd, 2)
    local kind = kind_of(command)
    if kind == "lock" then
        local lock = argument.struct(t.flock, arg, 3)
        local res = fcntl_pointer(n, command, lock)
        if res < 0 then return kernel.failed(res) end
        if command == c.F.GETLK or command == c.F.OFD_GETLK then return lock end
        return true
    elseif kind == "pointer" then
        local owner = argument.room(t.f_owner_ex, arg, 3)
        local res = fcntl_pointer(n, command, owner)
        if res < 0 then return kernel.failed(res) end
        return command == c.F.GETOWN_EX and owner or true
    end
    local value
    if c[kind] then
        value = flag(c[kind], arg, 3)
    elseif kind == "fd" then
        value = arg == nil and 0 or number(arg, 3)
    else
        value = argument.integer(arg == nil and 0 or arg, 3)
    end
    local res = fcntl(n, command, value)
    if res < 0 then return kernel.failed(res) end
    if kind == "fd" then return fd.new(res) end
    if kind == "number" then return res end
    return true
end

local pair = ffi.new "int[2]"
local pipe2 = kernel.call("pipe2", "pi")

--- pipe2(2): true, nil, read end, write end.
function M.pipe2(flags)
    local res = pipe2(pair, cloexec(c.OPIPE, flags, 1))
    if res < 0 then return kernel.failed(res) end
    return true, nil, fd.new(pair[0]), fd.new(pair[1])
end
M.pipe = M.pipe2

local function shm_path(name)
    name = argument.text(name, 1):gsub("^/+", "")
    if name:find("/", 1, true) or name == "" then return nil end
    return "/dev/shm/" .. name
end

--- shm_open(3): POSIX shared memory, close-on-exec.
function M.shm_open(name, flags, mode)
    local path = shm_path(name)
    if not path then return nil, Error.errno(Error.errno_of.EINVAL) end
    return M.open(
        path,
        either(flag(O, flags, 2), bit.bor(O.NOFOLLOW, O.NONBLOCK) --[[@as integer]]) --[[@as integer]],
        mode
    )
end

local unlinkat = kernel.call("unlinkat", "ipi")
function M.shm_unlink(name)
    local path = shm_path(name)
    if not path then return nil, Error.errno(Error.errno_of.EINVAL) end
    return kernel.done(unlinkat(c.AT_FDCWD.FDCWD, path, 0))
end

local handle_at = kernel.call("name_to_handle_at", "ipppi")

--- name_to_handle_at(2): the handle, nil, and the mount's number.
function M.name_to_handle_at(dir, path, flags)
    local MAX = 128
    local head = types.s.file_handle
    local buffer = ffi.new("uint8_t[?]", head + MAX)
    local handle = types.pt.file_handle(buffer)
    handle.handle_bytes = MAX
    local mount = t.int1()
    local res = handle_at(at(dir, 1), path_of(path, 2), handle, mount, flag(c.AT, flags, 3))
    if res < 0 then return kernel.failed(res) end
    return buffer, nil, mount[0]
end

return M
