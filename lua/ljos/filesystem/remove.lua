--- Removing files and whole trees.
---
--- `remove_all` climbs a `filesystem.tree`: directories are opened relative to their parent and never through a
--- symbolic link, and names are removed relative to the open directory, so that no exchange of a directory for a
--- link meanwhile leads it elsewhere. Names are unlinked straight from the kernel's records; those that turn out
--- to be directories are kept until the batch is done.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local directory = require "ljos.filesystem.directory"
local error_ = require "ljos.error"
local lexical = require "ljos.filesystem.path.lexical"
local path_ = require "ljos.filesystem.path"
local trail = require "ljos.filesystem.trail"
local tree = require "ljos.filesystem.tree"

local check, string_of, unlinkat = calls.check, path_.string_of, calls.unlinkat
local constants, errno_of = calls.constants, error_.errno_of
local AT_FDCWD, AT_REMOVEDIR, DT_DIR = constants.AT_FDCWD, constants.AT_REMOVEDIR, constants.DT_DIR
local EACCES, ENOENT, EISDIR, EPERM, ENOTEMPTY =
    -errno_of.EACCES, -errno_of.ENOENT, -errno_of.EISDIR, -errno_of.EPERM, -errno_of.ENOTEMPTY

-- Against a process that fills a directory faster than it is emptied.
local ROUNDS_MAX = 16

---@class ljos.filesystem.remove
local M = {}

-- What unlink says of a directory: EISDIR on Linux's own filesystems, EPERM (POSIX) on others.
local function without_slash(text) return text:match "^(.-)/*$" or "" end

local function is_directory_error(res) return res == EISDIR or res == EPERM end

--- Removes a file or an empty directory; false when there is none. Source: seed 003, "filesystem.remove".
---@param p ljos.filesystem.Path|string
---@return boolean
function M.remove(p)
    local text = string_of(p, 1)
    local res = unlinkat(AT_FDCWD, text, 0)
    if is_directory_error(res) then
        local again = unlinkat(AT_FDCWD, text, AT_REMOVEDIR)
        -- ENOTDIR: it was a file after all, which may not be removed.
        if again ~= -errno_of.ENOTDIR then res = again end
    end
    if res == ENOENT then return false end
    check(res, "remove", text)
    return true
end

---@class ljos.filesystem.RemovalFrame
---@field trail ljos.filesystem.Trail
---@field names string[]    its directories, still to be entered
---@field count integer
---@field finished boolean  all names were read
---@field refusals integer  how often the last of `names` was found empty but could not be removed

---@class ljos.filesystem.Removal
---@field tree ljos.filesystem.Tree
---@field frames table<integer, ljos.filesystem.RemovalFrame>
---@field removed integer
---@field names string[]
---@field types integer[]

local function fail(self, res, place)
    self.tree:close()
    check(res, "remove_all", trail.text(place))
end

-- Removes one batch of what the current directory holds, but keeps the directories in the frame.
local function sweep(self, frame)
    local fd, names, types = self.tree.fd, self.names, self.types
    local count, finished = directory.read(fd, names, types)
    if count < 0 then fail(self, count, frame.trail) end
    local kept, removed = 0, 0
    for i = 1, count do
        local name = names[i]
        local res = types[i] == DT_DIR and EISDIR or unlinkat(fd, name, 0)
        if res == 0 then
            removed = removed + 1
        elseif is_directory_error(res) then
            kept = kept + 1
            frame.names[kept] = name
        elseif res ~= ENOENT then
            fail(self, res, trail.below(frame.trail, name))
        end
    end
    frame.count, frame.finished = kept, finished
    self.removed = self.removed + removed
end

local function push_frame(self, place)
    local depth = self.tree.depth
    local frame = self.frames[depth] or { names = {} }
    frame.trail, frame.count, frame.finished, frame.refusals = place, 0, false, 0
    self.frames[depth] = frame
    return frame
end

-- Enters a directory of the current one. False when it has vanished, or was something else and is removed now.
local function enter(self, frame, name)
    local place = trail.below(frame.trail, name)
    local res = self.tree:enter(name)
    if res >= 0 then
        push_frame(self, place)
        return true
    end
    if res == ENOENT then return false end
    -- Not readable, but perhaps empty; or a link or a file by now, and as such removed.
    local again = unlinkat(self.tree.fd, name, res == EACCES and AT_REMOVEDIR or 0)
    if again == 0 then
        self.removed = self.removed + 1
    elseif again ~= ENOENT then
        fail(self, again == EPERM and EPERM or res, place)
    end
    return false
end

-- Removes the current directory, which was emptied, from its parent. What came into it meanwhile is removed in a
-- further round, up to a limit.
local function leave(self, frame)
    local res = self.tree:leave()
    if res < 0 then fail(self, res, frame.trail) end
    local above = self.frames[self.tree.depth]
    res = unlinkat(self.tree.fd, above.names[above.count], AT_REMOVEDIR)
    if res == ENOTEMPTY and above.refusals < ROUNDS_MAX then
        above.refusals = above.refusals + 1
        return
    end
    if res < 0 and res ~= ENOENT then fail(self, res, frame.trail) end
    if res == 0 then self.removed = self.removed + 1 end
    above.count, above.refusals = above.count - 1, 0
end

-- Empties the tree's root.
local function empty(self)
    while true do
        local frame = self.frames[self.tree.depth]
        if frame.count > 0 then
            if not enter(self, frame, frame.names[frame.count]) then frame.count = frame.count - 1 end
        elseif not frame.finished then
            sweep(self, frame)
        elseif self.tree.depth > 0 then
            leave(self, frame)
        else
            return
        end
    end
end

--- Removes a file, or a directory with all below it, and returns how many files that were; 0 when there is none.
--- Symbolic links are removed, not followed. At an error what was removed until then stays removed.
---@param p ljos.filesystem.Path|string
---@return integer
function M.remove_all(p)
    local text = string_of(p, 1)
    local root = without_slash(text)
    local last = lexical.filename(root)
    if text ~= "" and (last == "" or last == "." or last == "..") then
        error_.argument(1, "the root, . and .. cannot be removed: " .. text)
    end
    local res = unlinkat(AT_FDCWD, text, 0)
    if res == 0 then return 1 end
    if res == ENOENT then return 0 end
    if not is_directory_error(res) then check(res, "remove_all", text) end
    -- Without a slash at the end, which would make open(2) follow a link.
    local fd = directory.open(AT_FDCWD, root, false)
    if fd == EACCES and unlinkat(AT_FDCWD, root, AT_REMOVEDIR) == 0 then return 1 end
    if fd < 0 then check(res == EPERM and res or fd, "remove_all", text) end
    local self = { tree = tree.new(fd), frames = {}, removed = 0, names = {}, types = {} }
    push_frame(self, trail.root(root))
    empty(self)
    self.tree:close()
    res = unlinkat(AT_FDCWD, root, AT_REMOVEDIR)
    if res ~= ENOENT then check(res, "remove_all", text) end
    return self.removed + 1
end

return M
