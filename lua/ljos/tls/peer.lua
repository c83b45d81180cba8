--- The peer of a connection: what a socket's methods set before the handshake, and what its properties tell after it.
---
--- Errors:   raises ljos.Error: EINVAL for arguments, EBADF for a closed socket, EISCONN for late settings
--- Suspends: never
--- Needs:    OpenSSL
local bit = require "bit"
local ffi = require "ffi"
local certificate_ = require "ljos.tls.certificate"
local error_ = require "ljos.error"
local failure = require "ljos.tls.failure"
local opaque_type = require "ljos.fiber.opaque_type"
local openssl = require "ljos.tls.openssl"
local verification = require "ljos.tls.verification"

local error, getmetatable, setmetatable = error, getmetatable, setmetatable
local lib, CTRL = openssl.lib, openssl.CTRL

---@class ljos.tls.peer
local M = {}

---@class ljos.tls.Session
---@field package pointer ffi.cdata*  SSL_SESSION
---@field package context ljos.tls.Context|false  what has verified the peer
---@field package host string|false  the host that it was verified for
local Session = opaque_type.define({}, "tls.session", {})

local function not_a_socket(value) opaque_type.check(value, "tls.socket", 1) end

--- Raises unless a socket is open; returns its SSL.
---@param self ljos.tls.Socket
---@return ffi.cdata*
function M.check(self)
    if getmetatable(self) ~= "tls.socket" then not_a_socket(self) end
    local ssl = self.ssl
    if not ssl then error(error_.system("EBADF", { detail = "the connection is closed" }), 0) end
    return ssl
end

local check = M.check

---@class ljos.tls.SocketSettings: ljos.tls.Pump
---@field has_mode boolean  for library modules: a mode of verification was set
---@field is_ready boolean  for library modules: the handshake is done
---@field host string|false  for library modules: the host that the peer is verified for
---@field offered ljos.tls.Session|false  for library modules: the session to go on with
---@field context ljos.tls.Context  for library modules
local methods = {}
M.methods = methods

-- Settings, before the handshake ------------------------------------------------------------------------------------

local function check_early(self)
    local ssl = check(self)
    if self.is_ready then error(error_.system("EISCONN", { detail = "the handshake is done" }), 0) end
    return ssl
end

--- Sets the name of the server to ask for, one of those that it may have: server name indication (RFC 6066). It does
--- not have the server verified for that name; see `set_verify_callback`.
---@param hostname string
function methods:set_server_name(hostname)
    local ssl = check_early(self)
    local name, is_address = verification.host(hostname, 2)
    if is_address then error_.argument(2, "the name of a host expected, not its address") end
    lib.SSL_ctrl(ssl, CTRL.SET_TLSEXT_HOSTNAME, 0, ffi.cast("const char *", name))
end

--- As `set_verify_mode` of a context, for this connection.
---@param mode string|string[]
function methods:set_verify_mode(mode)
    local ssl = check_early(self)
    lib.SSL_set_verify(ssl, verification.mode(mode), nil)
    self.has_mode = true
end

--- As `set_verify_depth` of a context, for this connection.
---@param depth integer
function methods:set_verify_depth(depth)
    local ssl = check_early(self)
    lib.SSL_set_verify_depth(ssl, verification.depth(depth))
end

--- As `set_verify_callback` of a context, for this connection.
---@param callback "host_name_verification"
---@param host string
function methods:set_verify_callback(callback, host)
    local ssl = check_early(self)
    self.host = verification.set_callback(lib.SSL_get0_param(ssl), callback, host)
end

--- Offers to go on with the session of an earlier connection to the same server, which spares certificates. It is not
--- offered where this connection is to be verified and that one was not, by the same context and for the same host.
--- Beyond the seed; SSL_set_session(3).
---@param session ljos.tls.Session  the property `session` of that connection, read after it has read something
function methods:set_session(session)
    local ssl = check_early(self)
    opaque_type.check(session, "tls.session", 2)
    lib.ERR_clear_error()
    failure.check(lib.SSL_set_session(ssl, session.pointer))
    self.offered = session
end

local function verifies(ssl) return bit.band(lib.SSL_get_verify_mode(ssl), openssl.VERIFY.PEER) ~= 0 end

--- Takes back the offer of a session where that would be a way round verifying: who goes on with one is not verified
--- again. For the client, when its handshake begins.
---@param self ljos.tls.Socket
function M.check_offer(self)
    local offered = self.offered
    if not offered or not verifies(self.ssl) then return end
    if offered.context == self.context and (not self.host or offered.host == self.host) then return end
    lib.SSL_set_session(self.ssl, nil)
end

-- What was verified when a session was made, or when the one before it was.
local function verified_by(ssl, socket)
    return socket.is_ready and verifies(ssl) and lib.SSL_get_verify_result(ssl) == 0 and socket.context
end

-- Properties, after it ----------------------------------------------------------------------------------------------

local function text(pointer) return pointer ~= nil and ffi.string(pointer) or nil end

local peer_certificate = openssl.has "SSL_get1_peer_certificate" and "SSL_get1_peer_certificate"
    or "SSL_get_peer_certificate"

local name, length = ffi.new "const uint8_t *[1]", ffi.new "unsigned[1]"

--- Properties by name: what `property(ssl, socket)` returns.
---@type table<string, fun(ssl: ffi.cdata*, socket: ljos.tls.Socket): any>
M.properties = {
    version = function(ssl, socket) return socket.is_ready and text(lib.SSL_get_version(ssl)) or nil end,
    cipher = function(ssl)
        local cipher = lib.SSL_get_current_cipher(ssl)
        return cipher ~= nil and text(lib.SSL_CIPHER_get_name(cipher)) or nil
    end,
    alpn_protocol = function(ssl)
        lib.SSL_get0_alpn_selected(ssl, name, length)
        return name[0] ~= nil and ffi.string(name[0], length[0]) or nil
    end,
    peer_certificate = function(ssl)
        local certificate = openssl.owned(lib[peer_certificate](ssl), "X509_free")
        return certificate and certificate_.describe(certificate)
    end,
    verify_result = function(ssl) return verification.text(lib.SSL_get_verify_result(ssl)) end,
    server_name = function(ssl) return text(lib.SSL_get_servername(ssl, 0)) end,
    session = function(ssl, socket)
        local pointer = openssl.owned(lib.SSL_get1_session(ssl), "SSL_SESSION_free")
        if not pointer then return nil end
        return setmetatable({ pointer = pointer, context = verified_by(ssl, socket), host = socket.host }, Session)
    end,
    is_resumed = function(ssl) return lib.SSL_session_reused(ssl) == 1 end,
}

return M
