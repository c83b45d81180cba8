--- Iterating a directory and all below it, each directory before its entries.
---
--- The way down is a `filesystem.tree`: every directory is opened relative to the one above. A frame for each
--- level keeps what was read and not yet handed out: paths, or names where these would be too long. Whether an entry is
--- a directory is found out when the iterator would enter it, by opening it as one. A directory that has vanished
--- meanwhile is passed over; with `follow_directory_symlink`, so is one that is being iterated further up.
---
--- Errors:   raises ljos.Error; the iterator has then ended
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local directory = require "ljos.filesystem.directory"
local directory_entry = require "ljos.filesystem.directory_entry"
local directory_iterator = require "ljos.filesystem.directory_iterator"
local error_ = require "ljos.error"
local lexical = require "ljos.filesystem.path.lexical"
local path_ = require "ljos.filesystem.path"
local trail = require "ljos.filesystem.trail"
local tree = require "ljos.filesystem.tree"

local constants, errno_of = calls.constants, error_.errno_of
local new_entry = directory_entry.new
local DT_DIR, DT_LNK, DT_UNKNOWN = constants.DT_DIR, constants.DT_LNK, constants.DT_UNKNOWN

---@class ljos.filesystem.recursive_directory_iterator
local M = {}

---@class ljos.filesystem.RecursiveIteratorHandle
---@field recursion_pending boolean  whether the next step enters the current directory
local Handle = {}

-- What open says of something that is no directory any more, or never was.
local gone = { [-errno_of.ENOENT] = true, [-errno_of.ENOTDIR] = true, [-errno_of.ELOOP] = true }

local function finish(self)
    self.tree:close()
    self.ended, self.enters = true, false
    self.frame.at = self.frame.last -- nothing left for the hot path
end

local function fail(self, res, place)
    finish(self)
    calls.check(res, "recursive_directory_iterator", trail.text(place))
end

-- Appends to what a level has still to hand out.
local function read(self, frame, fd)
    local count, finished = directory.read(fd, frame.names, frame.types, frame.last + 1, frame.prefix)
    if count < 0 then fail(self, count, frame.trail) end
    frame.last, frame.finished = frame.last + count, finished
end

-- What stands before the names of a directory's entries; nil where that becomes too long.
local function prefix_below(prefix, name)
    if prefix and #prefix + #name < directory.LONGEST_PREFIX then return prefix .. name .. "/" end
end

local function push_frame(self, place, prefix)
    local depth = self.tree.depth
    local frame = self.frames[depth]
    if not frame then
        frame = { names = {}, types = {} }
        self.frames[depth] = frame
    end
    frame.trail, frame.prefix, frame.depth = place, prefix, depth
    frame.at, frame.last, frame.finished = 0, 0, false
    self.frame = frame
    return frame
end

local function enter(self, name)
    local closing, fd = self.tree:about_to_close()
    while closing and not self.frames[closing].finished do
        read(self, self.frames[closing], fd)
    end
    local prefix = self.frame.prefix
    if prefix then name = name:sub(#prefix + 1) end
    local place = trail.below(self.frame.trail, name)
    local res = self.tree:enter(name, self.follow)
    if res < 0 then
        if gone[res] or (self.skip and directory_iterator.is_denied(res)) then return end
        fail(self, res, place)
    end
    if self.follow and self.tree:is_loop() then
        self.tree:leave()
        return
    end
    local frame = push_frame(self, place, prefix_below(prefix, name))
    read(self, frame, self.tree.fd)
end

local function leave(self)
    if self.tree.depth == 0 then
        finish(self)
        return
    end
    local res = self.tree:leave()
    if res < 0 then fail(self, res, self.frame.trail) end
    self.frame = self.frames[self.tree.depth]
end

-- The way to the next entry when there is none left in what was read, or a directory to enter first.
local function advance(self)
    local frame = self.frame
    if self.enters then
        self.enters = false
        enter(self, frame.names[frame.at])
    end
    while not self.ended do
        frame = self.frame
        if frame.at < frame.last then return self.step() end
        if frame.finished then
            leave(self)
        else
            frame.at, frame.last = 0, 0
            read(self, frame, self.tree.fd)
        end
    end
end

-- The hot path has no loop, so that it becomes part of the caller's trace.
local function stepper(self)
    local follow = self.follow
    return function()
        local frame = self.frame
        local at = frame.at + 1
        if at > frame.last or self.enters then return advance(self) end
        frame.at = at
        local kind = frame.types[at]
        self.recursion_pending = true
        self.enters = kind == DT_DIR or kind == DT_UNKNOWN or (kind == DT_LNK and follow)
        local name = frame.names[at]
        return new_entry(frame.prefix and name or { trail = frame.trail, name = name }), frame.depth
    end
end

local STATE = {}

local function state_of(handle)
    local state = type(handle) == "table" and rawget(handle, STATE)
    if not state then error_.argument(1, "iterator handle expected, got " .. type(handle)) end
    return state
end

--- Leaves the current directory: the next entry is one of the level above.
---@param self ljos.filesystem.RecursiveIteratorHandle
function Handle.pop(self)
    local state = state_of(self)
    state.enters = false
    if not state.ended then leave(state) end
end

--- Makes the next step pass over the current entry even when it is a directory.
---@param self ljos.filesystem.RecursiveIteratorHandle
function Handle.disable_recursion_pending(self)
    local state = state_of(self)
    state.enters, state.recursion_pending = false, false
end

local handle_metatable = { __metatable = "filesystem.recursive_directory_iterator" }

function handle_metatable.__index(self, key)
    if Handle[key] then return Handle[key] end
    -- As in C++: true unless it was disabled for the current entry.
    if key == "recursion_pending" then return state_of(self).recursion_pending end
    error(error_.core("bad_index", { index = 2, detail = tostring(key) }), 0)
end

function handle_metatable.__newindex(_, key) error(error_.generic("EPERM", { detail = tostring(key) }), 0) end

--- Returns an iterator (entry and depth, from 0) over all below a directory, and a handle that controls it.
--- Source: seed 003, "filesystem.recursive_directory_iterator".
---@param p ljos.filesystem.Path|string
---@param opts? { skip_permission_denied: boolean, follow_directory_symlink: boolean }
---@return fun(): (ljos.filesystem.DirectoryEntry?, integer?)
---@return ljos.filesystem.RecursiveIteratorHandle
function M.new(p, opts)
    local text = path_.string_of(p, 1)
    local skip = directory_iterator.option(opts, "skip_permission_denied")
    local follow = directory_iterator.option(opts, "follow_directory_symlink")
    local self = { skip = skip, follow = follow, frames = {}, enters = false, ended = false }
    self.recursion_pending = true
    local handle = setmetatable({ [STATE] = self }, handle_metatable)
    local fd = directory.open(constants.AT_FDCWD, text, true)
    if skip and directory_iterator.is_denied(fd) then
        self.ended = true
        return function() end, handle
    end
    calls.check(fd, "recursive_directory_iterator", text)
    local frames = self.frames
    self.tree = tree.new(fd, follow and function(depth) return trail.text(frames[depth].trail) end or nil)
    local frame = push_frame(self, trail.root(text), lexical.join(text, ""))
    read(self, frame, fd)
    self.step = stepper(self)
    return self.step, handle
end

return M
