--- Types of files: stat, statfs, device numbers, directory entries, iovecs, inotify events, descriptor sets.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local extent = require "ljos.syscall.extent"
local struct = require "ljos.syscall.struct"
local native = require "ljos.native"
local c = require "ljos.syscall.constants"
local fail = require("ljos.syscall.blame").fail

local tonumber, type = tonumber, type

local M = {}
local t = struct.t

-- dev_t as the kernel packs it: 12 bits of major and 8 of minor low, the rest above (linux/kdev_t.h, "huge" encoding).
local function pack(major, minor)
    local low = bit.bor(bit.lshift(bit.band(major, 0xfff), 8), bit.band(minor, 0xff))
    low = bit.bor(low, bit.lshift(bit.band(minor, 0xfff00), 12)) % 2 ^ 32
    return bit.band(major, bit.bnot(0xfff)) % 2 ^ 32 * 2 ^ 32 + low + math.floor(minor / 2 ^ 20) * 2 ^ 44
end

local function define_device()
    ffi.cdef "struct ljos_device { uint64_t dev; };"
    local function number(self) return tonumber(self.dev) end
    local function major(self)
        local dev = number(self)
        return bit.bor(
            bit.band(bit.rshift(dev % 2 ^ 32, 8), 0xfff),
            bit.band(math.floor(dev / 2 ^ 32), bit.bnot(0xfff))
        )
    end
    local function minor(self)
        local low = number(self) % 2 ^ 32
        return bit.bor(bit.band(low, 0xff), bit.band(bit.rshift(low, 12), 0xfff00))
    end
    local get = { major = major, minor = minor, device = number, number = number }
    local ct = ffi.metatype("struct ljos_device", {
        __new = struct.guard("device", function(ct, first, second)
            if type(first) == "table" then
                first, second = first[1], first[2]
            end
            if ffi.istype(ct, first) then first = number(first) end
            return ffi.new(ct, second and pack(first, second) or first or 0)
        end),
        __index = function(self, key)
            local getter = get[key]
            if not getter then fail("device has no field " .. tostring(key)) end
            return getter(self)
        end,
        __eq = function(a, b)
            return ffi.istype("struct ljos_device", a) and ffi.istype("struct ljos_device", b) and a.dev == b.dev
        end,
        __tostring = function(self) return ("%d:%d"):format(major(self), minor(self)) end,
        __len = function(self) return ffi.sizeof(self) end,
    })
    struct.register("device", ct)
end

local kinds = {
    isreg = "FREG",
    isdir = "FDIR",
    ischr = "FCHR",
    isblk = "FBLK",
    isfifo = "FIFO",
    islnk = "FLNK",
    issock = "FSOCK",
}

local type_names = {
    FREG = "file",
    FDIR = "directory",
    FLNK = "link",
    FSOCK = "socket",
    FCHR = "char device",
    FBLK = "block device",
    FIFO = "named pipe",
}

local function define_stat()
    local _ = t.device
    local S_I = c.S_I
    local get = {
        dev = function(self) return t.device(tonumber(self.st_dev)) end,
        rdev = function(self) return t.device(tonumber(self.st_rdev)) end,
        type = function(self) return bit.band(self.st_mode, S_I.FMT) end,
        todt = function(self) return bit.rshift(self.st_mode, 12) end,
    }
    for alias, name in pairs { access = "atime", modification = "mtime", change = "ctime" } do
        get[alias] = function(self) return tonumber(self["st_" .. name]) end
    end
    for name, flag in pairs(kinds) do
        get[name] = function(self) return bit.band(self.st_mode, S_I.FMT) == S_I[flag] end
    end
    get.typename = function(self)
        local kind = bit.band(self.st_mode, S_I.FMT)
        for flag, name in pairs(type_names) do
            if S_I[flag] == kind then return name end
        end
        return "other"
    end
    struct.define("stat", {
        prefix = "st_",
        short = "ino mode nlink uid gid size blksize blocks atime mtime ctime atime_nsec mtime_nsec ctime_nsec",
        get = get,
        methods = {
            major = function(self) return self.rdev.major end,
            minor = function(self) return self.rdev.minor end,
        },
    })
end

local function define_statx()
    local function stamp(name)
        return function(self)
            local time = self["stx_" .. name]
            return tonumber(time.tv_sec) + tonumber(time.tv_nsec) / 1e9
        end
    end
    struct.define("statx", {
        prefix = "stx_",
        short = "mask blksize attributes nlink uid gid mode ino size blocks attributes_mask mnt_id dev_major dev_minor "
            .. "rdev_major rdev_minor dio_mem_align dio_offset_align subvol",
        get = { atime = stamp "atime", btime = stamp "btime", ctime = stamp "ctime", mtime = stamp "mtime" },
    })
end

local function define_flock()
    struct.define("flock", {
        prefix = "l_",
        short = "start len pid",
        get = {
            type = function(self) return tonumber(self.l_type) end,
            whence = function(self) return tonumber(self.l_whence) end,
        },
        set = {
            type = function(self, value) self.l_type = assert(c.FCNTL_LOCK[value], "lock type expected") end,
            whence = function(self, value) self.l_whence = assert(c.SEEK[value], "whence expected") end,
        },
    })
end

-- Directory entries: a pointer into the buffer, with the type's tests in upper case.
local function define_dirent()
    struct.define("dirent", {
        get = {
            ino = function(self) return tonumber(self.d_ino) end,
            off = function(self) return tonumber(self.d_off) end,
            type = function(self) return tonumber(self.d_type) end,
            name = function(self) return ffi.string(self.d_name) end,
            reclen = function(self) return tonumber(self.d_reclen) end,
            toif = function(self) return bit.lshift(self.d_type, 12) end,
        },
        missing = function(self, key)
            local value = c.DT[key]
            if value == nil then fail("dirent has no field " .. tostring(key)) end
            return self.d_type == value
        end,
    })
end

--- Iterates the directory entries of a buffer: name, entry.
local function dirents(buffer, size)
    extent.check_records(buffer, size)
    local at = 0
    local bytes = ffi.cast("uint8_t *", buffer)
    return function()
        if at >= size then return nil end
        local entry = struct.pt.dirent(bytes + at)
        at = at + entry.d_reclen
        return entry.name, entry
    end
end

-- One vector: a string (copied, so that reads and writes see the same kind of buffer), the size of a new buffer, a
-- buffer, another iovec, or {buffer, length}. What it points to lives as long as the array.
local function fill_iovec(self, iov, i, item)
    local size
    if type(item) == "table" then
        item, size = item[1], item[2]
    end
    if type(item) == "number" then
        item = argument.fresh(item, 1)
    elseif type(item) == "string" then
        size = size or #item
        local copy = argument.fresh(math.max(size, 1), 1)
        ffi.copy(copy, item, math.min(size, #item))
        item = copy
    elseif type(item) == "cdata" and size == nil and ffi.istype(native.struct "iovec", item) then
        struct.anchor(self, -i, item)
        item, size = item.iov_base, item.iov_len
    elseif type(item) ~= "cdata" then
        fail("buffer, string or number expected, got " .. type(item))
    end
    local ok, memory, count = pcall(argument.bytes, item, size, 1, true) ---@type boolean, any, any
    if not ok then fail(tostring(memory.detail)) end
    struct.anchor(self, i, item)
    iov.iov_base, iov.iov_len = ffi.cast("void *", memory), count
end

local function iovecs_text(self)
    local parts = {}
    for i = 0, self.count - 1 do
        parts[#parts + 1] = ffi.string(self.iov[i].iov_base, self.iov[i].iov_len)
    end
    return table.concat(parts)
end

-- Events that answer for each flag of a group by its name.
local function event_metatable(group)
    return {
        __index = function(self, key)
            local value = type(key) == "string" and c[group][key]
            if type(value) == "number" then return bit.band(rawget(self, "mask"), value) ~= 0 end
        end,
    }
end
local Event, FileEvent = event_metatable "IN", event_metatable "FAN"

-- inotify(7): the events in a buffer as a list of {wd, mask, cookie, name}.
local function inotify_events(buffer, size)
    extent.check_records(buffer, size)
    local list, at = {}, 0
    local head = ffi.sizeof(native.struct "inotify_event")
    local bytes = ffi.cast("uint8_t *", buffer)
    while at + head <= size do
        local event = ffi.cast(native.struct "inotify_event" .. " *", bytes + at)
        local name = event.len > 0 and ffi.string(ffi.cast("char *", bytes + at + head)) or nil
        list[#list + 1] = setmetatable({ wd = event.wd, mask = event.mask, cookie = event.cookie, name = name }, Event)
        at = at + head + event.len
    end
    return list
end

-- fanotify(7): the events in a buffer as a list of {mask, pid, fd}.
local function fanotify_events(buffer, size)
    extent.check_records(buffer, size)
    local list, at = {}, 0
    local c_name = native.struct "fanotify_event_metadata"
    local head, bytes = ffi.sizeof(c_name), ffi.cast("uint8_t *", buffer)
    while at + head <= size do
        local event = ffi.cast(c_name .. " *", bytes + at)
        local file = event.fd >= 0 and require("ljos.syscall.fd").new(event.fd) or nil
        list[#list + 1] = setmetatable({ mask = tonumber(event.mask), pid = event.pid, fd = file }, FileEvent)
        if event.event_len < head then break end
        at = at + event.event_len
    end
    return list
end

local definitions = {
    device = define_device,
    stat = define_stat,
    statx = define_statx,
    flock = define_flock,
    dirent = define_dirent,
    dirents = function()
        t.dirents = function(buffer, size)
            local _ = t.dirent
            return dirents(buffer, size)
        end
    end,
    statfs = function()
        struct.define("statfs", {
            prefix = "f_",
            short = "type bsize blocks bfree bavail files ffree namelen frsize flags",
        })
    end,
    iovec = function()
        struct.define("iovec", {
            get = {
                base = function(self) return self.iov_base end,
                len = function(self) return tonumber(self.iov_len) end,
            },
            set = {
                base = function(self, value) self.iov_base = ffi.cast("void *", value) end,
                len = function(self, value) self.iov_len = value end,
            },
        })
    end,
    iovecs = function()
        struct.define_array("iovecs", "iovec", "iov", { first = 1, fill = fill_iovec, tostring = iovecs_text })
    end,
    inotify_event = function() struct.define "inotify_event" end,
    fanotify_events = function() t.fanotify_events = fanotify_events end,
    inotify_events = function() t.inotify_events = inotify_events end,
    fdset = function()
        ffi.cdef "struct ljos_fdset { uint64_t fds_bits[16]; };"
        struct.define_opaque("fdset", "struct ljos_fdset")
    end,
}

---@param name string
function M.define(name) definitions[name]() end

return M
