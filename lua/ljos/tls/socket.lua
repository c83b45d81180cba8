--- TLS sockets: encrypted streams over other streams.
---
--- A socket owns the stream below, which may be any object with `read_some` and `write_some`, and OpenSSL's state of
--- the connection. After the handshake one fiber may read while another writes. What moves records is `tls.pump`.
---
--- Cancellation loses nothing: a handshake that was canceled goes on when it is called again; a read has taken
--- nothing; of a write, either nothing was accepted, or its count is returned, the rest of its records is sent by a
--- fiber of their own, and the cancellation is noticed at the next cancellation point.
---
--- Errors:   raises ljos.Error: asio_error.misc.eof where the peer has ended the stream, stream_truncated where it
---           stopped without that, OpenSSL's reason (asio.ssl), what the stream below raises
--- Suspends: client_handshake, server_handshake, read_some, write_some, shutdown
--- Needs:    OpenSSL
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local context_ = require "ljos.tls.context"
local error_ = require "ljos.error"
local failure = require "ljos.tls.failure"
local loop = require "ljos.loop"
local opaque_type = require "ljos.fiber.opaque_type"
local openssl = require "ljos.tls.openssl"
local peer = require "ljos.tls.peer"
local pump = require "ljos.tls.pump"
local spawn = require "ljos.fiber.spawn"
local stream_ = require "ljos.stream"
local turn = require "ljos.tls.turn"
local verification = require "ljos.tls.verification"

local error, pcall, setmetatable, type = error, pcall, setmetatable, type
local lib, check = openssl.lib, peer.check
local check_span, enter = byte_span.check, loop.enter
local fill, flush, get, put, has_rest = pump.fill, pump.flush, pump.get, pump.put, pump.has_rest
local WANT_READ, WANT_WRITE = -openssl.ERROR.WANT_READ, -openssl.ERROR.WANT_WRITE
local ZERO_RETURN = -openssl.ERROR.ZERO_RETURN

---@class ljos.tls.socket
local M = {}

---@class ljos.tls.Socket: ljos.tls.SocketSettings
---@field stream any  the stream below, whose options may be set; reading or writing it breaks the connection
---@field is_open boolean
---@field version string|nil  "TLSv1.3", ...: once the handshake is done, as the next ones
---@field cipher string|nil  "TLS_AES_256_GCM_SHA384", ...
---@field alpn_protocol string|nil  the application protocol that was agreed on
---@field peer_certificate ljos.tls.Certificate|nil  what the peer has shown
---@field verify_result string  "ok", or why the peer's certificate was not believed
---@field server_name string|nil  the name that the client has asked for
---@field session ljos.tls.Session|nil  for `set_session` of a later connection
---@field is_resumed boolean  whether the connection goes on with a session
---@field package role "client"|"server"|false
---@field package is_shut boolean     close_notify was sent
---@field package failure ljos.Error|false  what ended the connection
---@field read_some fun(self, buffer: ljos.byte_span): integer
---@field write_some fun(self, buffer: ljos.byte_span): integer
local methods = peer.methods

local function check_ready(self)
    check(self)
    if self.failure then error(self.failure, 0) end
    if not self.is_ready then error(error_.system("ENOTCONN", { detail = "the handshake is not done" }), 0) end
end

-- Failing -----------------------------------------------------------------------------------------------------------

local other_role = { client = "server", server = "client" }

-- OpenSSL says no more than that there is no cipher.
local function explain_handshake(self, err)
    if self.role ~= "server" or self.is_ready or lib.SSL_get_privatekey(self.ssl) ~= nil then return end
    err.detail = "the server has no certificate, or not its private key"
end

-- Ends the connection by what OpenSSL says; the peer is told why, unless that must wait.
local function fail(self)
    local err = failure.take() or failure.stream.unexpected_result
    if self.failure then error(self.failure, 0) end -- another fiber has met it
    if err == failure.ssl.certificate_verify_failed then
        verification.explain(err, self.ssl, self.context.ctx, other_role[self.role])
    end
    explain_handshake(self, err)
    self.failure = err
    if not self.writing.is_taken then flush(self) end
    error(err, 0)
end

local function flush_rest(self)
    spawn.spawn(function() flush(self) end):detach()
end

-- A handshake waits for an answer to what it has to say; whatever else comes of reading keeps no reader waiting.
local function flush_before_reading(self)
    if lib.SSL_in_init(self.ssl) == 1 then
        local ok, err = flush(self)
        if not ok then error(err, 0) end
    elseif not self.writing.is_taken then
        flush_rest(self)
    end
end

-- Does what a call of OpenSSL lacks, by the code it answered.
local function proceed(self, code)
    if code == WANT_READ then
        if has_rest(self) then flush_before_reading(self) end
        fill(self)
    elseif code == WANT_WRITE then
        local ok, err = flush(self)
        if not ok then error(err, 0) end
    elseif code == ZERO_RETURN then
        error(asio_error.misc.eof, 0)
    else
        fail(self)
    end
    check(self)
end

-- Handshake ---------------------------------------------------------------------------------------------------------

local start = { client = lib.SSL_set_connect_state, server = lib.SSL_set_accept_state }

-- A client offers no session, and a server takes none, that was made when peers were verified otherwise.
local prepare = {
    client = function(self)
        if not self.has_mode and self.context.has_trust then lib.SSL_set_verify(self.ssl, openssl.VERIFY.PEER, nil) end
        peer.check_offer(self)
    end,
    server = function(self)
        local id = "ljos" .. lib.SSL_get_verify_mode(self.ssl)
        lib.SSL_set_session_id_context(self.ssl, id, #id)
    end,
}

local function set_role(self, role)
    local only = self.context.role
    if only and only ~= role then error_.argument("context", ("it was made for %ss (tls.context.new)"):format(only)) end
    if self.role and self.role ~= role then
        error(error_.generic("EINVAL", { detail = "the handshake is that of a " .. self.role }), 0)
    end
    if self.role then return end
    prepare[role](self)
    self.role = role
    start[role](self.ssl)
end

local function shake_hands(self, role)
    check(self)
    enter()
    if self.failure then error(self.failure, 0) end
    set_role(self, role)
    while true do
        local code = pump.shake_hands(self)
        if code == 1 then break end
        proceed(self, code)
    end
    local ok, err = flush(self)
    if not ok then error(err, 0) end
    self.is_ready = true
end

--- Performs the handshake of a client. Suspends. In TLS 1.3 it ends before the server has looked at the client's
--- certificate: if that is refused, the first read says so. Source: seed 003, "tls.socket", as all functions here whose
--- comment names no other.
function methods:client_handshake() shake_hands(self, "client") end

--- Performs the handshake of a server. Suspends.
function methods:server_handshake() shake_hands(self, "server") end

-- Traffic -----------------------------------------------------------------------------------------------------------

--- Reads what is there, at least one byte; returns how many. Suspends. Raises asio_error.misc.eof when the peer has
--- ended the stream (close_notify), stream_truncated where the stream below has ended without that: then what was read
--- may not be all. A read that is canceled has taken nothing.
---@param buffer ljos.byte_span
---@return integer
function methods:read_some(buffer)
    check_span(buffer, 2)
    check_ready(self)
    enter()
    if buffer.len == 0 then return 0 end
    while true do
        local count = get(self, buffer)
        if count > 0 then return count end
        proceed(self, count)
    end
end

-- The records are made: whatever becomes of the fiber, they are on their way.
local function flush_accepted(self)
    local ok, err = flush(self)
    if ok then return end
    local is_cancellation = error_.is_core(err, "fiber_canceled")
        or error_.is_error(err) and err == error_.system "ECANCELED" and self.ssl
    if not is_cancellation then error(err, 0) end
    flush_rest(self)
end

--- Writes the first bytes of `buffer`, 32 KiB at the most; returns how many. Suspends until the stream below has taken
--- their records. EPIPE after `shutdown`.
---@param buffer ljos.byte_span
---@return integer
function methods:write_some(buffer)
    check_span(buffer, 2)
    check_ready(self)
    enter()
    if buffer.len == 0 then return 0 end
    while true do
        if self.is_shut then error(error_.system("EPIPE", { detail = "the connection was shut down" }), 0) end
        if has_rest(self) then
            proceed(self, WANT_WRITE)
        else
            local count = put(self, buffer)
            if count > 0 then
                flush_accepted(self)
                return count
            end
            proceed(self, count)
        end
    end
end

--- Ends the stream of this side (close_notify), so that the peer knows that it has everything. Suspends. Reading goes
--- on until the peer does the same. Beyond the seed; RFC 8446, section 6.1.
function methods:shutdown()
    check_ready(self)
    enter()
    while has_rest(self) do
        proceed(self, WANT_WRITE)
    end
    if self.is_shut then return end
    lib.ERR_clear_error()
    if lib.SSL_shutdown(self.ssl) < 0 then return fail(self) end
    self.is_shut = true
    flush_accepted(self)
end

--- Closes the stream below, whatever is in flight; suspended operations end with ECANCELED. The peer is not told
--- (`shutdown` does that). Closing a closed socket does nothing. Beyond the seed.
function methods:close()
    opaque_type.check(self, "tls.socket", 1)
    if not self.ssl then return end
    pump.detach(self)
    local stream = self.stream
    local has_close, close = pcall(function() return stream.close end)
    if has_close and type(close) == "function" then close(stream) end
end

-- Making ------------------------------------------------------------------------------------------------------------

local properties = { is_open = function(self) return self.ssl ~= false end }
for name, property in pairs(peer.properties) do
    properties[name] = function(self) return property(check(self), self) end
end

local metatable = opaque_type.define({}, "tls.socket", methods, properties)

--- Makes a socket over a connected stream, which belongs to it from now on.
---@param stream any  ip.tcp.socket, or any object with `read_some` and `write_some`
---@param context? ljos.tls.Context  default: one that knows the system's certification authorities
---@return ljos.tls.Socket
function M.new(stream, context)
    stream_.check_method(stream, "read_some", 1)
    stream_.check_method(stream, "write_some", 1)
    context = context_.of(context, 2)
    lib.ERR_clear_error()
    local ssl = openssl.owned(lib.SSL_new(context.ctx), "SSL_free") or failure.raise()
    return setmetatable({
        stream = stream,
        context = context,
        ssl = ssl,
        bio = pump.attach(ssl),
        reading = turn.new "the TLS connection to be read from",
        writing = turn.new "the TLS connection to be written to",
        room = false,
        rest = false,
        role = false,
        is_ready = false,
        is_shut = false,
        has_mode = context.has_mode,
        host = context.host,
        offered = false,
        failure = false,
    }, metatable)
end

return M
