--- Climbing a directory tree by descriptors, from a root downward.
---
--- A tree holds the chain of directories from its root to the current one. Each is opened relative to the one
--- above it, so that a directory that is exchanged for a symbolic link meanwhile leads nowhere. No more than
--- OPEN_MAX directories of the chain are open at a time; of those further up device and inode are kept. The way
--- back to such a one is "..", believed only when device and inode are the same. Lifetime: the descriptors
--- belong to the tree and are closed by `close`, or when it is collected.
---
--- Errors:   none raised: results are >= 0 or -errno
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local directory = require "ljos.filesystem.directory"
local error_ = require "ljos.error"

---@class ljos.filesystem.tree
local M = {}

local OPEN_MAX = 64
local ESTALE = -error_.errno_of.ESTALE
local AT_EMPTY_PATH, AT_FDCWD = calls.constants.AT_EMPTY_PATH, calls.constants.AT_FDCWD

---@class ljos.filesystem.Tree
---@field depth integer   of the current directory; the root's is 0
---@field fd integer      of the current directory
---@field package path_of false|fun(depth: integer): string  set: the way back is by path
---@field package slots ffi.cdata*
---@field package identities table<integer, string>  of directories that are closed, by depth
local Tree = {}
Tree.__index = Tree

-- The directory at depth d is in slot d % OPEN_MAX; -1: none.
local slots_type = ffi.metatype(ffi.typeof("struct { int fd[" .. OPEN_MAX .. "]; }"), {
    __gc = function(slots)
        for i = 0, OPEN_MAX - 1 do
            if slots.fd[i] >= 0 then calls.close(slots.fd[i]) end
        end
    end,
})

local fields = calls.status_type()

--- Names the file that a status describes; no two files have the same name.
---@param s ffi.cdata*  a status
---@return string
function M.name_of(s) return ("%d:%d:%s"):format(s.device_major, s.device_minor, tostring(s.inode)) end

--- Names the file that a descriptor refers to.
---@param fd integer
---@return string?, integer # the name, or nil and -errno
function M.identity(fd)
    local res = calls.statx(fd, "", AT_EMPTY_PATH, fields)
    if res < 0 then return nil, res end
    return M.name_of(fields), 0
end

--- Makes a tree whose root is an open directory.
---@param fd integer  the tree's from now on
---@param path_of? fun(depth: integer): string  for trees that follow symbolic links: the path of an open level
---@return ljos.filesystem.Tree
function M.new(fd, path_of)
    local slots = slots_type()
    for i = 0, OPEN_MAX - 1 do
        slots.fd[i] = -1
    end
    slots.fd[0] = fd
    path_of = path_of or false
    return setmetatable({ depth = 0, fd = fd, slots = slots, identities = {}, path_of = path_of }, Tree)
end

--- Goes down into a directory of the current one.
---@param name string
---@param follow boolean?  whether `name` may be a symbolic link
---@return integer # the directory's descriptor, or -errno and nothing has changed
function Tree:enter(name, follow)
    local fd = directory.open(self.fd, name, follow or false)
    if fd < 0 then return fd end
    local depth = self.depth + 1
    local slots, slot = self.slots, depth % OPEN_MAX
    local above = slots.fd[slot]
    if above >= 0 then
        local identity, res = M.identity(above)
        if not identity then
            calls.close(fd)
            return res
        end
        self.identities[depth - OPEN_MAX] = identity
        calls.close(above)
    end
    slots.fd[slot] = fd
    self.depth, self.fd = depth, fd
    return fd
end

--- Tells which directory the next `enter` closes; its reading position is then lost.
---@return integer?, integer? # depth and descriptor
function Tree:about_to_close()
    local depth = self.depth + 1 - OPEN_MAX
    if depth < 0 or self.identities[depth] then return nil end
    return depth, self.slots.fd[depth % OPEN_MAX]
end

-- Opens the parent of the current directory, which must be the one that was closed.
local function reopen(self, depth)
    local fd
    if self.path_of then
        fd = directory.open(AT_FDCWD, self.path_of(depth), true)
    else
        fd = directory.open(self.fd, "..", false)
    end
    if fd < 0 then return fd end
    local identity, res = M.identity(fd)
    if identity ~= self.identities[depth] then
        calls.close(fd)
        return identity and ESTALE or res
    end
    return fd
end

--- Goes back up to the parent directory.
---@return integer # the parent's descriptor; -errno (ESTALE: the directory was moved), and nothing has changed
function Tree:leave()
    local depth = self.depth - 1
    local slots, own_slot = self.slots, self.depth % OPEN_MAX
    local fd = self.identities[depth] and reopen(self, depth) or slots.fd[depth % OPEN_MAX]
    if fd < 0 then return fd end
    calls.close(self.fd)
    slots.fd[own_slot] = -1
    slots.fd[depth % OPEN_MAX] = fd
    self.identities[depth] = nil
    self.depth, self.fd = depth, fd
    return fd
end

--- Tells whether the current directory is one of those above it, reached again through a symbolic link.
---@return boolean
function Tree:is_loop()
    local own = M.identity(self.fd)
    for depth = 0, self.depth - 1 do
        if (self.identities[depth] or M.identity(self.slots.fd[depth % OPEN_MAX])) == own then return true end
    end
    return false
end

--- Closes all descriptors.
function Tree:close()
    local slots = self.slots
    for i = 0, OPEN_MAX - 1 do
        if slots.fd[i] >= 0 then
            calls.close(slots.fd[i])
            slots.fd[i] = -1
        end
    end
    self.fd, self.depth = -1, 0
end

return M
