--- The system calls of init scripts, by their names in the table `C`; each returns its result and the errno.
---
--- Errors:   never; a wrong argument raises
--- Suspends: never
--- Needs:    each call what its man page says
local ffi = require "ffi"
local error_ = require "ljos.error"
local capabilities = require "ljos.actor.init_script.capabilities"
local landlock = require "ljos.actor.init_script.landlock"
local native = require "ljos.native"

local C = ffi.C
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
unsigned gnu_dev_major(uint64_t dev);
unsigned gnu_dev_minor(uint64_t dev);
long syscall(long number, ...);
struct ljos_init_sock_fprog { uint16_t count; const void *filter; };
struct ljos_init_mount_attr { uint64_t attr_set, attr_clr, propagation, userns_fd; };
]]

---@type table<string, fun(...: any): any, integer?>
local M = {}

-- A result of libc as the result and the errno.
local function answer(result)
    result = tonumber(result) --[[@as integer]]
    return result, result < 0 and ffi.errno() or 0
end

-- C would take the text up to the NUL for the whole.
local function check_texts(...)
    for i = 1, select("#", ...) do
        local value = select(i, ...)
        if type(value) == "string" and value:find("%z") then error_.argument(i, "a NUL in a string") end
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
        return answer(C[name](unpack({ ... }, 1, math.min(arity, select("#", ...)))))
    end
end
M.unmount = M.umount2

-- The manual's recipes leave the last argument out.
local mount = M.mount
function M.mount(source, target, kind, flags, data) return mount(source, target, kind, flags, data) end

-- Calls that libc may not have. Arguments are numbers and strings; nil is a null pointer.
local function raw(name)
    local number = SYS["__NR_" .. name]
    return function(...)
        check_texts(...)
        local arguments = { ... }
        for i = 1, select("#", ...) do
            local value = arguments[i]
            if value == nil then
                arguments[i] = ffi.cast("void *", nil)
            elseif type(value) == "number" then
                arguments[i] = ffi.cast("long", value)
            end
        end
        return answer(C.syscall(number, unpack(arguments, 1, select("#", ...))))
    end
end
for _, name in ipairs { "pivot_root", "fsopen", "fsmount", "move_mount", "fsconfig", "fspick", "open_tree" } do
    M[name] = raw(name)
end

function M.open(path, flags, mode)
    check_texts(path)
    return answer(C.open(path, flags, ffi.cast("unsigned", mode or 0)))
end

--- read(fd, size) -> string, errno
function M.read(fd, size)
    local buffer = ffi.new("char[?]", size)
    local count, errno = answer(C.read(fd, buffer, size))
    if count < 0 then return nil, errno end
    return ffi.string(buffer, count), 0
end

function M.write(fd, text) return answer(C.write(fd, text, #text)) end
function M.sethostname(name) return answer(C.sethostname(name, #name)) end
function M.setdomainname(name) return answer(C.setdomainname(name, #name)) end

function M.setgroups(groups)
    local array = ffi.new("uint32_t[?]", math.max(#groups, 1), groups)
    return answer(C.setgroups(#groups, array))
end

function M.makedev(major, minor) return tonumber(C.gnu_dev_makedev(major, minor)) end

function M.closefrom(first) C.close_range(first, 0xffffffff, 0) end

local function strings(list)
    check_texts(unpack(list))
    local array = ffi.new("const char *[?]", #list + 1)
    for i = 1, #list do
        array[i - 1] = list[i]
    end
    return array
end

-- envp is a list, or a table NAME = value.
local function environment_list(environment)
    local list = {}
    for key, value in pairs(environment or {}) do
        list[#list + 1] = type(key) == "number" and value or key .. "=" .. value
    end
    return list
end

function M.execve(path, argv, envp)
    check_texts(path)
    local list = environment_list(envp)
    return answer(C.libc_init_execve(path, strings(argv), strings(list)))
end

function M.fexecve(fd, argv, envp)
    local list = environment_list(envp)
    return answer(C.libc_init_fexecve(fd, strings(argv), strings(list)))
end

--- mount_setattr(dirfd, pathname, flags, { attr_set, attr_clr, propagation, userns_fd })
function M.mount_setattr(dirfd, pathname, flags, attr)
    local record = ffi.new("struct ljos_init_mount_attr", {
        attr_set = attr.attr_set or 0,
        attr_clr = attr.attr_clr or 0,
        propagation = attr.propagation or 0,
        userns_fd = attr.userns_fd or 0,
    })
    local size = ffi.cast("size_t", ffi.sizeof(record))
    local dir, bits = ffi.cast("long", dirfd), ffi.cast("long", flags)
    return answer(C.syscall(SYS.__NR_mount_setattr, dir, pathname or "", bits, record, size))
end

local function prctl(option, value, pointer)
    local zero = ffi.cast("long", 0)
    return answer(
        C.syscall(SYS.__NR_prctl, ffi.cast("long", option), ffi.cast("long", value), pointer or zero, zero, zero)
    )
end

--- seccomp_set_mode_filter(bpf_fprogram)
function M.seccomp_set_mode_filter(program)
    local fprog = ffi.new("struct ljos_init_sock_fprog", #program / 8, ffi.cast("const char *", program))
    local PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog)
end

function M.set_no_new_privs() return prctl(38, 1) end

for _, group in ipairs { capabilities, landlock } do
    for name, call in pairs(group) do
        M[name] = call
    end
end

return M
