--- The machine: its names, its log, its mounts, its settings; and calls by number.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    statmount, listmount: Linux 6.8
local bit = require "bit"
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local flag, integer, path_of = argument.flag, argument.integer, argument.path
local t = types.t

---@class ljos.syscall.call.system
local M = {}

local uname = kernel.call("uname", "p")
--- uname(2): a table of strings.
function M.uname()
    local u = t.utsname()
    local res = uname(u)
    if res < 0 then return kernel.failed(res) end
    local result = {}
    for _, name in ipairs { "sysname", "nodename", "release", "version", "machine", "domainname" } do
        result[name] = ffi.string(u[name])
    end
    return result
end
function M.gethostname()
    local u, err = M.uname()
    if not u then return nil, err end
    return u.nodename
end
function M.getdomainname()
    local u, err = M.uname()
    if not u then return nil, err end
    return u.domainname
end
for _, name in ipairs { "sethostname", "setdomainname" } do
    local f = kernel.call(name, "pi")
    M[name] = function(text)
        if type(text) ~= "string" then argument.wrong(1, "string", text) end
        return kernel.done(f(text, #text))
    end
end

local sysinfo = kernel.call("sysinfo", "p")
function M.sysinfo(info)
    info = argument.room(t.sysinfo, info, 1)
    local res = sysinfo(info)
    if res < 0 then return kernel.failed(res) end
    return info
end

local syslog = kernel.call("syslog", "ipi")
--- syslog(2), which the C library calls klogctl: the kernel's log.
function M.syslog(kind, buffer, length)
    buffer = argument.buffer(buffer, 2)
    if not length and buffer then length = ffi.sizeof(buffer) end
    return kernel.number(syslog(integer(kind, 1), buffer, argument.size(length or 0, 3, buffer)))
end
M.ksyslogctl = M.syslog

--- Reads a setting under /proc/sys ("kernel.ostype"), without its newline; with `new` writes it and gives the old
--- value.
function M.sysctl(name, new)
    local S = require "ljos.syscall"
    if type(name) ~= "string" then argument.wrong(1, "string", name) end
    local path = "/proc/sys/" .. name:gsub("%.", "/")
    local file, err = S.open(path, "rdonly")
    if not file then return nil, err end
    local old, why = file:read(nil, 4096)
    file:close()
    if not old then return nil, why end
    old = old:gsub("\n$", "")
    if new ~= nil then
        file, err = S.open(path, "wronly")
        if not file then return nil, err end
        local ok
        ok, why = file:write(tostring(new))
        file:close()
        if not ok then return nil, why end
    end
    return old
end

local reboot = kernel.call("reboot", "iiip")
function M.reboot(cmd)
    local g = c.LINUX_REBOOT
    return kernel.done(reboot(g.MAGIC1, g.MAGIC2, flag(c.LINUX_REBOOT_CMD, cmd, 1), nil))
end

local mount = kernel.call("mount", "pppip")
--- mount(2): a nil source is "none".
function M.mount(source, target, filesystemtype, flags, data)
    return kernel.done(
        mount(
            source == nil and "none" or path_of(source, 1),
            path_of(target, 2),
            argument.pointer(filesystemtype, 3),
            flag(c.MS, flags, 4),
            argument.pointer(data, 5)
        )
    )
end
local umount = kernel.call("umount2", "pi")
function M.unmount(target, flags) return kernel.done(umount(path_of(target, 1), flag(c.UMOUNT, flags, 2))) end

--- The errno of the C library; with a number sets it.
function M.errno(value)
    if value ~= nil then return ffi.errno(value) end
    return ffi.errno()
end

--- posix_fadvise(2) in its own order of arguments.
function M.posix_fadvise(file, offset, length, advice)
    local kind = flag(c.POSIX_FADV, advice, 4)
    return require("ljos.syscall").fadvise(file, kind, integer(offset or 0, 2), integer(length or 0, 3))
end

--- syscall(2): any call by number or name; integers and pointers as they come. The result is a number.
function M.syscall(number, ...)
    local nr = type(number) == "string" and rawget(c.SYS, number:lower()) or number
    if type(nr) ~= "number" then argument.wrong(1, "system call", number) end
    local signature, args, n = {}, { ... }, select("#", ...)
    if n > 6 then argument.wrong(8, "at most 6 arguments", n) end
    for i = 1, n do
        local kind = type(args[i])
        local is_number = kind == "number" or kind == "cdata" and tonumber(args[i])
        if kind == "boolean" then
            args[i], is_number = args[i] and 1 or 0, true
        end
        if kind == "table" or kind == "cdata" and pcall(function() return args[i].getfd end) and args[i].getfd then
            args[i], is_number = require("ljos.syscall.fd").number(args[i], i + 1), true
        end
        if not is_number then args[i] = argument.pointer(args[i], i + 1) end
        signature[i] = is_number and "i" or "p"
    end
    return kernel.number(kernel.call(nr, table.concat(signature))(unpack(args, 1, n)))
end

local statmount = kernel.call("statmount", "ppii")
local listmount = kernel.call("listmount", "ppii")

local function request(id, param)
    local req = t.mnt_id_req()
    req.size, req.mnt_id, req.param = 24, integer(id, 1), integer(param, 2)
    return req
end

local STRINGS = {
    MNT_POINT = "mnt_point",
    MNT_ROOT = "mnt_root",
    FS_TYPE = "fs_type",
    FS_SUBTYPE = "fs_subtype",
    MNT_OPTS = "mnt_opts",
    SB_SOURCE = "sb_source",
}
local BASIC = "sb_basic, mnt_basic, propagate_from, mnt_root, mnt_point, fs_type"

--- statmount(2): a t.statmount, nil, and a table of its strings (mnt_point, mnt_root, fs_type, ...). Without a mask it
--- tells what every kernel that has the call knows.
function M.statmount(id, mask)
    if mask == nil then mask = BASIC end
    local size = 16384
    local buffer = ffi.new("uint64_t[?]", size / 8)
    local res = statmount(request(id, flag(c.STATMOUNT, mask, 2)), buffer, size, 0)
    if res < 0 then return kernel.failed(res) end
    local info = types.pt.statmount(buffer)
    local text = ffi.cast("char *", buffer) + types.s.statmount
    local strings = {}
    for bit_name, field in pairs(STRINGS) do
        if bit.band(tonumber(info.mask), c.STATMOUNT[bit_name]) ~= 0 then
            strings[field] = ffi.string(text + info[field])
        end
    end
    return info, nil, strings, buffer
end

--- listmount(2): the ids of the mounts below `id` (default: the root), as 64-bit numbers.
function M.listmount(id, last, count)
    count = count or 1024
    local room = argument.fresh(argument.size(count, 3) * 8, 3)
    local ids = ffi.cast("uint64_t *", room)
    local res =
        listmount(request(id or ffi.cast("uint64_t", ffi.new("int64_t", c.LSMT.ROOT)), last or 0), ids, count, 0)
    if res < 0 then return kernel.failed(res) end
    local list = {}
    for i = 0, res - 1 do
        list[i + 1] = ids[i]
    end
    return list
end

-- A command of quotactl(2) and the kind of quota, "getquota, usrquota", in one number.
local function quota_command(cmd, position)
    if type(cmd) ~= "string" then return integer(cmd, position) end
    local command, kind = cmd:match "^%s*([%w_]+)%s*,?%s*([%w_]*)%s*$"
    if not command then argument.wrong(position, "command and kind of quota", cmd) end
    local of_type = kind == "" and 0 or flag(c.QTYPE, kind, position)
    return bit.bor(bit.lshift(flag(c.Q, command, position), 8), of_type)
end

local quotactl, quotactl_fd = kernel.call("quotactl", "ipip"), kernel.call("quotactl_fd", "iiip")
local GETQUOTA = c.Q.GETQUOTA

local function quota(f, where, cmd, id, block)
    local reads = bit.rshift(cmd, 8) == bit.band(GETQUOTA, 0xffffff)
    if reads and block == nil then block = t.dqblk() end
    local res = f(cmd, where, id, block)
    if res < 0 then return kernel.failed(res) end
    return reads and block or true
end

--- quotactl(2): (command, device, id, struct); "getquota, usrquota" gives a t.dqblk.
function M.quotactl(cmd, special, id, block)
    local number = quota_command(cmd, 1)
    return quota(quotactl, argument.pointer(special, 2), number, integer(id or 0, 3), argument.buffer(block, 4))
end

--- quotactl_fd(2): (descriptor, command, id, struct).
function M.quotactl_fd(file, cmd, id, block)
    local n, number = fd.number(file, 1), quota_command(cmd, 2)
    local function call(command, where, who, struct) return quotactl_fd(where, command, who, struct) end
    return quota(call, n, number, integer(id or 0, 3), argument.buffer(block, 4))
end

return M
