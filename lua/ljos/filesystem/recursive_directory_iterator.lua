--- Iterating a directory and all below it, each directory before its entries.
---
--- The way down is a `filesystem.tree`: every directory is opened relative to the one above. A frame for each
--- level has the listing that is being handed out, and where in it the current and the next entry are. Whether an entry
--- is a directory is found out when the iterator would enter it, by opening it as one. A directory that has vanished
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
local listing = require "ljos.filesystem.listing"
local path_ = require "ljos.filesystem.path"
local trail = require "ljos.filesystem.trail"
local tree = require "ljos.filesystem.tree"

local constants, errno_of = calls.constants, error_.errno_of
local new_entry = directory_entry.new
local TYPE, is_self_or_parent, next_record = listing.TYPE, listing.is_self_or_parent, listing.next
local DT_DIR, DT_LNK, DT_UNKNOWN = constants.DT_DIR, constants.DT_LNK, constants.DT_UNKNOWN

---@class ljos.filesystem.recursive_directory_iterator
local M = {}

---@class ljos.filesystem.RecursiveIteratorHandle
---@field recursion_pending boolean  whether the next step enters the current directory
local Handle = {}

-- What open says of something that is no directory any more, or never was.
local gone = { [-errno_of.ENOENT] = true, [-errno_of.ENOTDIR] = true, [-errno_of.ELOOP] = true }

local NOTHING = { size = 0 }

local function finish(self)
    self.tree:close()
    self.ended, self.enters = true, false
    self.frame.listing, self.frame.at = NOTHING, 0 -- nothing left for the hot path
end

local function fail(self, res, place)
    finish(self)
    calls.check(res, "recursive_directory_iterator", trail.text(place))
end

-- Appends to what a level has still to hand out.
local function read(self, frame, fd)
    local more, finished, res = directory.list(fd, frame.trail)
    if res < 0 then fail(self, res, frame.trail) end
    frame.last.following = more
    frame.last, frame.finished = more, finished
end

local function push_frame(self, place, fd)
    local depth = self.tree.depth
    local frame = self.frames[depth]
    if not frame then
        frame = {}
        self.frames[depth] = frame
    end
    local before = { size = 0, following = false }
    frame.trail, frame.depth, frame.listing, frame.last = place, depth, before, before
    frame.at, frame.current = 0, 0
    self.frame = frame
    read(self, frame, fd)
end

-- Goes down into the current entry's directory, if it is one.
local function enter(self)
    local frame = self.frame
    local closing, fd = self.tree:about_to_close()
    while closing and not self.frames[closing].finished do
        read(self, self.frames[closing], fd)
    end
    local name = listing.name(frame.listing, frame.current)
    local place = trail.below(frame.trail, name)
    local res = self.tree:enter(name, self.follow)
    if res < 0 then
        if gone[res] or (self.skip and directory_iterator.is_denied(res)) then return end
        fail(self, res, place)
    end
    if self.follow and self.tree:is_loop() then
        self.tree:leave()
        return
    end
    push_frame(self, place, self.tree.fd)
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

-- Goes on to what was read after a level's listing; tells whether there is any. Entries keep their listing alive, but
-- not the ones that follow.
local function go_on(frame)
    local following = frame.listing.following
    if not following then return false end
    frame.listing.following = false
    frame.listing, frame.at = following, 0
    return true
end

-- The way to the next entry at the end of a listing, or when there is a directory to enter first.
local function advance(self)
    if self.enters then
        self.enters = false
        enter(self)
    end
    while not self.ended do
        local frame = self.frame
        if frame.at < frame.listing.size then return self.step() end
        if not go_on(frame) then
            if frame.finished then
                leave(self)
            else
                read(self, frame, self.tree.fd)
            end
        end
    end
end

-- The hot path has no loop, so that it becomes part of the caller's trace.
local function stepper(self)
    local follows = self.follow
    return function()
        local frame = self.frame
        local entries, at = frame.listing, frame.at
        if at == entries.size or self.enters then return advance(self) end
        local bytes = entries.bytes
        frame.at = next_record(bytes, at)
        if is_self_or_parent(bytes, at) then return self.step() end
        frame.current = at
        local kind = bytes[at + TYPE]
        self.recursion_pending = true
        self.enters = kind == DT_DIR or kind == DT_UNKNOWN or (kind == DT_LNK and follows)
        return new_entry(entries, at), frame.depth
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
    error_.bad_index("recursive_directory_iterator", key)
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
    push_frame(self, trail.root(text), fd)
    self.step = stepper(self)
    return self.step, handle
end

return M
