-- What a test needs of the host: `local it = needs.sandboxes(it)` makes the tests that follow pending, with the reason,
-- where the host does not have it. The host is asked by programs that are not ours.
local attacks = require "actor.attacks"

local M = {}

-- `spec` is the environment of a spec file, whose `pending` is the one that ends a running test.
local function unless(reason, it, spec)
    if not reason then return it end
    return function(title)
        it(title, function() spec.pending(reason) end)
    end
end

local function runs(command) return os.execute(command .. " 2>/dev/null") == 0 end

-- Containers often forbid it: Docker by its seccomp filter, Ubuntu by AppArmor, others by user.max_user_namespaces.
local no_namespaces = not runs "unshare --user --mount --pid --net --ipc --uts --fork true"
    and "user namespaces, or others in them, are forbidden here"

-- The ids of root may be mapped by root with cap_setfcap alone.
local no_mapping = no_namespaces
    or not runs "unshare --map-root-user true" and "this user's id cannot be mapped to root's in a user namespace"

-- A mount namespace shows a proc of its own only where all of the one outside is in sight; containers hide parts.
local no_proc = no_mapping
    or not runs "unshare --map-root-user --mount --pid --fork mount -t proc none /proc"
        and "a user namespace may mount no proc here"

local no_landlock = attacks.landlock_abi() == 0 and "this kernel has no Landlock"
local no_sandboxes = no_namespaces or no_landlock

-- Docker gives none to its containers.
local no_ipv6 = not runs "grep -q ' lo$' /proc/net/if_inet6" and "the loopback interface has no IPv6 address"

-- All that `sandbox.spawn` takes for its protections.
function M.sandboxes(it) return unless(no_sandboxes, it, getfenv(2)) end

-- Landlock, of whatever version.
function M.landlock(it) return unless(no_landlock, it, getfenv(2)) end

-- Namespaces in a new user namespace, where this user is root.
function M.namespaces(it) return unless(no_mapping, it, getfenv(2)) end

-- The same, where a proc can be mounted.
function M.own_proc(it) return unless(no_proc, it, getfenv(2)) end

-- ::1.
function M.ipv6(it) return unless(no_ipv6, it, getfenv(2)) end

return M
