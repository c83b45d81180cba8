--- Fields: what a record becomes when it is handed out.
---
--- All spans are lent by the scanner's chunk. The native tokeniser has found where fields lie; regexes split here.
---
--- Errors:   raises ENOTSUP and EOVERFLOW as ljos.regex does
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local chunk_ = require "ljos.stream.chunk"
local native = require "ljos.native"
local regex = require "ljos.regex"
local tokens_ = require "ljos.stream.tokens"
local new_table = require "table.new"

local C = native.C
local lend, bounds_of = chunk_.lend, tokens_.bounds_of

---@class ljos.stream.fields
local M = {}

-- Makes a span of a pair of `bounds`.
local function piece(tokens, pair)
    local bounds = tokens.bounds
    return lend(tokens.chunk, bounds[2 * pair], bounds[2 * pair + 1])
end

--- Makes a span on record `index` of those found, trimmed.
---@param tokens ljos.stream.Tokens
---@param index integer
---@return ljos.byte_span
function M.record(tokens, index)
    if not tokens.rules.trims then return lend(tokens.chunk, tokens.from, tokens.ends[index]) end
    return piece(tokens, (bounds_of(tokens, index)))
end

-- A loop per record would end every trace that reads records. So there is a function without a loop for each number
-- of fields up to MANY; it is made when first needed.
local MANY = 32
local makers = {} ---@type table<integer, fun(chunk: ljos.stream.Chunk, bounds: any, at: integer): ljos.byte_span[]>

local function write_maker(count)
    local make, keep, names = {}, {}, {}
    for i = 1, count do
        local pair = ("local from, to = bounds[at + %d], bounds[at + %d]"):format(2 * i - 2, 2 * i - 1)
        make[i] = ("local f%d do %s f%d = Span(ptr + from, to - from, to - from, slot) end"):format(i, pair, i)
        keep[i] = ("lent[count + %d] = f%d"):format(i, i)
        names[i] = "f" .. i
    end
    return ([[
local Span, register = ...
return function(chunk, bounds, at)
    local ptr, slot = chunk.ptr, chunk.slot
    %s
    -- Only now: making the spans may have run the collector, see chunk.lend.
    local lent, count = chunk.lent, chunk.count
    %s
    chunk.count = count + %d
    if count == 0 then register(chunk) end
    return { %s }
end]]):format(table.concat(make, "\n"), table.concat(keep, "\n"), count, table.concat(names, ", "))
end

local function maker_of(count)
    local make = assert(loadstring(write_maker(count), "=fields"))(chunk_.Span, chunk_.register)
    makers[count] = make
    return make
end

local function native_fields(tokens, index)
    local record, last = bounds_of(tokens, index)
    local count = last - record
    if count <= MANY then return (makers[count] or maker_of(count))(tokens.chunk, tokens.bounds, 2 * record + 2) end
    local fields = new_table(count, 0)
    for i = 1, count do
        fields[i] = piece(tokens, record + i)
    end
    return fields
end

--- Makes the table of the fields of record `index` of those found; not for a separator that is a function.
---@param tokens ljos.stream.Tokens
---@param index integer
---@return ljos.byte_span[]
function M.make(tokens, index)
    local rules = tokens.rules
    if rules.splits == "native" then return native_fields(tokens, index) end
    local record = M.record(tokens, index)
    if rules.splits == "split" then
        return regex.split(rules.field_separator --[[@as ljos.Regex]], record)
    end
    return regex.patsplit(rules.field_pattern --[[@as ljos.Regex]], record)
end

-- A batch for the one record that is current.
local single, single_end, single_bounds = ffi.new "struct ljos_scan_batch", ffi.new "int32_t[1]", ffi.new "int32_t[2]"
single.ends, single.capacity, single.count = single_end, 1, 1

--- Makes a span on the current record, trimmed.
---@param tokens ljos.stream.Tokens
---@return ljos.byte_span
function M.current(tokens)
    single.data, single.from, single.to = tokens.chunk.ptr, tokens.record_from, tokens.fill
    single_end[0] = tokens.record_to
    C.ljos_scan_column(tokens.rules.c, single, 0, single_bounds)
    return lend(tokens.chunk, single_bounds[0], single_bounds[1])
end

return M
