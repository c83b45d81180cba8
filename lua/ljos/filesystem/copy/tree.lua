--- Copying what is in a directory into another one.
---
--- Two `filesystem.tree`s are climbed in step. The files of a directory are copied while it is read; its
--- directories come after that, so that a directory that had to be closed need not be read again. Symbolic links
--- in the source are followed only where the options say so; a directory reached that way that is being copied
--- further up is ELOOP.
---
--- Errors:   raises ljos.Error; what was copied until then stays
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local content = require "ljos.filesystem.copy.content"
local directory = require "ljos.filesystem.directory"
local error_ = require "ljos.error"
local file = require "ljos.filesystem.copy.file"
local trail = require "ljos.filesystem.trail"
local tree = require "ljos.filesystem.tree"

local band, bor = bit.band, bit.bor
local constants, errno_of = calls.constants, error_.errno_of
local DT_DIR, DT_LNK, DT_REG, DT_UNKNOWN = constants.DT_DIR, constants.DT_LNK, constants.DT_REG, constants.DT_UNKNOWN
local AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW = constants.AT_EMPTY_PATH, constants.AT_SYMLINK_NOFOLLOW
local EEXIST, EISDIR, ENOTSUP = -errno_of.EEXIST, -errno_of.EISDIR, -errno_of.ENOTSUP

---@class ljos.filesystem.copy.tree
local M = {}

---@class ljos.filesystem.copy.Options
---@field existing? ljos.filesystem.existing
---@field recursive? boolean
---@field symlinks? "copy"|"skip"
---@field copy? "directories_only"|"create_symlinks"|"create_hardlinks"

---@class ljos.filesystem.copy.Frame
---@field from ljos.filesystem.Trail
---@field to ljos.filesystem.Trail
---@field names string[]     directories still to be copied
---@field linked boolean[]   which of them are reached by a symbolic link
---@field count integer
---@field mode integer       what the target gets when it is complete; -1: it has it
---@field below_link boolean

---@class ljos.filesystem.copy.State
---@field from ljos.filesystem.Tree
---@field to ljos.filesystem.Tree
---@field frames table<integer, ljos.filesystem.copy.Frame>
---@field options ljos.filesystem.copy.Options
---@field means ljos.filesystem.copy.Means

local OWNER_ALL, ALL = 0x1c0, 0x3ff -- 0700; 01777
local fields = calls.status_type()

local function fail(self, res, from, to)
    self.from:close()
    self.to:close()
    calls.check(res, "copy", trail.text(from), trail.text(to))
end

local types = {
    [constants.S_IFREG] = DT_REG,
    [constants.S_IFDIR] = DT_DIR,
    [constants.S_IFLNK] = DT_LNK,
}

-- The type of what a name stands for, links followed or not; false for one that is neither file, directory nor link.
local function kind_of(dirfd, name, follow)
    local res = calls.statx(dirfd, name, follow and 0 or AT_SYMLINK_NOFOLLOW, fields)
    if res < 0 then return nil, res end
    return types[band(fields.mode, constants.S_IFMT)] or false, 0
end

-- Copies a regular file, in the way the options say; into the directory that has its name, if there is one.
local function copy_file(self, name, follow)
    local from, to, way = self.from.fd, self.to.fd, self.options.copy
    if way == "directories_only" then return 0 end
    if way == "create_hardlinks" then return calls.linkat_from(from, name, to, name) end
    local res = file.at(from, name, follow, to, name, self.options.existing, self.means)
    if res >= 0 or (res ~= EEXIST and res ~= ENOTSUP) then return res end
    if kind_of(to, name, true) ~= DT_DIR then return res end
    local fd = directory.open(to, name, true)
    if fd < 0 then return fd end
    res = file.at(from, name, follow, fd, name, self.options.existing, self.means)
    calls.close(fd)
    return res
end

-- Copies one entry that is no directory; a directory is put into the frame. Returns >= 0 or -errno.
local function copy_entry(self, frame, name, kind)
    local links = self.options.symlinks
    local res
    if kind == DT_UNKNOWN then
        kind, res = kind_of(self.from.fd, name, false)
        if res < 0 then return res end
    end
    local linked = kind == DT_LNK
    if linked then
        if links == "skip" then return 0 end
        if links == "copy" then return file.symlink_at(self.from.fd, name, self.to.fd, name) end
        kind, res = kind_of(self.from.fd, name, true)
        if res < 0 then return res end
    end
    if kind == DT_REG then return copy_file(self, name, linked) end
    if kind ~= DT_DIR then return ENOTSUP end
    if self.options.recursive then
        frame.count = frame.count + 1
        frame.names[frame.count], frame.linked[frame.count] = name, linked
    end
    return 0
end

-- Copies all that is in the current directory and is no directory.
local function sweep(self, frame)
    local fd, names, kinds = self.from.fd, {}, {}
    repeat
        local count, finished = directory.read(fd, names, kinds)
        if count < 0 then fail(self, count, frame.from, frame.to) end
        for i = 1, count do
            local res = copy_entry(self, frame, names[i], kinds[i])
            if res < 0 then fail(self, res, trail.below(frame.from, names[i]), trail.below(frame.to, names[i])) end
        end
    until finished
end

local function push_frame(self, from, to, mode, below_link)
    local depth = self.from.depth
    local frame = self.frames[depth] or { names = {}, linked = {} }
    frame.from, frame.to, frame.count, frame.mode, frame.below_link = from, to, 0, mode, below_link
    self.frames[depth] = frame
    sweep(self, frame)
end

-- Makes the target directory, or enters the one that is there. Returns the mode it is to have in the end.
local function enter_target(self, name, mode)
    local made = calls.mkdirat(self.to.fd, name, bor(band(mode, ALL), OWNER_ALL))
    if made < 0 and made ~= EEXIST then return made end
    local res = self.to:enter(name, made == EEXIST)
    if res < 0 then return made == EEXIST and res == -errno_of.ENOTDIR and EISDIR or res end
    if made < 0 or band(mode, OWNER_ALL) == OWNER_ALL then return 0, -1 end
    -- It was made writable, to be filled; what the umask took stays taken.
    res = calls.statx(res, "", AT_EMPTY_PATH, fields)
    if res < 0 then return res end
    return 0, band(fields.mode, mode, ALL)
end

local function enter(self, frame, name, linked)
    local from, to = trail.below(frame.from, name), trail.below(frame.to, name)
    local res = self.from:enter(name, linked)
    if res < 0 then fail(self, res, from, to) end
    local below_link = frame.below_link or linked
    if below_link and self.from:is_loop() then fail(self, -errno_of.ELOOP, from, to) end
    res = calls.statx(res, "", AT_EMPTY_PATH, fields)
    local mode = -1
    if res >= 0 then
        res, mode = enter_target(self, name, fields.mode)
    end
    if res < 0 then fail(self, res, from, to) end
    push_frame(self, from, to, mode, below_link)
end

local function leave(self, frame)
    local res = 0
    if frame.mode >= 0 then res = calls.fchmod(self.to.fd, frame.mode) end
    if res >= 0 and self.from.depth > 0 then
        res = self.from:leave()
        if res >= 0 then res = self.to:leave() end
    end
    if res < 0 then fail(self, res, frame.from, frame.to) end
end

--- Copies the contents of one open directory into another.
---@param from_fd integer  the function's from now on, as `to_fd`
---@param to_fd integer
---@param from string  the paths, for errors
---@param to string
---@param options ljos.filesystem.copy.Options
---@param mode integer  what the target gets in the end; -1: it has it
function M.copy(from_fd, to_fd, from, to, options, mode)
    local self = {
        from = tree.new(from_fd),
        to = tree.new(to_fd),
        frames = {},
        options = options,
        means = content.means(),
    }
    push_frame(self, trail.root(from), trail.root(to), mode, false)
    while true do
        local frame = self.frames[self.from.depth]
        if frame.count > 0 then
            local name, linked = frame.names[frame.count], frame.linked[frame.count]
            frame.count = frame.count - 1
            enter(self, frame, name, linked)
        else
            local is_root = self.from.depth == 0
            leave(self, frame)
            if is_root then break end
        end
    end
    self.from:close()
    self.to:close()
end

return M
