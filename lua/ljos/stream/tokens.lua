--- Tokens: where the records of the buffered bytes end, and where their fields lie, found many at a time.
---
--- One native call writes the ends of all complete records in the buffer into a flat array, one more the bounds of
--- their fields; handing out a record then only reads numbers. All records of the arrays share one terminator. When
--- the scanner's options change, what was found ahead is forgotten. The arrays grow while they are used to the full,
--- so a scanner that changes its rules at every record never looks far ahead.
---
--- Errors:   raises EMSGSIZE for a record longer than max_record_size
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local chunk_ = require "ljos.stream.chunk"
local error_ = require "ljos.error"
local input_ = require "ljos.stream.input"
local native = require "ljos.native"
local regex = require "ljos.regex"
local rules_ = require "ljos.stream.rules"

local C = native.C
local lend, slice = chunk_.lend, chunk_.slice
local error, max = error, math.max
local int_array = ffi.typeof "int32_t[?]"
local EMSGSIZE = error_.errno_of.EMSGSIZE

---@class ljos.stream.tokens
local M = {}

---@class ljos.stream.Tokens: ljos.stream.Input
---@field chunk any           ljos.stream.Chunk; false while nothing was read
---@field rules ljos.stream.Rules
---@field guard userdata       see chunk.guard
---@field batch any            `struct ljos_scan_batch`: the records found
---@field ends any             `int32_t[]`: where they end
---@field next integer         the number, from 0, of the next of them
---@field count integer        how many they are
---@field skip integer         the length of the terminator of each
---@field terminator string|ljos.byte_span
---@field serial integer       changes whenever the arrays do
---@field heads any            `int32_t[]`: the pair in `bounds` where each record begins, see ljos_scan_fields,
---@field first_split integer  for the records from this number
---@field end_split integer    up to this one, exclusive
---@field bounds any           `int32_t[]`: pairs of offsets: the record itself, trimmed, then its fields
---@field bounds_capacity integer

local FEW, MANY = 16, 4096
local MANY_BOUNDS = 2 * MANY
M.MANY = MANY

---@param size_hint? integer
---@return ljos.stream.Tokens
function M.new(size_hint)
    local tokens = input_.new(size_hint) --[[@as ljos.stream.Tokens]]
    tokens.rules, tokens.guard = rules_.new(), chunk_.guard()
    tokens.batch = ffi.new "struct ljos_scan_batch"
    tokens.skip, tokens.terminator, tokens.serial, tokens.bounds_capacity = 0, "", 0, 0
    M.reserve(tokens, FEW)
    return tokens
end

--- Makes room for `capacity` records; forgets those found ahead.
---@param tokens ljos.stream.Tokens
---@param capacity number
function M.reserve(tokens, capacity)
    tokens.ends, tokens.heads = int_array(capacity), int_array(capacity + 1)
    tokens.batch.ends, tokens.batch.capacity = tokens.ends, capacity
    M.forget(tokens)
end

--- Forgets the records found ahead: the next search begins where the next record does.
---@param tokens ljos.stream.Tokens
function M.forget(tokens)
    tokens.next, tokens.count, tokens.first_split, tokens.end_split = 0, 0, 0, 0
    tokens.searched, tokens.serial = tokens.from, tokens.serial + 1
end

--- Takes over the scanner's options where they have changed.
---@param tokens ljos.stream.Tokens
---@param scanner ljos.stream.Scanner
function M.update_rules(tokens, scanner)
    if rules_.is_current(tokens.rules, scanner) then return end
    rules_.compile(tokens.rules, scanner)
    -- Who changes the rules at each record should not pay for a whole buffer each time.
    if tokens.count - tokens.next > FEW then return M.reserve(tokens, FEW) end
    M.forget(tokens)
end

local function too_long(tokens)
    local detail = ("a record is longer than max_record_size (%d)"):format(tokens.rules.c.longest)
    error(error_.generic("EMSGSIZE", { detail = detail }), 0)
end

local function found(tokens, count, skip, terminator)
    tokens.next, tokens.count, tokens.skip, tokens.terminator = 0, count, skip, terminator
    tokens.first_split, tokens.end_split = 0, 0
end

-- Points the batch at the bytes not consumed.
local function aim(tokens)
    local batch = tokens.batch
    batch.data, batch.from, batch.to = tokens.chunk.ptr, tokens.from, tokens.fill
    return batch
end

local function scan(tokens)
    local rules = tokens.rules
    if tokens.count == tokens.batch.capacity and tokens.count < MANY then M.reserve(tokens, 4 * tokens.count) end
    local count = C.ljos_scan_records(rules.c, aim(tokens), tokens.searched)
    if count == -EMSGSIZE then too_long(tokens) end
    found(tokens, count, rules.skip, rules.record_separator)
    if count == 0 then tokens.searched = max(tokens.from, tokens.fill - rules.skip + 1) end
    return count > 0
end

-- The bounds of the first match that is not empty: an empty one separates nothing.
local function first_match(tokens)
    local from, fill, chunk = tokens.from, tokens.fill, tokens.chunk
    while from <= fill do
        local size = fill - from ---@type integer
        local match = regex.search(tokens.rules.record_separator, slice(chunk, from, size, size))
        if match.empty then return nil end
        local first, last = match[0].start, match[0].end_
        if last >= first then return from + first - 1, from + last end
        from = from + first
    end
end

local function only(tokens, to, skip, terminator)
    if to - tokens.from > tokens.rules.c.longest then too_long(tokens) end
    aim(tokens).count = 1
    tokens.ends[0] = to
    found(tokens, 1, skip, terminator)
end

local function search(tokens)
    local from, to = first_match(tokens)
    if from then
        only(tokens, from, to - from, lend(tokens.chunk, from, to))
        return true
    end
    if tokens.fill - tokens.from > tokens.rules.c.longest then too_long(tokens) end
    found(tokens, 0, 0, "")
    return false
end

--- Looks for records in the bytes not consumed.
---@param tokens ljos.stream.Tokens
---@return boolean # whether there is one
local function find(tokens)
    tokens.serial = tokens.serial + 1
    if tokens.from == tokens.fill then return false end
    if tokens.rules.searches then return search(tokens) end
    return scan(tokens)
end

--- Finds records, reading as much as that takes. At the end of the stream, what is left is the last record, without a
--- terminator; when nothing is left, returns false and the error that says so.
---@param tokens ljos.stream.Tokens
---@param stream ljos.ReadStream?
---@return boolean
---@return ljos.Error? eof
function M.advance(tokens, stream)
    while not find(tokens) do
        local more, eof = input_.fill(tokens, stream)
        if not more then
            if tokens.from == tokens.fill then return false, eof end
            only(tokens, tokens.fill, 0, tokens.rules.searches and slice(tokens.chunk, 0, 0, 0) or "")
            return true
        end
    end
    return true
end

-- Writes the bounds of the records from number `index` on, of as many as fit.
local function split(tokens, index)
    local done
    repeat
        done =
            C.ljos_scan_fields(tokens.rules.c, tokens.batch, index, tokens.heads, tokens.bounds, tokens.bounds_capacity)
        local capacity = tokens.bounds_capacity
        if done == 0 or (done < tokens.count - index and capacity < MANY_BOUNDS) then
            tokens.bounds_capacity = max(64, 4 * capacity)
            tokens.bounds = int_array(2 * tokens.bounds_capacity)
            done = 0
        end
    until done > 0
    tokens.first_split, tokens.end_split = index, index + done
end

--- Returns the numbers of the first and last pair in `bounds` of record `index` (from 0, not handed out before `next`).
---@param tokens ljos.stream.Tokens
---@param index integer
---@return integer record  the pair of the record itself, trimmed
---@return integer last    the pair of its last field; `record` without fields
function M.bounds_of(tokens, index)
    if index < tokens.first_split or index >= tokens.end_split then split(tokens, index) end
    local head = index - tokens.first_split
    return tokens.heads[head], tokens.heads[head + 1] - 1
end

return M
