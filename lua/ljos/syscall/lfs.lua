--- LuaFileSystem's interface: errors are strings.
---
--- Errors:   returns nil, message; dir raises
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local S = require "ljos.syscall"
local ffi = require "ffi"

---@class ljos.syscall.lfs
local M = { _VERSION = "ljos.syscall.lfs 1" }

local function plain(value, err)
    if value == nil then return nil, tostring(err) end
    return value
end

function M.chdir(path) return plain(S.chdir(path)) end
function M.currentdir() return plain(S.getcwd()) end
function M.mkdir(path) return plain(S.mkdir(path, "0777")) end
function M.rmdir(path) return plain(S.rmdir(path)) end
function M.setmode() return true, "binary" end
function M.link(old, new, symbolic)
    if symbolic then return plain(S.symlink(old, new)) end
    return plain(S.link(old, new))
end

function M.touch(path, access, modification)
    if not access then return plain(S.utimensat(nil, path, nil)) end
    return plain(S.utimensat(nil, path, { { access, 0 }, { modification or access, 0 } }))
end

--- Iterates a directory with an object that has `next` and `close`.
function M.dir(path)
    local file, err = S.open(path, "directory, rdonly")
    if not file then error(tostring(path) .. ": " .. tostring(err), 2) end
    local buffer, entries = ffi.new "char[4096]", nil
    local object = {}
    function object.next()
        if not file then error("closed directory", 2) end
        while true do
            local name = entries and entries()
            if name then return name end
            entries = file:getdents(buffer, 4096)
            if not entries then
                object.close()
                return nil
            end
        end
    end
    function object.close()
        if file then file:close() end
        file = nil
    end
    return function() return object.next() end, object
end

local names = {
    file = "file",
    directory = "directory",
    link = "link",
    socket = "socket",
    ["char device"] = "char device",
    ["block device"] = "block device",
    ["named pipe"] = "named pipe",
}

local fields = {
    dev = function(st) return st.dev.device end,
    ino = function(st) return st.ino end,
    mode = function(st) return names[st.typename] or "other" end,
    nlink = function(st) return st.nlink end,
    uid = function(st) return st.uid end,
    gid = function(st) return st.gid end,
    rdev = function(st) return st.rdev.device end,
    access = function(st) return st.atime end,
    modification = function(st) return st.mtime end,
    change = function(st) return st.ctime end,
    size = function(st) return st.size end,
    blocks = function(st) return st.blocks end,
    blksize = function(st) return st.blksize end,
}

local function attributes(stat)
    return function(path, which)
        local st, err = stat(path)
        if not st then return nil, tostring(err) end
        if type(which) == "string" then
            if not fields[which] then error("invalid attribute name '" .. which .. "'", 2) end
            return fields[which](st)
        end
        local result = type(which) == "table" and which or {}
        for name, get in pairs(fields) do
            result[name] = get(st)
        end
        return result
    end
end

M.attributes, M.symlinkattributes = attributes(S.stat), attributes(S.lstat)

return M
