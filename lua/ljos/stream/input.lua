--- Input: the bytes a scanner has read from its stream and not consumed yet.
---
--- They lie in one chunk, from the current record (or, without one, from where the next begins) up to `fill`; behind
--- them the stream is read into. Where room runs short, they move to the front of the chunk, or, while somebody may
--- see spans on it, to a fresh one. Chunks grow while reads fill them and while a record does not fit.
---
--- Errors:   raises what the stream raises, EINVAL for a stream that breaks its contract; nothing is lost
--- Suspends: fill
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local asio_error = require "ljos.asio_error"
local chunk_ = require "ljos.stream.chunk"
local error_ = require "ljos.error"

ffi.cdef "void *memmove(void *, const void *, size_t);"

local C = ffi.C
local error, max, min, pcall, tostring, type = error, math.max, math.min, pcall, tostring, type

---@class ljos.stream.input
local M = {}

---@class ljos.stream.Input
---@field chunk ljos.stream.Chunk|false
---@field size integer         the capacity of the next chunk, unless a record needs more
---@field fill integer         where the bytes read end, from 0, as all offsets
---@field from integer         where the next record begins
---@field searched integer     no record separator begins before this offset
---@field record_from integer  the current record without its separator; -1 without one
---@field record_to integer

-- The first chunk is small (10,000 idle connections have one each); reads that fill it make it grow up to this.
local FIRST_SIZE, READ_SIZE = 4096, 131072
local MAX_CAPACITY = 2 ^ 31 - 1

---@param size_hint? integer
---@return ljos.stream.Input
function M.new(size_hint)
    return {
        chunk = false,
        size = size_hint or FIRST_SIZE,
        fill = 0,
        from = 0,
        searched = 0,
        record_from = -1,
        record_to = -1,
    }
end

local function start(input) return input.record_from >= 0 and input.record_from or input.from end

local function move(input, kept, to, from)
    if kept > 0 then C.memmove(to.ptr, from.ptr + start(input), kept) end
    local shift = start(input)
    if input.record_from >= 0 then
        input.record_from, input.record_to = input.record_from - shift, input.record_to - shift
    end
    input.from, input.searched, input.fill = input.from - shift, max(input.searched - shift, 0), kept
end

local function make_room(input)
    local chunk = input.chunk
    if not chunk then
        input.chunk = chunk_.take(input.size)
        return
    end
    local capacity, kept, visible = chunk.capacity, input.fill - start(input), chunk_.is_visible(chunk)
    local room = capacity - input.fill
    if room > 0 and 2 * room >= capacity and (kept > 0 or visible or input.fill == 0) then return end
    local size = input.size
    while size < 2 * kept do
        size = 2 * size
    end
    if size <= capacity and not visible then return move(input, kept, chunk, chunk) end
    local fresh = chunk_.take(min(size, MAX_CAPACITY))
    move(input, kept, fresh, chunk)
    input.chunk = fresh
    chunk_.retire(chunk)
end

local function check_count(count, room)
    if type(count) == "number" and count >= 0 and count <= room then return end
    error_.argument("stream", ("its read_some returned %s for %d bytes"):format(tostring(count), room))
end

local function is_eof(err) return error_.is_error(err) and err == asio_error.misc.eof end

--- Reads more bytes from `stream`. At its end returns false and the error that says so.
---@param input ljos.stream.Input
---@param stream ljos.ReadStream?
---@return boolean more
---@return ljos.Error? eof
function M.fill(input, stream)
    local read_some = stream ~= nil and stream.read_some
    if not read_some then error_.argument("stream", "an object with the method read_some expected") end
    make_room(input)
    local chunk = input.chunk --[[@as ljos.stream.Chunk]]
    local room = chunk.capacity - input.fill
    local span = chunk_.slice(chunk, input.fill, room, room)
    local ok, count = pcall(read_some --[[@as function]], stream, span)
    if not ok then
        if is_eof(count) then return false, count end
        error(count, 0)
    end
    check_count(count, room)
    input.fill = input.fill + count
    if count == room and input.size < READ_SIZE then input.size = min(4 * input.size, READ_SIZE) end
    return true
end

--- Takes `span` for the buffer; the bytes from `offset` (from 1) up to its length count as read.
---@param input ljos.stream.Input
---@param span ljos.byte_span
---@param offset integer
function M.replace(input, span, offset)
    if input.chunk then chunk_.retire(input.chunk) end
    input.chunk = chunk_.adopt(span)
    input.fill, input.from, input.searched = #span, offset - 1, offset - 1
    input.record_from, input.record_to = -1, -1
end

--- Returns a span on all that was read, with all of the memory for capacity, and where the bytes not yet consumed
--- begin in it (from 1).
---@param input ljos.stream.Input
---@return ljos.byte_span
---@return integer
function M.view(input)
    local chunk = input.chunk
    if not chunk then
        chunk = chunk_.take(input.size)
        input.chunk = chunk
    end
    chunk.shared = true
    return chunk_.slice(chunk, 0, input.fill, chunk.capacity), start(input) + 1
end

return M
