--- Regular expressions over strings and byte_spans.
---
--- A regex is a handle of the native library, which answers with byte offsets: the subject is never copied, one
--- search is one native call, and a split is one call for some hundred fields. The grammar "ecma" is PCRE2 set to
--- ECMAScript; "basic" and "extended" are the C library's, leftmost-longest. All three work on bytes: a character
--- beyond ASCII is several of them. The handle is freed with its last reference.
---
--- Back-references of the POSIX grammars are followed by the C library in subjects up to 40 bytes, and by PCRE2 in
--- longer ones: the match is the leftmost longest either way, but of groups that could share it in several ways PCRE2
--- prefers that the first ones take more. A pattern that may mean something else to PCRE2 (a reference to a group in
--- a repeated one, collating elements) stays with the C library, which takes subjects up to 8 KiB for it: with two
--- back-references 64 bytes, with more 40.
---
--- Errors:   raises ljos.Error; EOVERFLOW when a search would cost too much (exponential or quadratic patterns), or the
---           subject is longer than the C library takes for a pattern with back-references
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error = require "ljos.error"
local loading = require "ljos.error.loading"
local native = require "ljos.native"

local lua_error, type = _G.error, type
local sub = string.sub
local lib = native.C
local is_type = ffi.istype

---@class ljos.regex
local M = {}

---@class ljos.Regex: ffi.cdata*
---@field mark_count integer  the number of groups that capture

---@class ljos.RegexMatch
---@field empty boolean  whether nothing matched
---@field [integer] {start: integer, end_: integer}  0: the match; i: group i, absent when it took no part

---@class ljos.RegexOptions
---@field pattern string
---@field grammar "basic"|"extended"|"ecma"
---@field ignore_case? boolean
---@field nosubs? boolean     groups capture nothing
---@field optimize? boolean   compile to machine code now, not at the first search ("ecma")
---@field multiline? boolean  `^` and `$` match at lines too ("ecma" only)

local Handle = ffi.typeof "struct ljos_regex *"
local ANY, WHOLE = lib.LJOS_REGEX_ANY, lib.LJOS_REGEX_WHOLE

local grammars = { basic = lib.LJOS_REGEX_BASIC, extended = lib.LJOS_REGEX_EXTENDED, ecma = lib.LJOS_REGEX_ECMA }
local flags = {
    ignore_case = lib.LJOS_REGEX_IGNORE_CASE,
    nosubs = lib.LJOS_REGEX_NOSUBS,
    optimize = lib.LJOS_REGEX_OPTIMIZE,
    multiline = lib.LJOS_REGEX_MULTILINE,
}

-- Where searches leave their offsets. No call suspends between filling and reading, so one array serves all.
local capacity = 256
local offsets = ffi.new("int32_t[?]", 2 * capacity) ---@type any
local cursor = ffi.new "struct ljos_regex_cursor"

-- A second load of this file (package.loaded cleared) finds the metatype of the first in place.
pcall(ffi.metatype, "struct ljos_regex", {
    __index = function(self, key)
        if key == "mark_count" then return lib.ljos_regex_group_count(self) end
        error.bad_index("regex", key)
    end,
    __newindex = function() lua_error(error.generic "EPERM", 0) end,
    __tostring = function() return "regex" end,
    __metatable = "regex",
})

--- Tells whether a value is a regex.
---@param value any
---@return boolean
function M.is(value) return is_type(Handle, value) end

local function flags_of(options)
    local set = 0
    for key, value in pairs(options) do
        if flags[key] then
            error.check_type(value, "boolean", key)
            if value then set = set + flags[key] end
        elseif key ~= "pattern" and key ~= "grammar" then
            error.argument(tostring(key), "no such option (pattern, grammar, ignore_case, nosubs, optimize, multiline)")
        end
    end
    return set
end

local function refused(fault)
    local detail, offset = ffi.string(fault.message), fault.offset
    if offset < 0 then error.argument("pattern", detail) end
    detail = detail .. " at offset " .. offset
    lua_error(error.generic("EINVAL", { arg = "pattern", detail = detail, offset = offset }), 0)
end

--- Compiles a pattern (seed page "regex").
---
--- A bad pattern raises EINVAL with `arg` "pattern", the compiler's message in `detail` and, from "ecma", the number
--- of bytes read before the fault in `offset`.
---@param options ljos.RegexOptions
---@return ljos.Regex
function M.new(options)
    error.check_type(options, "table", 1)
    local pattern, grammar = options.pattern, options.grammar
    error.check_type(pattern, "string", "pattern")
    if type(grammar) ~= "string" or not grammars[grammar] then
        error.argument("grammar", '"basic", "extended" or "ecma" expected, got ' .. tostring(grammar))
    end
    if options.multiline and grammar ~= "ecma" then error.argument("multiline", 'for the grammar "ecma" only') end
    local set = flags_of(options)
    local out, fault = ffi.new "struct ljos_regex *[1]", ffi.new "struct ljos_regex_fault"
    local res = lib.ljos_regex_new(grammars[grammar], set, pattern, #pattern, out, fault)
    if res < 0 then refused(fault) end
    local re = ffi.gc(out[0], lib.ljos_regex_free)
    local pairs_needed = lib.ljos_regex_group_count(re) + 1
    if pairs_needed > capacity then
        capacity = pairs_needed
        offsets = ffi.new("int32_t[?]", 2 * capacity)
    end
    return re
end

local function failed(res)
    if res == -error.errno_of.EOVERFLOW then
        local detail = "match limit exceeded: the pattern costs too much on this subject"
        lua_error(error.generic("EOVERFLOW", { detail = detail }), 0)
    end
    lua_error(error.new(error.generic_category, -res), 0)
end

-- Loaded when the first subject is no string: most users of a regex have no spans.
local byte_span ---@type any

local function check_arguments(re, subject)
    if not is_type(Handle, re) then error.argument(1, "regex expected, got " .. type(re)) end
    if type(subject) == "string" then return end
    byte_span = byte_span or loading.load "ljos.byte_span"
    if not byte_span.is(subject) then error.argument(2, "string or byte_span expected, got " .. type(subject)) end
end

---@return integer # how many pairs were written; 0 without a match
local function find(re, subject, wanted)
    local res ---@type integer
    if type(subject) == "string" then
        res = lib.ljos_regex_search(re, subject, #subject, 0, wanted, offsets, capacity)
    else
        res = lib.ljos_regex_search(re, subject.ptr, subject.len, 0, wanted, offsets, capacity)
    end
    if res < 0 then failed(res) end
    return res
end

-- The piece of the subject that pair `index` bounds: a string of a string, a slice of a span. The slice has no room
-- behind it, so that appending to it leaves the subject's next bytes alone. An absent pair is an empty piece.
local function piece(subject, index)
    local from, to = offsets[2 * index], offsets[2 * index + 1] ---@type integer, integer
    if from < 0 then
        from, to = 0, 0
    end
    if type(subject) == "string" then return sub(subject, from + 1, to) end
    return byte_span.slice(subject, subject.ptr + from, to - from, to - from)
end

local function pieces(subject, first, last)
    local list = {}
    for index = first, last do
        list[#list + 1] = piece(subject, index)
    end
    return list
end

--- Matches the pattern against the whole of `str`; returns the captures, or the match when it has none.
---
--- A group that took no part is an empty string (or span). Without a match: nil.
---@param re ljos.Regex
---@param str string|ljos.byte_span
---@return (string|ljos.byte_span)? ...
function M.match(re, str)
    check_arguments(re, str)
    local found = find(re, str, WHOLE)
    if found == 0 then return nil end
    if found == 1 then return piece(str, 0) end
    if found == 2 then return piece(str, 1) end
    if found == 3 then return piece(str, 1), piece(str, 2) end
    return unpack(pieces(str, 1, found - 1))
end

--- Finds the first match in `str`. Positions count from 1, `end_` is the last byte's (an empty match: start - 1).
---@param re ljos.Regex
---@param str string|ljos.byte_span
---@return ljos.RegexMatch
function M.search(re, str)
    check_arguments(re, str)
    local found = find(re, str, ANY)
    local result = { empty = found == 0 }
    for index = 0, found - 1 do
        local from = offsets[2 * index]
        if from >= 0 then result[index] = { start = from + 1, end_ = offsets[2 * index + 1] } end
    end
    return result
end

local function fields(step, re, subject)
    check_arguments(re, subject)
    if lib.ljos_regex_group_count(re) > 0 then
        local detail = "a pattern with groups (compile it with nosubs = true)"
        lua_error(error.generic("ENOTSUP", { arg = 1, detail = detail }), 0)
    end
    local is_string = type(subject) == "string"
    local list, count = {}, 0
    cursor.position, cursor.last_end = 0, -1
    repeat
        local res ---@type integer
        if is_string then
            res = step(re, subject, #subject, cursor, offsets, capacity)
        else
            res = step(re, subject.ptr, subject.len, cursor, offsets, capacity)
        end
        if res < 0 then failed(res) end
        for index = 0, res - 1 do
            list[count + index + 1] = piece(subject, index)
        end
        count = count + res
    until cursor.position < 0
    return list
end

--- Splits `str` by the matches of the pattern.
---
--- An empty match separates nothing. Empty fields count, but for one at the end; an empty subject is one empty field.
--- A pattern with groups raises ENOTSUP.
---@param re ljos.Regex
---@param str string|ljos.byte_span
---@return (string|ljos.byte_span)[]
function M.split(re, str) return fields(lib.ljos_regex_split, re, str) end

--- Returns the matches of the pattern in `str`, in order and without overlap (gawk's FPAT).
---
--- A match may be empty, but not right behind one that is not. A pattern with groups raises ENOTSUP.
---@param re ljos.Regex
---@param str string|ljos.byte_span
---@return (string|ljos.byte_span)[]
function M.patsplit(re, str) return fields(lib.ljos_regex_patsplit, re, str) end

return M
