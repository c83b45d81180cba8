--- Grants: which descriptors a sandboxed actor may be given.
---
--- Regular files, pipes and sockets of the UNIX and internet families lead to no further than themselves. Whatever
--- leads further is refused by what it is ("a directory"), unless the caller allows that kind by its name.
---
--- A standard stream that is shared is opened anew where it is a terminal, or a pipe to write to: in one direction,
--- and with flags of its own. (A pipe to read from, opened when nobody writes to it any more, would not tell poll(2)
--- that it has ended.)
---
--- Errors:   raises ljos.Error: EINVAL, which names the parameter
--- Suspends: never
--- Needs:    /proc
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local check_list = require "ljos.error.list"
local error_ = require "ljos.error"
local kernel = require "ljos.syscall.kernel"
local native = require "ljos.native"

ffi.cdef [[
int isatty(int fd);
int libc_socket_option(int, int, int, void *, unsigned *) __asm__("getsockopt");
int libc_set_flag(int fd, unsigned long request, const int *value) __asm__("ioctl");
]]

local band, bor = bit.band, bit.bor
local constants, socket = calls.constants, native.constant_table "socket"
local O_ACCMODE = 3

---@class ljos.sandbox.grants
local M = {}

---@alias ljos.SandboxGrant "device"|"directory"|"kernel"|"program"|"socket"|"terminal"

local KINDS = {
    device = "a device other than /dev/null, zero, full, random and urandom",
    directory = "a directory, or opened as a path: it may lead to other files",
    kernel = "an object of the kernel, or a file of it, as those of /proc and /sys",
    program = "a file of ljos or of this program, open for writing",
    socket = "a socket of a family other than UNIX, IPv4 and IPv6",
    terminal = "a terminal: what is typed into it can be read, and its settings changed",
}

--- Checks the option `allow`; returns the set of the kinds in it.
---@param allow ljos.SandboxGrant[]?
---@return table<string, boolean>
function M.allowed_of(allow)
    local allowed = {}
    if allow == nil then return allowed end
    for _, kind in ipairs(check_list(allow, "allow")) do
        if not KINDS[kind] then error_.argument("allow", "no kind of grant is named " .. tostring(kind)) end
        allowed[kind] = true
    end
    return allowed
end

local fields, other = calls.status_type(), calls.status_type()
local value, length = ffi.new "int[1]", ffi.new "unsigned[1]"

local HARMLESS = {
    ["anon_inode:[eventfd]"] = true,
    ["anon_inode:[timerfd]"] = true,
    ["anon_inode:[signalfd]"] = true,
}
local MEMORY_DEVICES, HARMLESS_MINORS = 1, { [3] = true, [5] = true, [7] = true, [8] = true, [9] = true }

local function is_of_this_program()
    for _, path in ipairs { "/proc/self/exe", native.path } do
        local found = calls.statx(constants.AT_FDCWD, path, 0, other) == 0
        if
            found
            and other.inode == fields.inode
            and other.device_major == fields.device_major
            and other.device_minor == fields.device_minor
        then
            return true
        end
    end
    return false
end

local function kind_of_socket(fd)
    length[0] = ffi.sizeof(value)
    ffi.C.libc_socket_option(fd, socket.SOL_SOCKET, socket.SO_DOMAIN, value, length)
    local family = value[0]
    if family ~= socket.AF_UNIX and family ~= socket.AF_INET and family ~= socket.AF_INET6 then return "socket" end
end

local function kind_of_device(fd, format)
    if ffi.C.isatty(fd) == 1 then return "terminal" end
    local is_memory = format == constants.S_IFCHR and fields.special_major == MEMORY_DEVICES
    if not (is_memory and HARMLESS_MINORS[fields.special_minor]) then return "device" end
end

-- File systems whose files are the kernel's own, wherever they are mounted.
local OF_KERNEL = {}
for name in
    ([[PROC_SUPER SYSFS CGROUP_SUPER CGROUP2_SUPER TRACEFS DEBUGFS SECURITYFS EFIVARFS BPF_FS RDTGROUP_SUPER XENFS_SUPER
    NSFS PID_FS]]):gmatch "%S+"
do
    OF_KERNEL[native.constant("MAGIC", name .. "_MAGIC")] = true
end

local fstatfs, file_system = kernel.call(native.constant("SYS", "__NR_fstatfs"), "ip"), ffi.new(native.struct "statfs")

local function is_of_kernel(fd, arg)
    error_.check(fstatfs(fd, file_system), { arg = arg })
    return OF_KERNEL[tonumber(file_system.f_type)] or false
end

-- What about a descriptor must be allowed; nil: nothing.
local function kind_of(fd, arg)
    local flags = error_.check(calls.fcntl(fd, constants.F_GETFL, 0), { arg = arg })
    error_.check(calls.statx(fd, "", constants.AT_EMPTY_PATH, fields), { arg = arg })
    local format = band(fields.mode, constants.S_IFMT)
    if format == constants.S_IFDIR or band(flags, constants.O_PATH) ~= 0 then return "directory" end
    if format == constants.S_IFSOCK then return kind_of_socket(fd) end
    if format == constants.S_IFCHR or format == constants.S_IFBLK then return kind_of_device(fd, format) end
    if format == constants.S_IFIFO then return nil end
    -- Objects without a file may call themselves regular ones.
    local link = calls.readlinkat(constants.AT_FDCWD, "/proc/self/fd/" .. fd)
    if HARMLESS[link] then return nil end
    if type(link) ~= "string" or not link:find "^/" or is_of_kernel(fd, arg) then return "kernel" end
    if band(flags, O_ACCMODE) ~= constants.O_RDONLY and is_of_this_program() then return "program" end
end

--- Raises unless the descriptor may be granted.
---@param fd integer
---@param arg string  the parameter's name
---@param allowed table<string, boolean>
function M.check(fd, arg, allowed)
    local kind = kind_of(fd, arg)
    if not kind or allowed[kind] then return end
    error_.argument(arg, ('%s; allow = { "%s" } grants it all the same'):format(KINDS[kind], kind))
end

local STREAMS = { [0] = "stdin", "stdout", "stderr" }

-- A descriptor of its own for a terminal, or a pipe to write to, that is shared; nil where it is something else.
local function reopened(fd)
    if calls.statx(fd, "", constants.AT_EMPTY_PATH, fields) < 0 then return nil end
    local format = band(fields.mode, constants.S_IFMT)
    local is_output = format == constants.S_IFIFO and fd ~= 0
    if not is_output and ffi.C.isatty(fd) == 0 then return nil end
    local access = fd == 0 and constants.O_RDONLY or constants.O_WRONLY
    -- Opening a pipe that has no other end would wait for one.
    local flags = bor(access, constants.O_NONBLOCK, constants.O_NOCTTY) --[[@as integer]]
    local own = calls.openat(constants.AT_FDCWD, "/proc/self/fd/" .. fd, flags, 0)
    if own < 0 then return nil end
    value[0] = 0
    ffi.C.libc_set_flag(own, constants.FIONBIO, value)
    return own
end

--- Checks the standard streams and opens those anew that are shared; `open` gets each descriptor that is to be closed
--- after the start.
---@param stdio table<integer, integer>
---@param options ljos.SandboxOptions
---@param allowed table<string, boolean>
---@param open fun(fd: integer): integer
---@return table<integer, integer>
function M.streams(stdio, options, allowed, open)
    local streams = {}
    for number, fd in pairs(stdio) do
        local name = STREAMS[number] --[[@as string]]
        local own = options[name] == "share" and not allowed.terminal and reopened(fd)
        if own then
            streams[number] = open(own)
        else
            M.check(fd, name, allowed)
            streams[number] = fd
        end
    end
    return streams
end

return M
