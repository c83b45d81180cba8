--- The pump: moves records between OpenSSL and the stream below.
---
--- OpenSSL reads from and writes to a BIO pair, memory of a fixed size; the stream below reads into that memory and
--- writes from it, without a copy. OpenSSL itself never waits: a call that lacks bytes, or room, says so, `fill` or
--- `flush` sees to it, and the call is made again. Whoever finds another fiber at the same direction waits until that
--- one is done, and then looks again. So one fiber may read while another writes.
---
--- A record is either whole in that memory or not begun (`put` makes sure of the room), so a fiber that is canceled
--- while it flushes leaves no half of one: what is left is flushed by whoever comes next.
---
--- The memory belongs to OpenSSL's objects, which spans on it keep alive.
---
--- Errors:   raises what the stream raises, stream_truncated at its end; `flush` returns it
--- Suspends: fill, flush
--- Needs:    OpenSSL
local ffi = require "ffi"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local failure = require "ljos.tls.failure"
local openssl = require "ljos.tls.openssl"
local turn = require "ljos.tls.turn"

local error, pcall, type = error, pcall, type
local lib, slice, wait, finish = openssl.lib, byte_span.slice, turn.wait, turn.finish

---@class ljos.tls.pump
local M = {}

---@class ljos.tls.Pump
---@field stream any  the stream below
---@field ssl ffi.cdata*|false   SSL; false when closed
---@field bio ffi.cdata*|false   the other end of the pair
---@field reading ljos.tls.Turn  of a fiber that reads from the stream
---@field writing ljos.tls.Turn  of one that writes to it
---@field room ljos.byte_span|false  the last span that was read into
---@field rest ljos.byte_span|false  the last span that was written from

-- Application data of up to MOST bytes is put into an empty buffer, and its records always fit: a record has 512 bytes
-- at the least where a peer insists on short ones (RFC 6066), and up to 96 around them. (Twice as much leaves the cache
-- of the processor: a fifth slower.)
local MOST = 32768
local OUT_SIZE, IN_SIZE = MOST + 16384, 65536
M.MOST = MOST

--- Connects `ssl` with a new BIO pair; returns the other end.
---@param ssl ffi.cdata*
---@return ffi.cdata*
function M.attach(ssl)
    local inner, outer = ffi.new "void *[1]", ffi.new "void *[1]"
    lib.ERR_clear_error()
    failure.check(lib.BIO_new_bio_pair(inner, OUT_SIZE, outer, IN_SIZE))
    lib.SSL_set_bio(ssl, inner[0], inner[0])
    return openssl.owned(outer[0], "BIO_free") --[[@as ffi.cdata*]]
end

local place = ffi.new "uint8_t *[1]"

local function readable(bio) return lib.BIO_nread0(bio, place) end
local function writable(bio) return lib.BIO_nwrite0(bio, place) end
local function was_read(bio, count) return lib.BIO_nread(bio, place, count) end
local function was_written(bio, count) return lib.BIO_nwrite(bio, place, count) end

-- A span on `count` bytes at `place`: mostly that of the last time.
local function span_at_place(owner, last, count)
    local ptr = place[0]
    if last and last.ptr == ptr and last.len == count then return last end
    return slice(owner, ptr, count, count)
end

local function check_moved(moved, offered, method)
    if type(moved) == "number" and moved >= 0 and moved <= offered then return moved end
    local detail = ("the stream's %s returned %s for %d bytes"):format(method, tostring(moved), offered)
    error(error_.generic("EINVAL", { detail = detail }), 0)
end

local function is_eof(err) return error_.is_error(err) and err == asio_error.misc.eof end

-- What a read or a write of the stream is worth once the connection was closed.
local function check_open(self)
    if not self.ssl then error(error_.system("ECANCELED", { detail = "the connection was closed" }), 0) end
end

local function read_some(self)
    local count = writable(self.bio)
    if count <= 0 then return end
    local room = span_at_place(self.bio, self.room, count)
    self.room = room
    local stream = self.stream
    local moved = check_moved(stream:read_some(room), count, "read_some")
    check_open(self)
    was_written(self.bio, moved)
end

--- Reads records from the stream, as many as are there; or waits until another fiber has done so.
---@param self ljos.tls.Pump
function M.fill(self)
    local reading = self.reading
    if reading.is_taken then
        wait(reading)
        return check_open(self)
    end
    reading.is_taken = true
    local ok, err = pcall(read_some, self)
    finish(reading)
    if ok then return end
    if is_eof(err) then err = failure.stream.stream_truncated end
    error(err, 0)
end

--- Whether OpenSSL has written what the stream has not got yet.
---@param self ljos.tls.Pump
---@return boolean
function M.has_rest(self) return readable(self.bio) > 0 end

local function write_all(self)
    while true do
        local count = readable(self.bio)
        if count <= 0 then return end
        local rest = span_at_place(self.ssl, self.rest, count)
        self.rest = rest
        local stream = self.stream
        local moved = check_moved(stream:write_some(rest), count, "write_some")
        check_open(self)
        was_read(self.bio, moved)
    end
end

--- Writes to the stream what OpenSSL has written, all of it.
---@param self ljos.tls.Pump
---@return boolean ok
---@return any err
function M.flush(self)
    local writing = self.writing
    while writing.is_taken do
        local ok, err = pcall(wait, writing)
        if ok and not self.ssl then
            ok, err = pcall(check_open, self)
        end
        if not ok then return false, err end
    end
    writing.is_taken = true
    local ok, err = pcall(write_all, self)
    finish(writing)
    return ok, err
end

local function write(ssl, ptr, count)
    lib.ERR_clear_error()
    local done = lib.SSL_write(ssl, ptr, count)
    if done > 0 then return done end
    return -lib.SSL_get_error(ssl, done)
end

--- Has OpenSSL make records of the first bytes of `span`, up to `MOST`. The buffer must be empty.
---@param self ljos.tls.Pump
---@param span ljos.byte_span  not empty
---@return integer # bytes, or an SSL_ERROR_* with its sign changed where it was none
function M.put(self, span)
    local ptr, count = span.ptr, span.len
    if count > MOST then count = MOST end
    local done = write(self.ssl, ptr, count)
    if done <= 0 then return done end
    while done < count do
        local more = write(self.ssl, ptr + done, count - done)
        if more <= 0 then break end
        done = done + more
    end
    return done
end

local function read(ssl, ptr, count)
    lib.ERR_clear_error()
    local done = lib.SSL_read(ssl, ptr, count)
    if done > 0 then return done end
    return -lib.SSL_get_error(ssl, done)
end

--- Has OpenSSL decrypt what it has, one record at the most.
---@param self ljos.tls.Pump
---@param span ljos.byte_span  not empty
---@return integer # bytes, or an SSL_ERROR_* with its sign changed
function M.get(self, span) return read(self.ssl, span.ptr, span.len) end

--- Takes the next step of the handshake.
---@param self ljos.tls.Pump
---@return integer # 1 when it is done, or an SSL_ERROR_* with its sign changed
function M.shake_hands(self)
    lib.ERR_clear_error()
    local done = lib.SSL_do_handshake(self.ssl)
    return done == 1 and 1 or -lib.SSL_get_error(self.ssl, done)
end

--- Whether the stream is one of the library's own, which keeps no span beyond the operation it was given for.
local function keeps_no_span(stream) return type(stream) == "table" and rawget(stream, "fd") ~= nil end

--- Gives up OpenSSL's objects: at once where nobody can look at their memory any more, else with the last span on it.
---@param self ljos.tls.Pump
function M.detach(self)
    local ssl, bio = self.ssl, self.bio --[[@as ffi.cdata*]]
    local is_idle = not self.reading.is_taken and not self.writing.is_taken
    self.ssl, self.bio, self.room, self.rest = false, false, false, false
    if not is_idle or not keeps_no_span(self.stream) then return end
    lib.SSL_free(ffi.gc(ssl, nil))
    lib.BIO_free(ffi.gc(bio, nil))
end

return M
