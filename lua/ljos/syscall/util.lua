--- What ljsyscall keeps beside the system calls: whole files, directories, processes, mounts, bridges, ancillary data.
---
--- Errors:   returns nil, ljos.Error; a directory iterator raises after its first read
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local S = require "ljos.syscall"
local argument = require "ljos.syscall.argument"

---@class ljos.syscall.util
---@field signalfd_read fun(file: any, infos?: any): any, ljos.Error?
local M = {}

local lines_mt = {
    __tostring = function(self)
        local list = {}
        for i = 1, #self do
            list[i] = tostring(self[i])
        end
        return table.concat(list, "\n")
    end,
}

--- Iterates a directory: name, entry; "." and ".." included.
function M.ls(path, buffer, size)
    local file, err = S.open(path, "directory, rdonly")
    if not file then return nil, err end
    size = size or 4096
    buffer = buffer or argument.fresh(size, 3)
    local entries, why = file:getdents(buffer, size)
    if not entries then
        file:close()
        if why then return nil, why end
        return function() end
    end
    return function()
        while entries do
            local name, entry = entries()
            if name then return name, entry end
            entries, why = file:getdents(buffer, size)
            if not entries then
                file:close()
                if why then error(why, 0) end
            end
        end
    end
end

--- The names in a directory as a list; `nodots` leaves out "." and "..".
function M.dirtable(path, nodots)
    local list = {}
    local iterator, err = M.ls(path)
    if not iterator then return nil, err end
    for name in iterator do
        if not (nodots and (name == "." or name == "..")) then list[#list + 1] = name end
    end
    return setmetatable(list, {
        __tostring = function(self)
            if #self == 0 then return "" end
            local sorted = { unpack(self) }
            table.sort(sorted)
            return table.concat(sorted, "\n") .. "\n"
        end,
    })
end

--- One read of at most 4096 bytes.
function M.readfile(path, buffer, length)
    local file, err = S.open(path, "rdonly")
    if not file then return nil, err end
    local data, why = file:read(buffer, length or 4096)
    file:close()
    if not data then return nil, why end
    return data
end

--- Writes a whole string; with a mode the file is created, without one it must exist.
function M.writefile(path, data, mode)
    if type(data) ~= "string" then argument.wrong(2, "string", data) end
    local file, err = (mode and S.creat or S.open)(path, mode or "wronly")
    if not file then return nil, err end
    local done = 0
    while done < #data do
        local n, why = file:write(done == 0 and data or data:sub(done + 1))
        if not n then
            file:close()
            return nil, why
        end
        done = done + n
    end
    return file:close()
end

--- A file's contents by way of a mapping: a string.
function M.mapfile(path)
    local file, err = S.open(path, "rdonly")
    if not file then return nil, err end
    local st = file:stat()
    local size = st.size
    if size == 0 then
        file:close()
        return ""
    end
    local memory, why = file:mmap(nil, size, "read", "shared", 0)
    file:close()
    if not memory then return nil, why end
    local data = ffi.string(memory, size)
    S.munmap(memory, size)
    return data
end

--- Copies a file.
function M.cp(source, target, mode)
    local data, err = M.mapfile(source)
    if not data then return nil, err end
    if not mode then
        local st = S.stat(source)
        mode = st and bit.band(st.mode, tonumber("7777", 8)) or nil
    end
    return M.writefile(target, data, mode)
end

--- Removes files and directories, recursively; links are removed, not followed.
function M.rm(...)
    for i = 1, select("#", ...) do
        local path = select(i, ...)
        local st, err = S.lstat(path)
        if not st then return nil, err end
        if st.isdir then
            local list, why = M.dirtable(path, true)
            if not list then return nil, why end
            for _, name in ipairs(list) do
                local ok, failure = M.rm(path .. "/" .. name)
                if not ok then return nil, failure end
            end
            local ok, failure = S.rmdir(path)
            if not ok then return nil, failure end
        else
            local ok, failure = S.unlink(path)
            if not ok then return nil, failure end
        end
    end
    return true
end

--- Makes the file if there is none, and sets its times to now.
function M.touch(path)
    local file, err = S.open(path, "wronly, creat, noctty, nonblock", "0666")
    if not file then return nil, err end
    local file2, why = S.utimensat(nil, path, nil)
    file:close()
    if not file2 then return nil, why end
    return true
end

--- Makes an empty file of that name or opens it: true.
function M.createfile(path)
    local file, err = S.creat(path, "0666")
    if not file then return nil, err end
    return file:close()
end

function M.basename(path)
    path = argument.text(path, 1)
    if path:match "^/+$" then return "/" end
    return path:match "([^/]+)/*$" or "."
end

function M.dirname(path)
    path = argument.text(path, 1)
    if path:match "^/+$" then return "/" end
    local dir = path:gsub("/+$", ""):match "^(.*)/[^/]*$"
    if not dir then return "." end
    dir = dir:gsub("/+$", "")
    return dir == "" and "/" or dir
end

--- "10.0.0.1/24": the address and the bits.
function M.inet_name(text, bits)
    text = argument.text(text, 1)
    local addr, width = text:match "^(.-)/(%d+)$"
    addr = addr or text
    local family = addr:find(":", 1, true) and "in6_addr" or "in_addr"
    local ok, value = pcall(S.t[family], addr)
    if not ok then return nil, S.t.error "INVAL" end
    return value, tonumber(width) or bits or (family == "in6_addr" and 128 or 32)
end

local function read_proc(path)
    local file, err = S.open(path, "rdonly")
    if not file then return nil, err end
    local parts = {}
    while true do
        local data, why = file:read(nil, 65536)
        if not data then
            file:close()
            return nil, why
        end
        if data == "" then break end
        parts[#parts + 1] = data
    end
    file:close()
    return table.concat(parts)
end

local Process = {}
Process.__index = function(self, name)
    local path = ("/proc/%s/%s"):format(tostring(rawget(self, "pid")), name)
    local st, err = S.lstat(path)
    if not st then return nil, err end
    if st.islnk then return (S.readlink(path)) end
    if st.isdir then return (M.dirtable(path, true)) end
    return (read_proc(path))
end
Process.__tostring = function(self)
    local command = Process.__index(self, "cmdline")
    if not command then return "[" .. tostring(self.pid) .. " gone]" end
    if command == "" then return "[" .. (Process.__index(self, "comm") or ""):gsub("\n$", "") .. "]" end
    return (command:gsub("%z", " "))
end

--- A process by its files: `proc(pid).cmdline`, `.exe`, ...
function M.proc(pid) return setmetatable({ pid = pid or S.getpid() }, Process) end

--- All processes, by ascending pid.
function M.ps()
    local names, err = M.ls "/proc"
    if not names then return nil, err end
    local list = {}
    for name in names do
        if name:match "^%d+$" then list[#list + 1] = M.proc(tonumber(name)) end
    end
    table.sort(list, function(a, b) return a.pid < b.pid end)
    return setmetatable(list, lines_mt)
end

local mount_mt = {
    __tostring = function(self)
        return ("%s on %s type %s (%s)"):format(self.source, self.target, self.type, self.flags)
    end,
}

local function character(octal)
    return string.char(tonumber(octal, 8) --[[@as integer]])
end
local function unescape(text) return (text:gsub("\\(%d%d%d)", character)) end

--- The mounts: {source, target, type, flags, freq, passno} each.
function M.mounts(path)
    local text, err = read_proc(path or "/proc/mounts")
    if not text then return nil, err end
    local list = {}
    for line in text:gmatch "[^\n]+" do
        local source, target, kind, flags, freq, passno = line:match "^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$"
        if source then
            list[#list + 1] = setmetatable({
                source = unescape(source),
                target = unescape(target),
                type = kind,
                flags = flags,
                freq = freq,
                passno = passno,
            }, mount_mt)
        end
    end
    return setmetatable(list, lines_mt)
end

--- mount(2) with names: {source =, target = | dir =, type =, flags =, data =}.
function M.mount(options)
    if type(options) ~= "table" then argument.wrong(1, "{source =, target =, type =}", options) end
    return S.mount(options.source or "none", options.target or options.dir, options.type, options.flags, options.data)
end

for name, module in pairs {
    sendfds = "message",
    sendcred = "message",
    recvcmsg = "message",
    eventfd_read = "message",
    eventfd_write = "message",
    timerfd_read = "message",
    signalfd_read = "message",
    capget = "privilege",
    capset = "privilege",
    auditarch = "privilege",
    bridge_add = "bridge",
    bridge_del = "bridge",
    bridge_list = "bridge",
    bridge_add_interface = "bridge",
    if_nametoindex = "bridge",
    bridge_del_interface = "bridge",
} do
    M[name] = function(...) return require("ljos.syscall.utility." .. module)[name](...) end
end

return M
