--- What files are: stat and its relatives, owners, times, names of links, directories.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    statx: Linux 4.11
local ffi = require "ffi"
local Error = require "ljos.error"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local number, at, path_of, flag, integer = fd.number, fd.at, argument.path, argument.flag, argument.integer
local t = types.t
local type, tonumber = type, tonumber

---@class ljos.syscall.call.stat
local M = {}

local FDCWD = c.AT_FDCWD.FDCWD
-- glibc has had it as a function since 2.33.
local has_stat, found = pcall(kernel.libc, "stat", "int (const char *, void *)")
local stat_c = found --[[@as function]]
local fstatat = kernel.call(rawget(c.SYS, "newfstatat") and "newfstatat" or "fstatat", "ippi")
local fstat = kernel.call("fstat", "ip")

local stat_type, istype = t.stat, ffi.istype
-- What the kernel fills where the caller gives no struct; it is copied on success, so that a failure makes no garbage.
local room, room_x, room_fs = t.stat(), t.statx(), t.statfs()

local function result(res, given, filled, make)
    if res < 0 then return kernel.failed(res) end
    return given or make(filled)
end

--- stat(2): a t.stat, or the one passed filled in.
function M.stat(path, buffer)
    if type(path) ~= "string" then path = path_of(path, 1) end
    local target = buffer
    if buffer == nil then
        target = room
    elseif not istype(stat_type, buffer) then
        target = argument.room(t.stat, buffer, 2)
    end
    if stat_c(path, target) == -1 then return kernel.fail() end
    return buffer or stat_type(target)
end

if not has_stat then M.stat = function(path, buffer) return M.fstatat(nil, path, buffer, 0) end end

function M.lstat(path, buffer)
    local target = buffer == nil and room or argument.room(t.stat, buffer, 2)
    return result(fstatat(FDCWD, path_of(path, 1), target, c.AT.SYMLINK_NOFOLLOW), buffer, target, t.stat)
end

function M.fstat(file, buffer)
    local target = buffer == nil and room or argument.room(t.stat, buffer, 2)
    return result(fstat(number(file, 1), target), buffer, target, t.stat)
end

function M.fstatat(dir, path, buffer, flags)
    local target = buffer == nil and room or argument.room(t.stat, buffer, 3)
    return result(fstatat(at(dir, 1), path_of(path, 2), target, flag(c.AT, flags, 4)), buffer, target, t.stat)
end

local statx = kernel.call("statx", "ipiip")

--- statx(2): mask defaults to the basic fields and the birth time.
function M.statx(dir, path, flags, mask, buffer)
    local target = buffer == nil and room_x or argument.room(t.statx, buffer, 5)
    if mask == nil then mask = c.STATX("basic_stats", "btime") end
    local res = statx(at(dir, 1), path_of(path, 2), flag(c.AT, flags, 3), flag(c.STATX, mask, 4), target)
    return result(res, buffer, target, t.statx)
end

local statfs, fstatfs = kernel.call("statfs", "pp"), kernel.call("fstatfs", "ip")
function M.statfs(path, buffer)
    local target = buffer == nil and room_fs or argument.room(t.statfs, buffer, 2)
    return result(statfs(path_of(path, 1), target), buffer, target, t.statfs)
end
function M.fstatfs(file, buffer)
    local target = buffer == nil and room_fs or argument.room(t.statfs, buffer, 2)
    return result(fstatfs(number(file, 1), target), buffer, target, t.statfs)
end

local readlinkat = kernel.call("readlinkat", "ippi")
local scratch, SCRATCH = ffi.new "char[4096]", 4096
local function read_link(dir, path)
    local buffer, size = scratch, SCRATCH
    while true do
        local res = readlinkat(dir, path, buffer, size)
        if res < 0 then return kernel.failed(res) end
        if res < size then return ffi.string(buffer, res) end
        size = size * 2
        buffer = ffi.new("char[?]", size)
    end
end

--- readlink(2): the target, of any length.
function M.readlink(path) return read_link(FDCWD, path_of(path, 1)) end
function M.readlinkat(dir, path) return read_link(at(dir, 1), path_of(path, 2)) end

local getcwd = kernel.call("getcwd", "pi")
--- getcwd(2): a string, or with a buffer the buffer.
function M.getcwd(buffer, size)
    if buffer ~= nil then
        local res = getcwd(argument.bytes(buffer, size, 1, true))
        if res < 0 then return kernel.failed(res) end
        return buffer
    end
    local space, room_size = scratch, SCRATCH
    while true do
        local res = getcwd(space, room_size)
        if res >= 0 then return ffi.string(space) end
        if res ~= -Error.errno_of.ERANGE then return kernel.failed(res) end
        room_size = room_size * 2
        space = ffi.new("char[?]", room_size)
    end
end

-- A device is a t.device, a table {major, minor}, or a number.
local function device_of(dev, position)
    local made = argument.struct(t.device, dev, position) or t.device()
    if not istype(t.device, made) then argument.wrong(position, "device", dev) end
    return made
end
local function device(dev, position)
    if type(dev) == "number" then return dev end
    return tonumber(device_of(dev, position).dev)
end

local mknodat = kernel.call("mknodat", "ipii")
function M.mknod(path, mode, dev)
    return kernel.done(mknodat(FDCWD, path_of(path, 1), flag(c.S_I, mode, 2), device(dev, 3)))
end
function M.mknodat(dir, path, mode, dev)
    return kernel.done(mknodat(at(dir, 1), path_of(path, 2), flag(c.S_I, mode, 3), device(dev, 4)))
end
function M.mkfifo(path, mode)
    return kernel.done(mknodat(FDCWD, path_of(path, 1), c.S_I(flag(c.MODE, mode, 2), "fifo"), 0))
end
function M.mkfifoat(dir, path, mode)
    return kernel.done(mknodat(at(dir, 1), path_of(path, 2), c.S_I(flag(c.MODE, mode, 3), "fifo"), 0))
end

function M.major(dev) return device_of(dev, 1).major end
function M.minor(dev) return device_of(dev, 1).minor end
function M.makedev(major, minor) return t.device(integer(major, 1), integer(minor, 2)) end

local fchownat, fchown = kernel.call("fchownat", "ipiii"), kernel.call("fchown", "iii")
local function id(value, position) return value == nil and -1 or integer(value, position) end
function M.chown(path, uid, gid) return kernel.done(fchownat(FDCWD, path_of(path, 1), id(uid, 2), id(gid, 3), 0)) end
function M.lchown(path, uid, gid)
    return kernel.done(fchownat(FDCWD, path_of(path, 1), id(uid, 2), id(gid, 3), c.AT.SYMLINK_NOFOLLOW))
end
function M.fchown(file, uid, gid) return kernel.done(fchown(number(file, 1), id(uid, 2), id(gid, 3))) end
function M.fchownat(dir, path, uid, gid, flags)
    return kernel.done(fchownat(at(dir, 1), path_of(path, 2), id(uid, 3), id(gid, 4), flag(c.AT, flags, 5)))
end

local faccessat, faccessat2 = kernel.call("faccessat", "ipi"), kernel.call("faccessat2", "ipii")
--- faccessat(2): flags go through faccessat2(2), which knows them.
function M.faccessat(dir, path, mode, flags)
    local bits = flag(c.AT, flags, 4)
    if bits ~= 0 then return kernel.done(faccessat2(at(dir, 1), path_of(path, 2), flag(c.OK, mode, 3), bits)) end
    return kernel.done(faccessat(at(dir, 1), path_of(path, 2), flag(c.OK, mode, 3)))
end
M.faccessat2 = M.faccessat

local utimensat = kernel.call("utimensat", "ippi")
local function to_spec(times)
    if times == nil then return nil end
    local two = argument.struct(t.timeval2, times, 2)
    return t.timespec2 {
        { tonumber(two[0].tv_sec), tonumber(two[0].tv_usec) * 1000 },
        { tonumber(two[1].tv_sec), tonumber(two[1].tv_usec) * 1000 },
    }
end

function M.utimensat(dir, path, times, flags)
    return kernel.done(
        utimensat(at(dir, 1), path_of(path, 2), argument.struct(t.timespec2, times, 3), flag(c.AT, flags, 4))
    )
end
function M.futimens(file, times)
    return kernel.done(utimensat(number(file, 1), nil, argument.struct(t.timespec2, times, 2), 0))
end
function M.utimes(path, times) return kernel.done(utimensat(FDCWD, path_of(path, 1), to_spec(times), 0)) end
function M.futimes(file, times) return kernel.done(utimensat(number(file, 1), nil, to_spec(times), 0)) end
function M.lutimes(path, times)
    return kernel.done(utimensat(FDCWD, path_of(path, 1), to_spec(times), c.AT.SYMLINK_NOFOLLOW))
end
function M.futimesat(dir, path, times)
    local specs = to_spec(times)
    return kernel.done(utimensat(at(dir, 1), path_of(path, 2), specs, 0))
end
--- utime(2): whole seconds of access and modification; without them now.
function M.utime(path, access, modification)
    local times
    if access ~= nil then
        local first, second = integer(access, 2), integer(modification or access, 3)
        times = t.timespec2 { { first, 0 }, { second, 0 } }
    end
    return kernel.done(utimensat(FDCWD, path_of(path, 1), times, 0))
end

local getdents64 = kernel.call("getdents64", "ipi")
--- getdents(2): an iterator over name and entry; nil, nil at the end.
function M.getdents(file, buffer, size)
    buffer = argument.buffer(buffer, 2)
    size = argument.size(size or buffer and ffi.sizeof(buffer) or 4096, 3, buffer)
    buffer = buffer or argument.fresh(size, 3)
    local res = getdents64(number(file, 1), buffer, size)
    if res < 0 then return kernel.failed(res) end
    if res == 0 then return nil, nil end
    return t.dirents(buffer, res), buffer
end

local pathconf = kernel.libc("pathconf", "long (const char *, int)")
local fpathconf = kernel.libc("fpathconf", "long (int, int)")
local function configuration(res)
    res = tonumber(res)
    if res == -1 and ffi.errno() ~= 0 then return kernel.fail() end
    return res
end
function M.pathconf(path, name)
    ffi.errno(0)
    return configuration(pathconf(path_of(path, 1), flag(c.PC, name, 2)))
end
function M.fpathconf(file, name)
    ffi.errno(0)
    return configuration(fpathconf(number(file, 1), flag(c.PC, name, 2)))
end

local cachestat = kernel.call("cachestat", "ippi")
--- cachestat(2): what of a range, {off =, len =} or nil for all, is in the page cache: a t.cachestat.
function M.cachestat(file, range, stat, flags)
    stat = argument.room(t.cachestat, stat, 3)
    range = argument.struct(t.cachestat_range, range, 2) or t.cachestat_range()
    return result(cachestat(number(file, 1), range, stat, integer(flags or 0, 4)), stat)
end

local file_getattr = kernel.call("file_getattr", "ippii")
--- file_getattr(2): a t.file_attr.
function M.file_getattr(dir, path, attr, flags)
    attr = argument.room(t.file_attr, attr, 3)
    return result(file_getattr(at(dir, 1), path_of(path, 2), attr, ffi.sizeof(attr), flag(c.AT, flags, 4)), attr)
end

return M
