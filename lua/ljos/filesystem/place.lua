--- Where a path leads: absolute, canonical and relative forms, the working directory, the root.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local lexical = require "ljos.filesystem.path.lexical"
local master = require "ljos.system.master"
local path_ = require "ljos.filesystem.path"
local status = require "ljos.filesystem.status"

local check, make, string_of = calls.check, path_.make, path_.string_of
local getenv = os.getenv

---@class ljos.filesystem.place
local M = {}

local function working_directory()
    local text, res = calls.getcwd()
    if not text then check(res, "current_working_directory", ".") end
    ---@cast text string
    return text
end

--- Gets the working directory of the process, or sets it. Source: seed 003,
--- "filesystem.current_working_directory".
---@param p? ljos.filesystem.Path|string|ljos.FileDescriptor
---@return ljos.filesystem.Path?
function M.current_working_directory(p)
    if p == nil then return make(working_directory()) end
    master.check "current_working_directory"
    if file_descriptor.is(p) then
        check(calls.fchdir(file_descriptor.number_of(p, 1)), "current_working_directory", tostring(p))
    else
        local text = string_of(p --[[@as string]], 1)
        check(calls.chdir(text), "current_working_directory", text)
    end
end

--- Sets the root directory of the process. Source: chroot(2). Lua modules that are not loaded yet are looked for
--- below the new root from then on.
---@param p ljos.filesystem.Path|string
function M.chroot(p)
    master.check "chroot"
    local text = string_of(p, 1)
    check(calls.chroot(text), "chroot", text)
end

--- Makes a path absolute, without looking at what it leads to.
---@param p ljos.filesystem.Path|string
---@return ljos.filesystem.Path
function M.absolute(p)
    local text = string_of(p, 1)
    if text == "" then error_.argument(1, "the path is empty") end
    if lexical.is_absolute(text) then return make(text) end
    return make(lexical.join(working_directory(), text))
end

local function canonical(text)
    local resolved, res = calls.realpath(text)
    if not resolved then check(res, "canonical", text) end
    ---@cast resolved string
    return resolved
end

--- Makes a path absolute, without ".", ".." and symbolic links; it must exist. Source: realpath(3).
---@param p ljos.filesystem.Path|string
---@return ljos.filesystem.Path
function M.canonical(p) return make(canonical(string_of(p, 1))) end

-- What exists is made canonical; what follows it is kept, and the whole made normal.
local function weakly_canonical(text)
    local parts = lexical.components(text)
    local existing, i = "", 1
    while i <= #parts do
        local longer = lexical.join(existing, parts[i])
        if not status.exists(longer) then break end
        existing, i = longer, i + 1
    end
    local result = existing == "" and "" or canonical(existing)
    while i <= #parts do
        result, i = lexical.join(result, parts[i]), i + 1
    end
    return lexical.normal(result)
end

--- Makes a path normal, and canonical as far as it exists.
---@param p ljos.filesystem.Path|string
---@return ljos.filesystem.Path
function M.weakly_canonical(p) return make(weakly_canonical(string_of(p, 1))) end

local function resolved_base(base)
    if base == nil then return working_directory() end
    return weakly_canonical(string_of(base, 2))
end

--- Makes a path relative to a base, symbolic links resolved; the empty path where that is impossible.
---@param p ljos.filesystem.Path|string
---@param base? ljos.filesystem.Path|string  the working directory by default
---@return ljos.filesystem.Path
function M.relative(p, base) return make(lexical.relative(weakly_canonical(string_of(p, 1)), resolved_base(base))) end

--- Makes a path relative to a base where that is possible, symbolic links resolved.
---@param p ljos.filesystem.Path|string
---@param base? ljos.filesystem.Path|string  the working directory by default
---@return ljos.filesystem.Path
function M.proximate(p, base) return make(lexical.proximate(weakly_canonical(string_of(p, 1)), resolved_base(base))) end

--- Reads where a symbolic link points. Source: readlink(2).
---@param p ljos.filesystem.Path|string
---@return ljos.filesystem.Path
function M.read_symlink(p)
    local text = string_of(p, 1)
    local target, res = calls.readlinkat(calls.constants.AT_FDCWD, text)
    if not target then check(res, "read_symlink", text) end
    ---@cast target string
    return make(target)
end

--- Gets the directory for temporary files: $TMPDIR, $TMP, $TEMP, $TEMPDIR, or /tmp.
---@return ljos.filesystem.Path
function M.temp_directory_path()
    local text = getenv "TMPDIR" or getenv "TMP" or getenv "TEMP" or getenv "TEMPDIR" or "/tmp"
    if not status.is_directory(text) then check(-error_.errno_of.ENOTDIR, "temp_directory_path", text) end
    return make(text)
end

return M
