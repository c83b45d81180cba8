-- Runs a function in a child process, where it may change what the test process must keep: `in_child(f)` asserts that f
-- returned; with namespaces ("newuser, newnet") the child leaves for them first, and the test is pending where the
-- kernel forbids that. The child asserts with Lua's own assert, and may return a string: why it could not be tried.
local S = require "ljos.syscall"

local function map(file, id) return S.util.writefile("/proc/self/" .. file, "0 " .. id .. " 1") end

-- Leaves for new namespaces; in a user namespace of its own the child is root.
local function leave(namespaces)
    local uid, gid = S.geteuid(), S.getegid()
    local ok, err = S.unshare(namespaces)
    if not ok then return nil, err end
    if namespaces:find("newuser", 1, true) then
        assert(S.util.writefile("/proc/self/setgroups", "deny"))
        ok, err = map("uid_map", uid) -- root without cap_setfcap may not
        if not ok then return nil, err end
        assert(map("gid_map", gid))
    end
    if namespaces:find("newns", 1, true) then assert(S.mount("none", "/", nil, "rec, private")) end
    -- A new network takes this from the host.
    if namespaces:find("newnet", 1, true) then S.util.writefile("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0") end
    return true
end

local function read_all(file)
    local parts = {}
    repeat
        parts[#parts + 1] = file:read(nil, 65536)
    until parts[#parts] == "" or not parts[#parts]
    return table.concat(parts)
end

local PENDING = "pending: "

local function run(f, namespaces)
    if namespaces then
        local left, err = leave(namespaces)
        if not left then return "unshare: " .. tostring(err) end
    end
    return f()
end

local function report(f, namespaces, write)
    local ok, why = xpcall(
        function() return run(f, namespaces) end,
        function(err) return debug.traceback(tostring(err)) end
    )
    if ok then why = why and PENDING .. why or "ok" end
    return write(why)
end

---@param f fun(): string?
---@param namespaces? string
return function(f, namespaces)
    local _, _, r, w = assert(S.pipe())
    local exit, pid = S._exit, assert(S.fork())
    if pid == 0 then
        pcall(report, f, namespaces, function(text) w:write(text) end)
        exit(0)
    end
    w:close()
    local text = read_all(r)
    r:close()
    S.waitpid(pid)
    -- What a spec file calls pending; the one of `require "busted"` declares a test instead.
    if text:sub(1, #PENDING) == PENDING then getfenv(f).pending(text:sub(#PENDING + 1)) end
    if text ~= "ok" then error("in the child: " .. text, 2) end
end
