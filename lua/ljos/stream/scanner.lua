--- stream.scanner: records and fields out of a stream, in the manner of AWK.
---
--- A scanner is the table of options it was made from. Records are found many at a time by the native tokeniser;
--- `get_line` hands out spans on the scanner's buffer. What was handed out is the caller's: a later `get_line` never
--- changes its bytes. It keeps a whole buffer (up to 256 KiB) alive, so who keeps few lines of many copies them, by
--- tostring say. A call that fails or is cancelled leaves scanner and stream as they were, minus nothing.
---
--- Beyond the seed, `each_batch` hands out records by the thousand for those who count them or sum columns.
---
--- Errors:   raises ljos.Error; at the end of the stream asio_error.misc.eof, or whatever else the stream raised
--- Suspends: get_line, each_batch (as the stream's read_some does)
--- Needs:    nothing beyond Linux 5.15
local batch_ = require "ljos.stream.batch"
local byte_span = require "ljos.byte_span"
local chunk_ = require "ljos.stream.chunk"
local error_ = require "ljos.error"
local fields_ = require "ljos.stream.fields"
local input_ = require "ljos.stream.input"
local rules_ = require "ljos.stream.rules"
local tokens_ = require "ljos.stream.tokens"

local lend, is_current = chunk_.lend, rules_.is_current
local error, floor, setmetatable, tostring, type = error, math.floor, setmetatable, tostring, type

---@class ljos.stream.ScannerOptions
---@field stream? ljos.ReadStream                           what is read; may be set later
---@field record_separator? string|ljos.Regex               default: "\n"
---@field field_separator? string|ljos.Regex|fun(line: ljos.byte_span): ...  what fields are not; default: no fields
---@field field_pattern? ljos.Regex                         what fields are
---@field trim_record? boolean|string                       whether to strip linear white space (or these bytes)
---@field buffer_size_hint? integer                         bytes
---@field max_record_size? integer                          bytes without the separator; default: 64 MiB

---@class ljos.stream.Scanner: ljos.stream.ScannerOptions
---@field record_terminator? string|ljos.byte_span  what ended the current record; empty at the end of the stream
---@field record_number integer                     how many records were read
---@field package tokens_ ljos.stream.Tokens
local Scanner = {}

---@class ljos.stream.scanner
local M = {}

--- The metatable of scanners.
M.mt = { __index = Scanner }

--- The regex of AWK's default field separator: runs of linear white space.
M.linear_whitespace = rules_.linear_whitespace

local function check_hint(hint)
    if hint == nil then return nil end
    if type(hint) ~= "number" or hint ~= hint or hint < 1 then
        error_.argument("buffer_size_hint", "number of bytes above 0 expected, got " .. tostring(hint))
    end
    return floor(math.min(hint, 2 ^ 29))
end

--- Makes a scanner of the table `opts` and returns it.
---
--- The options may change between two records; they are checked when the next one is read.
---@param opts? ljos.stream.ScannerOptions
---@return ljos.stream.Scanner
function M.new(opts)
    if opts == nil then opts = {} end
    error_.check_type(opts, "table", 1)
    local scanner = opts --[[@as ljos.stream.Scanner]]
    local tokens = tokens_.new(check_hint(scanner.buffer_size_hint))
    if scanner.record_separator == nil then scanner.record_separator = "\n" end
    if scanner.trim_record == nil then scanner.trim_record = false end
    scanner.record_number, scanner.tokens_ = 0, tokens
    return setmetatable(scanner, M.mt)
end

--- Makes a scanner with AWK's defaults: lines, trimmed, broken into words.
---@param read_stream ljos.ReadStream
---@return ljos.stream.Scanner
function M.with_awk_defaults(read_stream)
    return M.new {
        stream = read_stream,
        record_separator = "\n",
        trim_record = true,
        field_separator = M.linear_whitespace,
    }
end

-- Makes record `index` of those found the current one.
local function commit(self, tokens, index)
    local from, to = tokens.from, tokens.ends[index]
    tokens.next = index + 1
    tokens.from = to + tokens.skip
    tokens.record_from, tokens.record_to = from, to
    self.record_terminator = tokens.terminator
    self.record_number = self.record_number + 1
end

-- With the results of a field separator that is a function.
local function committed(self, tokens, index, ...)
    commit(self, tokens, index)
    return ...
end

local function advance(self, tokens)
    tokens_.update_rules(tokens, self)
    if tokens.next < tokens.count then return end
    local ok, eof = tokens_.advance(tokens, self.stream)
    if not ok then error(eof, 0) end
end

local function tokens_of(self)
    local tokens = type(self) == "table" and self.tokens_
    return tokens or error_.argument(1, "stream.scanner expected, got " .. type(self))
end

--- Reads the next record; returns it, or its fields where the options say how to find them.
---
--- The results of a field separator that is a function are passed through. EMSGSIZE for a record longer than
--- max_record_size: it stays in the buffer. (Seed 003, page stream.scanner.)
---@return ljos.byte_span|ljos.byte_span[]|any ...
function Scanner:get_line()
    local tokens = tokens_of(self)
    local rules = tokens.rules
    if tokens.next == tokens.count or not is_current(rules, self) then advance(self, tokens) end
    local index = tokens.next
    if rules.splits == "call" then
        local separate = rules.field_separator --[[@as fun(line: ljos.byte_span): ...]]
        return committed(self, tokens, index, separate(fields_.record(tokens, index)))
    end
    local result
    if rules.splits then
        result = fields_.make(tokens, index)
    elseif rules.trims then
        result = fields_.record(tokens, index)
    else
        result = lend(tokens.chunk --[[@as ljos.stream.Chunk]], tokens.from, tokens.ends[index])
    end
    commit(self, tokens, index)
    return result
end

local function check_record(tokens)
    if tokens.record_from >= 0 then return end
    error(error_.generic("EINVAL", { detail = "no record is in the buffer: call get_line first" }), 0)
end

--- Returns the current record, trimmed as the options say, without breaking it into fields: AWK's $0.
---
--- EINVAL without a record.
---@return ljos.byte_span
function Scanner:buffered_line()
    local tokens = tokens_of(self)
    check_record(tokens)
    return fields_.current(tokens)
end

--- Removes the current record, and its terminator, from the buffer; sets record_terminator to nil.
---
--- EINVAL without a record.
function Scanner:remove_line()
    local tokens = tokens_of(self)
    check_record(tokens)
    tokens.record_from, tokens.record_to = -1, -1
    self.record_terminator = nil
end

--- Returns the buffer, and where in it (from 1) the bytes begin that were read and not removed. They go to its end; its
--- capacity may be greater.
---@return ljos.byte_span
---@return integer offset
function Scanner:buffer() return input_.view(tokens_of(self)) end

--- Makes `buf` the buffer: the bytes from `offset` to its end count as read, its capacity is the scanner's to use.
---
--- The previous buffer is let go, its record and record_terminator with it. EINVAL where `offset` is no
--- integer in 1..#buf + 1.
---@param buf ljos.byte_span
---@param offset? integer  default: 1
function Scanner:set_buffer(buf, offset)
    byte_span.check(buf, 2)
    if offset == nil then offset = 1 end
    if type(offset) ~= "number" or not (offset >= 1 and offset <= #buf + 1 and floor(offset) == offset) then
        error_.argument(3, ("integer in 1..%d expected, got %s"):format(#buf + 1, tostring(offset)))
    end
    local tokens = tokens_of(self)
    input_.replace(tokens, buf, offset)
    tokens_.forget(tokens)
    self.record_terminator = nil
end

--- Iterates over the rest of the stream, many records at a time, until it ends:
---
---     local total, lines = 0, 0
---     for batch in scanner:each_batch() do
---         total, lines = total + batch:sum(3), lines + batch.count
---     end
---
--- A batch is as many complete records as are in the buffer; it counts as read when the iteration hands it out, and it
--- is valid until the next call on the scanner. Its columns are the fields as AWK numbers them, from 1; column 0 is the
--- record (trimmed, as the options say), and a field that a record has not is empty. `record_terminator` is that
--- of the batch's last record; there is no current record. ENOTSUP where records or fields are found by
--- regex or function. The end of the stream ends the iteration; other errors are raised.
---@return fun(batch: ljos.stream.Batch): ljos.stream.Batch?
---@return ljos.stream.Batch
function Scanner:each_batch() return batch_.step, batch_.new(self, tokens_of(self)) end

return M
