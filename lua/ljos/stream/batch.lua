--- Batches: the records of a whole buffer at once, looked at by columns.
---
--- One batch object serves all of an iteration: each step fills it anew. Sums, numbers and bounds of a column are one
--- native call for all records. What a batch has returned in arrays is overwritten when the same column of a later
--- batch is asked for.
---
--- Errors:   raises EINVAL (wrong column, batch that is over), ENOTSUP (rules that the native tokeniser has not)
--- Suspends: step
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"
local tokens_ = require "ljos.stream.tokens"

local C = native.C
local error, setmetatable, tostring, type = error, setmetatable, tostring, type
local int_array, double_array = ffi.typeof "int32_t[?]", ffi.typeof "double[?]"

---@class ljos.stream.batch
local M = {}

---@class ljos.stream.Batch
---@field count integer  how many records
---@field package scanner ljos.stream.Scanner
---@field package tokens ljos.stream.Tokens
---@field package serial integer
---@field package pairs table<integer, any>    by column, valid where `fresh` says so
---@field package fresh table<integer, integer>
---@field package doubles table<integer, any>
local Batch = {}
Batch.__index = Batch

---@param scanner ljos.stream.Scanner
---@param tokens ljos.stream.Tokens
---@return ljos.stream.Batch
function M.new(scanner, tokens)
    local batch = { count = 0, scanner = scanner, tokens = tokens, serial = -1, pairs = {}, fresh = {}, doubles = {} }
    return setmetatable(batch, Batch)
end

local function not_supported(detail) error(error_.generic("ENOTSUP", { detail = detail }), 0) end

--- Fills the batch with the next records of the stream; nil when it has ended.
---@param batch ljos.stream.Batch
---@return ljos.stream.Batch?
function M.step(batch)
    local tokens, scanner = batch.tokens, batch.scanner
    tokens_.update_rules(tokens, scanner)
    local rules = tokens.rules
    if rules.searches then not_supported "each_batch with a record_separator that is a regex" end
    if tokens.batch.capacity < tokens_.MANY then
        tokens_.reserve(tokens, tokens_.MANY)
    elseif tokens.next < tokens.count then
        tokens_.forget(tokens)
    end
    if not tokens_.advance(tokens, scanner.stream) then return nil end
    local count = tokens.count
    tokens.next = count
    tokens.from = tokens.ends[count - 1] + tokens.skip
    tokens.record_from, tokens.record_to = -1, -1
    scanner.record_terminator = tokens.terminator
    scanner.record_number = scanner.record_number + count
    batch.count, batch.serial = count, tokens.serial
    return batch
end

local function check(batch, column)
    if type(column) ~= "number" or not (column >= 0 and column < 2 ^ 31) then
        error_.argument("column", "number of a column expected, got " .. tostring(column))
    end
    if batch.serial ~= batch.tokens.serial then
        error(error_.generic("EINVAL", { detail = "this batch is over: the scanner has moved on" }), 0)
    end
    local splits = batch.tokens.rules.splits
    if column >= 1 and splits ~= "native" then
        not_supported(splits and "columns of fields found by regex or function" or "columns without a field_separator")
    end
end

--- Adds up the numbers that a column's fields begin with, as AWK reads them: decimal, 0 where there is none.
---@param column integer
---@return number
function Batch:sum(column)
    check(self, column)
    return C.ljos_scan_sum(self.tokens.rules.c, self.tokens.batch, column)
end

--- Returns the numbers that `sum` adds up, in an array `double[count]` from 0.
---@param column integer
---@return ffi.cdata*
function Batch:numbers(column)
    check(self, column)
    local numbers = self.doubles[column]
    if not numbers then
        numbers = double_array(self.tokens.batch.capacity)
        self.doubles[column] = numbers
    end
    C.ljos_scan_numbers(self.tokens.rules.c, self.tokens.batch, column, numbers)
    return numbers
end

local function pairs_of(batch, column)
    if batch.fresh[column] == batch.serial then return batch.pairs[column] end
    local pairs = batch.pairs[column]
    if not pairs then
        pairs = int_array(2 * batch.tokens.batch.capacity)
        batch.pairs[column] = pairs
    end
    C.ljos_scan_column(batch.tokens.rules.c, batch.tokens.batch, column, pairs)
    batch.fresh[column] = batch.serial
    return pairs
end

--- Returns a column's field of record `i` (1 to count) as a string.
---@param i integer
---@param column integer
---@return string
function Batch:text(i, column)
    check(self, column)
    if type(i) ~= "number" or not (i >= 1 and i <= self.count) then
        error_.argument("i", ("integer in 1..%d expected, got %s"):format(self.count, tostring(i)))
    end
    local pairs = pairs_of(self, column)
    local from = pairs[2 * i - 2]
    return ffi.string(self.tokens.batch.data + from, pairs[2 * i - 1] - from)
end

return M
