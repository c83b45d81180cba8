--- TLS contexts: what the connections of one kind share: versions, credentials, and whom to believe.
---
--- A context owns an SSL_CTX, which lives as long as a connection made of it. A connection copies what a context says
--- when it is made; what is set later counts for later ones.
--- Source: seed 003, "tls.context", but for what is said to be beyond it.
---
--- Errors:   raises ljos.Error: OpenSSL's reason (asio.ssl), EINVAL for arguments
--- Suspends: never
--- Needs:    OpenSSL
local bit = require "bit"
local error_ = require "ljos.error"
local failure = require "ljos.tls.failure"
local opaque_type = require "ljos.fiber.opaque_type"
local openssl = require "ljos.tls.openssl"
local verification = require "ljos.tls.verification"

local lib, CTRL, OP, MODE, VERSION = openssl.lib, openssl.CTRL, openssl.OP, openssl.MODE, openssl.VERSION
local succeed = failure.check

---@class ljos.tls.context
local M = {}

---@class ljos.tls.Context: ljos.tls.ContextChoices
---@field has_mode boolean  for library modules: whether a mode of verification was set
---@field host string|false  for library modules: the host that peers are verified for
local methods = require "ljos.tls.context.choices"

local function check(self) opaque_type.check(self, "tls.context", 1) end

local function ctrl(self, command, number, pointer) return lib.SSL_CTX_ctrl(self.ctx, command, number, pointer) end

-- Versions ----------------------------------------------------------------------------------------------------------

local versions = {
    ssl3 = VERSION.SSL3,
    tls1 = VERSION.TLS1,
    tls11 = VERSION.TLS1_1,
    tls12 = VERSION.TLS1_2,
    tls13 = VERSION.TLS1_3,
    tls = false,
    ssl23 = false,
}

local constructors = { client = "TLS_client_method", server = "TLS_server_method" }

-- "tls12_client" -> TLS 1.2, "client".
local function split_method(method)
    error_.check_type(method, "string", 1)
    local name, role = method:match "^(%w+)_(%w+)$"
    local version = versions[name or method]
    if name and not constructors[role] then version = nil end
    if version == nil then
        local is_old = (name or method) == "ssl2"
        local why = is_old and "OpenSSL has no SSL 2 any more" or ("unknown method %q"):format(method)
        error_.argument(1, why)
    end
    return version, role or false
end

-- Mostly OpenSSL is built without SSL 3, and takes the number all the same.
local function is_there(version) return version ~= VERSION.SSL3 or openssl.has "SSLv3_method" end

-- Without a version of its own a context takes what the library takes, but nothing older than TLS 1.2 (RFC 8996).
local function set_versions(self, version)
    local is_set = not version or is_there(version)
    if version then
        is_set = is_set and ctrl(self, CTRL.SET_MIN_PROTO_VERSION, version, nil) == 1
        is_set = is_set and ctrl(self, CTRL.SET_MAX_PROTO_VERSION, version, nil) == 1
    elseif ctrl(self, CTRL.GET_MIN_PROTO_VERSION, 0, nil) < VERSION.TLS1_2 then
        is_set = ctrl(self, CTRL.SET_MIN_PROTO_VERSION, VERSION.TLS1_2, nil) == 1
    end
    if not is_set then error_.argument(1, "this OpenSSL was built without that version of the protocol") end
end

-- Verifying ---------------------------------------------------------------------------------------------------------

--- Sets how peers are verified: "none"; "peer" (a server's certificate always, a client's if it sends one);
--- "fail_if_no_peer_cert" (as a server: it must send one); "client_once" (not again, if it renegotiates). The last two
--- imply "peer". A list combines them. Unless this was called, a client verifies where the context knows certification
--- authorities, and a server doesn't.
---@param mode string|string[]
function methods:set_verify_mode(mode)
    check(self)
    lib.SSL_CTX_set_verify(self.ctx, verification.mode(mode), nil)
    self.has_mode = true
end

--- Sets how many certificates may lie between a peer's and its authority's.
---@param depth integer
function methods:set_verify_depth(depth)
    check(self)
    lib.SSL_CTX_set_verify_depth(self.ctx, verification.depth(depth))
end

--- Has peers verified for the name of a host, or its IP address; the only callback is "host_name_verification". It
--- takes part where verifying does (`set_verify_mode`).
---@param callback "host_name_verification"
---@param host string
function methods:set_verify_callback(callback, host)
    check(self)
    self.host = verification.set_callback(lib.SSL_CTX_get0_param(self.ctx), callback, host)
end

-- The rest ----------------------------------------------------------------------------------------------------------

local flags = {
    default_workarounds = OP.ALL,
    no_compression = OP.NO_COMPRESSION,
    no_sslv2 = OP.NO_SSLv2,
    no_sslv3 = OP.NO_SSLv3,
    no_tlsv1 = OP.NO_TLSv1,
    no_tlsv1_1 = OP.NO_TLSv1_1,
    no_tlsv1_2 = OP.NO_TLSv1_2,
    no_tlsv1_3 = OP.NO_TLSv1_3,
    no_renegotiation = OP.NO_RENEGOTIATION,
    single_dh_use = OP.SINGLE_DH_USE,
}

local function bits_of(names)
    error_.check_type(names, "table", 2)
    local bits = 0
    for i = 1, #names do
        local flag = type(names[i]) == "string" and flags[names[i]]
        if not flag then error_.argument(2, ("unknown flag %q"):format(tostring(names[i]))) end
        bits = bit.bor(bits, flag)
    end
    return bits % 2 ^ 32
end

--- Sets options: "default_workarounds", "no_compression" (set from the start), "no_sslv2", "no_sslv3", "no_tlsv1",
--- "no_tlsv1_1", "no_tlsv1_2", "no_tlsv1_3", "single_dh_use"; and, beyond the seed and set from the start, too,
--- "no_renegotiation": connections of TLS 1.2 on which it is cleared are for one fiber at a time.
---@param names string[]
function methods:set_options(names)
    check(self)
    lib.SSL_CTX_set_options(self.ctx, bits_of(names))
end

--- Clears options. (What a context's method excludes stays excluded.)
---@param names string[]
function methods:clear_options(names)
    check(self)
    lib.SSL_CTX_clear_options(self.ctx, bits_of(names))
end

--- Sets the ciphers of TLS 1.2 and older, in the notation of openssl-ciphers(1). Beyond the seed.
---@param list string
function methods:set_cipher_list(list)
    check(self)
    error_.check_type(list, "string", 2)
    lib.ERR_clear_error()
    succeed(lib.SSL_CTX_set_cipher_list(self.ctx, list), { detail = list })
end

--- Sets the ciphers of TLS 1.3, by name, separated by colons. Beyond the seed.
---@param list string
function methods:set_ciphersuites(list)
    check(self)
    error_.check_type(list, "string", 2)
    lib.ERR_clear_error()
    succeed(lib.SSL_CTX_set_ciphersuites(self.ctx, list), { detail = list })
end

-- Making ------------------------------------------------------------------------------------------------------------

local metatable = opaque_type.define({}, "tls.context", methods)

--- Makes a context. The method is a version: "tls" (1.2 and newer), "tls13", "tls12", "tls11", "tls1", "ssl3", "ssl23"
--- (another name of "tls"), alone, or for one role: "tls_client", "tls_server", ... EINVAL for what this OpenSSL has
--- not, as "ssl2".
---@param method string
---@return ljos.tls.Context
function M.new(method)
    local version, role = split_method(method)
    lib.ERR_clear_error()
    local ctx = openssl.owned(lib.SSL_CTX_new(lib[constructors[role] or "TLS_method"]()), "SSL_CTX_free")
    local self = {
        ctx = ctx or failure.raise(),
        role = role,
        has_mode = false,
        host = false,
        has_trust = false,
        password = false,
        protocols = false,
        hosts = false,
    }
    set_versions(self, version)
    ctrl(
        self,
        CTRL.MODE,
        MODE.ENABLE_PARTIAL_WRITE + MODE.ACCEPT_MOVING_WRITE_BUFFER + MODE.AUTO_RETRY + MODE.RELEASE_BUFFERS,
        nil
    )
    ctrl(self, CTRL.SET_READ_AHEAD, 1, nil)
    lib.SSL_CTX_set_options(ctx, OP.NO_COMPRESSION + OP.NO_RENEGOTIATION)
    return setmetatable(self, metatable)
end

local default = false ---@type ljos.tls.Context|false

--- The context of connections that are given none: any version from 1.2 on, the system's certification authorities.
--- For library modules.
---@return ljos.tls.Context
function M.default()
    if not default then
        default = M.new "tls"
        default:set_default_verify_paths()
    end
    return default
end

--- Returns `context` when it is one, else raises EINVAL; the default one for nil. For library modules.
---@param context ljos.tls.Context?
---@param arg integer
---@return ljos.tls.Context
function M.of(context, arg)
    if context == nil then return M.default() end
    opaque_type.check(context, "tls.context", arg)
    return context
end

return M
