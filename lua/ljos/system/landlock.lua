--- Landlock: rights over files, ports, sockets and signals that a process gives up, for good.
---
--- A ruleset names the rights that it handles; each is denied but where a rule allows it. What is open already stays
--- usable. On Linux a domain belongs to a thread: kernels with version 8 of Landlock put all threads of the process
--- into it, and on older ones it takes a process of one thread. The engine's own threads, which names are resolved
--- in, are sent home for that; with others there is an error, and nothing has changed.
---
--- Errors:   raises ljos.Error; ENOSYS or EOPNOTSUPP without Landlock, ENOTSUP for a right that this kernel's lacks
--- Suspends: never
--- Needs:    Landlock
local ffi = require "ffi"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local kernel = require "ljos.syscall.kernel"
local master = require "ljos.system.master"
local native = require "ljos.native"
local parts = require "ljos.system.parts"
local request = require "ljos.system.landlock.request"
local threads = require "ljos.system.threads"

local SYS = native.constant_table "SYS"
local EINVAL, E2BIG, EPERM = error_.errno_of.EINVAL, error_.errno_of.E2BIG, error_.errno_of.EPERM
local CREATE, RESTRICT = "LANDLOCK_CREATE_RULESET", "LANDLOCK_RESTRICT_SELF"
local VERSION, TSYNC =
    native.constant_table(CREATE)[CREATE .. "_VERSION"], native.constant_table(RESTRICT)[RESTRICT .. "_TSYNC"]
local WITH_TSYNC = 8 -- the version that has the flag

---@class ljos.system.landlock
local M = {}

local create = kernel.call(SYS.__NR_landlock_create_ruleset, "pii")
local add_rule = kernel.call(SYS.__NR_landlock_add_rule, "iipi")
local restrict_self = kernel.call(SYS.__NR_landlock_restrict_self, "ii")

local function version() return create(nil, 0, VERSION) end

--- Makes a ruleset, or asks what this kernel has.
---
--- With `attr` a descriptor of a ruleset that handles these rights. With flags in its place the number of the kernel's
--- version ("version") or a bit set of mended mistakes ("errata"). The rights to files are "execute", "write_file",
--- "read_file", "read_dir", "remove_dir", "remove_file", "make_char", "make_dir", "make_reg", "make_sock", "make_fifo",
--- "make_block", "make_sym", "refer", "truncate", "ioctl_dev" and "resolve_unix". Source: landlock_create_ruleset(2).
---@param attr? ljos.LandlockRuleset
---@param flags? ("version"|"errata")[]
---@return ljos.FileDescriptor|integer
function M.landlock_create_ruleset(attr, flags)
    local bits = request.flags(CREATE, flags)
    if bits ~= 0 then
        if attr ~= nil then error_.argument("attr", "nil expected, with flags") end
        return error_.check(create(nil, 0, bits), { detail = "landlock_create_ruleset" })
    end
    local ruleset = request.ruleset(attr)
    local fd = create(ruleset, ffi.sizeof(ruleset), 0)
    if fd == -EINVAL or fd == -E2BIG then request.blame(attr, nil, version()) end
    return file_descriptor.new(error_.check(fd, { detail = "landlock_create_ruleset" }))
end

-- The seed's pages have a number here, as in init scripts.
local function number_of(fd, arg)
    if type(fd) ~= "number" then return file_descriptor.number_of(fd, arg) end
    if fd % 1 ~= 0 or fd < 0 or fd >= 2 ^ 31 then error_.argument(arg, "no descriptor has the number " .. fd) end
    return fd
end

--- Allows something that the ruleset handles: `allowed_access` to the file, or to all below the directory, that
--- `parent_fd` stands for (opened with "path"); or at a TCP `port`.
---
--- EINVAL for rights that the ruleset does not handle, or that a file which is no directory has not. Source:
--- landlock_add_rule(2).
---@param ruleset_fd ljos.FileDescriptor
---@param rule_type "path_beneath"|"net_port"
---@param attr ljos.LandlockRule
function M.landlock_add_rule(ruleset_fd, rule_type, attr)
    local fd = file_descriptor.number_of(ruleset_fd, 1)
    local kind, rule = request.rule(rule_type, attr, number_of)
    local res = add_rule(fd, kind, rule, 0)
    error_.check(res, { detail = "landlock_add_rule" })
end

-- What reaches all threads: a flag, or nothing where there is one thread.
local function for_all_threads()
    if version() >= WITH_TSYNC then return TSYNC end
    local others = threads.reduce()
    if others == 0 then return 0 end
    local detail = ("landlock_restrict_self: before its version 8 Landlock takes one thread; there are %d more"):format(
        others
    )
    return error(error_.system("EBUSY", { detail = detail }), 0)
end

--- Puts the process, and all that it starts from now on, into the domain of a ruleset.
---
--- `flags` say what the audit log gets: "log_same_exec_off", "log_new_exec_on", "log_subdomains_off". EPERM without
--- `system.set_no_new_privs()` before, or the capability "cap_sys_admin", and in a state that is not the master; EBUSY
--- where a thread could not be reached. Source: landlock_restrict_self(2).
---@param ruleset_fd ljos.FileDescriptor
---@param flags? string[]
function M.landlock_restrict_self(ruleset_fd, flags)
    master.check "landlock_restrict_self"
    local fd, bits = file_descriptor.number_of(ruleset_fd, 1), request.flags(RESTRICT, flags)
    parts.load()
    bits = bit.bor(bits, for_all_threads())
    local res = restrict_self(fd, bits)
    if res == -EINVAL then request.blame(nil, flags, version()) end
    local hint = res == -EPERM and ": set_no_new_privs comes first" or ""
    error_.check(res, { detail = "landlock_restrict_self" .. hint })
end

return M
