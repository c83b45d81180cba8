--- The system calls of init scripts, by their names in the table `C`; each returns its result and the errno.
---
--- Errors:   never; a wrong argument raises, and so does what is FreeBSD's
--- Suspends: never
--- Needs:    each call what its man page says
local ffi = require "ffi"
local capabilities = require "ljos.actor.init_script.capabilities"
local error_ = require "ljos.error"
local kernel = require "ljos.syscall.kernel"
local landlock = require "ljos.actor.init_script.landlock"
local native = require "ljos.native"
local outcome = require "ljos.actor.init_script.outcome"
local seccomp = require "ljos.system.seccomp"

local C, check_type = ffi.C, error_.check_type
local of_libc, of_kernel = outcome.of_libc, outcome.of_kernel
local SYS = native.constant_table "SYS"

-- Functions of libc that work as usual.
local PROTOTYPES = {
    "int dup(int)",
    "int dup2(int, int)",
    "int close(int)",
    "int access(const char *, int)",
    "int eaccess(const char *, int)",
    "int mkdir(const char *, unsigned)",
    "int chdir(const char *)",
    "int mkfifo(const char *, unsigned)",
    "int socket(int, int, int)",
    "int listen(int, int)",
    "int mknod(const char *, unsigned, uint64_t)",
    "int link(const char *, const char *)",
    "int linkat(int, const char *, int, const char *, int)",
    "int symlink(const char *, const char *)",
    "int chown(const char *, unsigned, unsigned)",
    "int chmod(const char *, unsigned)",
    "int umask(unsigned)",
    "int mount(const char *, const char *, const char *, unsigned long, const void *)",
    "int umount(const char *)",
    "int umount2(const char *, int)",
    "int chroot(const char *)",
    "int setsid(void)",
    "int setpgid(int, int)",
    "int setresuid(unsigned, unsigned, unsigned)",
    "int setresgid(unsigned, unsigned, unsigned)",
    "int unshare(int)",
    "int setns(int, int)",
}

-- Calls that libc may not have, by their arguments: i an integer, s a string or nil, b the same with any bytes.
local SIGNATURES = {
    pivot_root = "ss",
    fsopen = "si",
    fsmount = "iii",
    move_mount = "isisi",
    fsconfig = "iisbi",
    fspick = "isi",
    open_tree = "isi",
}

native.declare [[
int open(const char *path, int flags, ...);
int64_t read(int fd, void *buffer, size_t size);
int64_t write(int fd, const void *buffer, size_t size);
int sethostname(const char *name, size_t length);
int setdomainname(const char *name, size_t length);
int setgroups(size_t count, const uint32_t *groups);
int libc_init_execve(const char *path, const char *const *argv, const char *const *envp) __asm__("execve");
int libc_init_fexecve(int fd, const char *const *argv, const char *const *envp) __asm__("fexecve");
int close_range(unsigned first, unsigned last, int flags);
uint64_t gnu_dev_makedev(unsigned major, unsigned minor);
struct ljos_init_mount_attr { uint64_t attr_set, attr_clr, propagation, userns_fd; };
]]

---@type table<string, fun(...: any): any, integer?>
local M = {}

-- C would take the text up to the NUL for the whole.
local function check_texts(...)
    for i = 1, select("#", ...) do
        local value = select(i, ...)
        if type(value) == "string" and value:find "%z" then error_.argument(i, "a NUL in a string") end
    end
end

for _, prototype in ipairs(PROTOTYPES) do
    ffi.cdef(prototype .. ";")
    local name = prototype:match "(%w+)%("
    local _, commas = prototype:gsub(",", "")
    local arity = prototype:find "%(void%)" and 0 or commas + 1
    -- What comes after the last argument does not count: the errno of the inner call in C.close(C.open(...)).
    M[name] = function(...)
        check_texts(...)
        local given = select("#", ...)
        if given < arity then error_.argument(given + 1, "a value expected") end
        return of_libc(C[name](unpack({ ... }, 1, arity)))
    end
end
M.unmount = M.umount2

-- The manual's recipes leave the last argument out.
local mount = M.mount
function M.mount(source, target, kind, flags, data) return mount(source, target, kind, flags, data) end

---@type table<string, type>
local EXPECTED = { i = "number", s = "string", b = "string" }

for name, signature in pairs(SIGNATURES) do
    local call = kernel.call(SYS["__NR_" .. name], (signature:gsub("[sb]", "p")))
    M[name] = function(...)
        for i = 1, #signature do
            local letter, value = signature:sub(i, i), select(i, ...)
            if value ~= nil or letter == "i" then check_type(value, EXPECTED[letter], i) end
            local is_cut = letter == "s" and value and value:find "%z"
            if is_cut then error_.argument(i, "a NUL in a string") end
        end
        return of_kernel(call(...))
    end
end

function M.open(path, flags, mode)
    check_texts(path)
    return of_libc(C.open(path, flags, ffi.cast("unsigned", mode or 0)))
end

local MAX_SIZE = 2 ^ 31 - 1

--- read(fd, size) -> string, errno
function M.read(fd, size)
    check_type(size, "number", 2)
    local is_size = size >= 0 and size <= MAX_SIZE
    if not is_size then error_.argument(2, "a number of bytes expected") end
    local buffer = ffi.new("char[?]", size)
    local count, errno = of_libc(C.read(fd, buffer, size))
    if count < 0 then return nil, errno end
    return ffi.string(buffer, count), 0
end

function M.write(fd, text)
    check_type(text, "string", 2)
    return of_libc(C.write(fd, text, #text))
end

function M.sethostname(name)
    check_type(name, "string", 1)
    return of_libc(C.sethostname(name, #name))
end

function M.setdomainname(name)
    check_type(name, "string", 1)
    return of_libc(C.setdomainname(name, #name))
end

function M.setgroups(groups)
    check_type(groups, "table", 1)
    for i = 1, #groups do
        check_type(groups[i], "number", "1/" .. i)
    end
    local array = ffi.new("uint32_t[?]", math.max(#groups, 1), groups)
    return of_libc(C.setgroups(#groups, array))
end

function M.makedev(major, minor) return tonumber(C.gnu_dev_makedev(major, minor)), 0 end

function M.closefrom(first) C.close_range(first, 0xffffffff, 0) end

local function strings(list, arg)
    check_type(list, "table", arg)
    local array = ffi.new("const char *[?]", #list + 1)
    for i = 1, #list do
        check_type(list[i], "string", ("%s/%d"):format(arg, i))
        if list[i]:find "%z" then error_.argument(("%s/%d"):format(arg, i), "a NUL in a string") end
        array[i - 1] = list[i]
    end
    return array
end

-- envp is a list, or a table NAME = value, or both.
local function environment_list(environment)
    if environment ~= nil then check_type(environment, "table", 3) end
    local list = {}
    for key, value in pairs(environment or {}) do
        check_type(value, "string", "3/" .. tostring(key))
        list[#list + 1] = type(key) == "number" and value or key .. "=" .. value
    end
    return list
end

function M.execve(path, argv, envp)
    check_texts(path)
    local list = environment_list(envp)
    return of_libc(C.libc_init_execve(path, strings(argv, 2), strings(list, 3)))
end

function M.fexecve(fd, argv, envp)
    local list = environment_list(envp)
    return of_libc(C.libc_init_fexecve(fd, strings(argv, 2), strings(list, 3)))
end

local mount_setattr = kernel.call(SYS.__NR_mount_setattr, "ipipi")
local MOUNT_ATTR = { attr_set = true, attr_clr = true, propagation = true, userns_fd = true }

--- mount_setattr(dirfd, pathname, flags, { attr_set, attr_clr, propagation, userns_fd })
function M.mount_setattr(dirfd, pathname, flags, attr)
    check_texts(dirfd, pathname)
    check_type(dirfd, "number", 1)
    check_type(flags, "number", 3)
    check_type(attr, "table", 4)
    local record = ffi.new "struct ljos_init_mount_attr"
    for key, value in pairs(attr) do
        if not MOUNT_ATTR[key] then error_.argument("4/" .. tostring(key), "mount_setattr has no such attribute") end
        check_type(value, "number", "4/" .. key)
        record[key] = value
    end
    return of_kernel(mount_setattr(dirfd, pathname or "", flags, record, ffi.sizeof(record)))
end

local prctl = kernel.call(SYS.__NR_prctl, "iipii")
local PR = native.constant_table "PR"

--- seccomp_set_mode_filter(bpf_fprogram)
function M.seccomp_set_mode_filter(bpf_fprogram)
    local program = seccomp.program(bpf_fprogram, 1)
    local mode = native.constant_table("SECCOMP_MODE").SECCOMP_MODE_FILTER
    return of_kernel(prctl(PR.PR_SET_SECCOMP, mode, program, 0, 0))
end

function M.set_no_new_privs() return of_kernel(prctl(PR.PR_SET_NO_NEW_PRIVS, 1, nil, 0, 0)) end

for _, name in ipairs { "cap_enter", "caph_limit_stdio", "caph_cache_tzdata", "jail_attach", "jail_set" } do
    M[name] = function() error_.not_on_linux("C." .. name, "FreeBSD") end
end

for _, group in ipairs { capabilities, landlock } do
    for name, call in pairs(group) do
        M[name] = call
    end
end

return M
