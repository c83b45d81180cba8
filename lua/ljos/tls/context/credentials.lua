--- Credentials of a context: its methods that take certificates, keys and parameters, from memory or from files.
---
--- Files are read here, at once and in whole; a function on a file then does what its counterpart on memory does. What
--- cannot be used is found out before the context is changed. Source: seed 003, "tls.context".
---
--- Errors:   raises ljos.Error: OpenSSL's reason (asio.ssl), the system's for files, EINVAL for arguments
--- Suspends: never
--- Needs:    OpenSSL
local byte_span = require "ljos.byte_span"
local decoding = require "ljos.tls.decoding"
local error_ = require "ljos.error"
local failure = require "ljos.tls.failure"
local opaque_type = require "ljos.fiber.opaque_type"
local openssl = require "ljos.tls.openssl"
local path = require "ljos.filesystem.path"

local lib, CTRL, V_FLAG = openssl.lib, openssl.CTRL, openssl.V_FLAG
local succeed = failure.check
local EVP_PKEY_RSA = 6 -- NID_rsaEncryption

local function check(self) opaque_type.check(self, "tls.context", 1) end

-- Calls `use` with bytes that the program has.
local function from_memory(self, use, data, format)
    check(self)
    if byte_span.is(data) then
        data = tostring(data)
    elseif type(data) ~= "string" then
        error_.argument(2, "byte_span or string expected, got " .. type(data))
    end
    lib.ERR_clear_error()
    use(self, data, format)
end

local function read_file(file)
    local handle, _, errno = io.open(file, "rb")
    local content ---@type string?
    if handle then
        content, _, errno = handle:read "*a"
        handle:close()
    end
    if not content then error(error_.system(errno, { path = file, detail = file }), 0) end
    return content
end

-- Calls `use` with the bytes of a file, which is named in what that raises.
local function from_file(self, use, name, format)
    check(self)
    local file = path.string_of(name, 2)
    local content = read_file(file)
    lib.ERR_clear_error()
    local ok, err = pcall(use, self, content, format)
    if ok then return end
    if error_.is_error(err) then
        local reason = err --[[@as ljos.Error]]
        reason.path, reason.detail = file, reason.detail and file .. ": " .. reason.detail or file
    end
    error(err, 0)
end

-- What is done with the bytes ----------------------------------------------------------------------------------------

local function add_authorities(self, text)
    local store = lib.SSL_CTX_get_cert_store(self.ctx)
    for _, certificate in ipairs(decoding.certificates(text)) do
        succeed(lib.X509_STORE_add_cert(store, certificate))
    end
    self.has_trust = true
end

local function add_lists(self, text)
    local store = lib.SSL_CTX_get_cert_store(self.ctx)
    for _, list in ipairs(decoding.revocation_lists(text)) do
        succeed(lib.X509_STORE_add_crl(store, list))
    end
    lib.X509_VERIFY_PARAM_set_flags(lib.SSL_CTX_get0_param(self.ctx), V_FLAG.CRL_CHECK + V_FLAG.CRL_CHECK_ALL)
end

local function use_certificate(self, data, format)
    succeed(lib.SSL_CTX_use_certificate(self.ctx, decoding.certificate(data, format, 3)))
end

local function take_chain(owner, use, ctrl, chain)
    succeed(use(owner, chain[1]))
    ctrl(owner, CTRL.CHAIN, 0, nil)
    for i = 2, #chain do
        succeed(ctrl(owner, CTRL.CHAIN_CERT, 1, chain[i]))
    end
end

-- Any of them may be too weak for the context: a connection that comes to nothing finds out.
local function use_chain(self, text)
    local chain = decoding.certificates(text)
    local rehearsal = openssl.owned(lib.SSL_new(self.ctx), "SSL_free") or failure.raise()
    take_chain(rehearsal, lib.SSL_use_certificate, lib.SSL_ctrl, chain)
    take_chain(self.ctx, lib.SSL_CTX_use_certificate, lib.SSL_CTX_ctrl, chain)
end

local base_id = openssl.has "EVP_PKEY_get_base_id" and "EVP_PKEY_get_base_id" or "EVP_PKEY_base_id"

local function algorithm(key) return lib[base_id](key) end

-- Version 1.1 forgets a certificate that the key is not that of.
local function take_key(self, key)
    local certificate = lib.SSL_CTX_get0_certificate(self.ctx)
    if certificate ~= nil and algorithm(lib.X509_get0_pubkey(certificate)) == algorithm(key) then
        succeed(lib.X509_check_private_key(certificate, key))
    end
    succeed(lib.SSL_CTX_use_PrivateKey(self.ctx, key))
end

local function use_key(self, data, format) take_key(self, decoding.private_key(data, format, 3, self.password)) end

local function use_rsa_key(self, data, format)
    local key = decoding.private_key(data, format, 3, self.password)
    if algorithm(key) ~= EVP_PKEY_RSA then error_.argument(2, "a key of RSA expected") end
    take_key(self, key)
end

local function use_dh(self, text)
    local parameters = decoding.dh_parameters(text)
    succeed(lib.SSL_CTX_ctrl(self.ctx, CTRL.SET_TMP_DH, 0, parameters))
end

-- Methods ------------------------------------------------------------------------------------------------------------

---@class ljos.tls.ContextCredentials
---@field ctx ffi.cdata*  for library modules: SSL_CTX
---@field has_trust boolean  for library modules: whether it knows certification authorities
---@field password function|false  for library modules: what gives the passwords of keys
local methods = {}

--- Adds certification authorities, one or more, in PEM.
---@param data ljos.byte_span|string
function methods:add_certificate_authority(data) from_memory(self, add_authorities, data) end

--- Adds the certification authorities of a PEM file.
---@param filename ljos.filesystem.Path|string
function methods:load_verify_file(filename) from_file(self, add_authorities, filename) end

--- Adds a directory of certification authorities, whose files have the names that openssl-rehash(1) gives them. They
--- are read when a peer is verified.
---@param directory ljos.filesystem.Path|string
function methods:add_verify_path(directory)
    check(self)
    local text = path.string_of(directory, 2)
    lib.ERR_clear_error()
    succeed(lib.SSL_CTX_load_verify_locations(self.ctx, nil, text), { path = text, detail = text })
    self.has_trust = true
end

--- Adds the system's certification authorities, or those of $SSL_CERT_FILE and $SSL_CERT_DIR.
function methods:set_default_verify_paths()
    check(self)
    lib.ERR_clear_error()
    succeed(lib.SSL_CTX_set_default_verify_paths(self.ctx))
    lib.ERR_clear_error() -- of a system without any
    self.has_trust = true
end

--- Adds certificate revocation lists, one or more, in PEM. From then on a peer is refused, too, whose chain has a
--- certificate that was revoked, or whose signer has no list here that is up to date; of several the newest counts.
--- Beyond the seed; RFC 5280, section 5.
---@param data ljos.byte_span|string
function methods:add_revocation_list(data) from_memory(self, add_lists, data) end

--- Adds the certificate revocation lists of a PEM file.
---@param filename ljos.filesystem.Path|string
function methods:load_revocation_file(filename) from_file(self, add_lists, filename) end

--- Takes the certificate to show to peers.
---@param data ljos.byte_span|string
---@param format "pem"|"asn1"
function methods:use_certificate(data, format) from_memory(self, use_certificate, data, format) end

--- Takes the certificate to show to peers from a file.
---@param filename ljos.filesystem.Path|string
---@param format "pem"|"asn1"
function methods:use_certificate_file(filename, format) from_file(self, use_certificate, filename, format) end

--- Takes the certificate to show to peers and those that lead from it to its authority, in this order, in PEM.
---@param data ljos.byte_span|string
function methods:use_certificate_chain(data) from_memory(self, use_chain, data) end

--- Takes a chain of certificates from a PEM file.
---@param filename ljos.filesystem.Path|string
function methods:use_certificate_chain_file(filename) from_file(self, use_chain, filename) end

--- Takes the private key of the certificate. The password callback is asked where it is an encrypted one, in PEM.
---@param data ljos.byte_span|string
---@param format "pem"|"asn1"
function methods:use_private_key(data, format) from_memory(self, use_key, data, format) end

--- Takes the private key of the certificate from a file.
---@param filename ljos.filesystem.Path|string
---@param format "pem"|"asn1"
function methods:use_private_key_file(filename, format) from_file(self, use_key, filename, format) end

--- As `use_private_key`; EINVAL where the key is not one of RSA.
---@param data ljos.byte_span|string
---@param format "pem"|"asn1"
function methods:use_rsa_private_key(data, format) from_memory(self, use_rsa_key, data, format) end

--- As `use_private_key_file`; EINVAL where the key is not one of RSA.
---@param filename ljos.filesystem.Path|string
---@param format "pem"|"asn1"
function methods:use_rsa_private_key_file(filename, format) from_file(self, use_rsa_key, filename, format) end

--- Takes parameters for Diffie-Hellman key exchanges of TLS 1.2, in PEM.
---@param data ljos.byte_span|string
function methods:use_tmp_dh(data) from_memory(self, use_dh, data) end

--- Takes Diffie-Hellman parameters from a PEM file.
---@param filename ljos.filesystem.Path|string
function methods:use_tmp_dh_file(filename) from_file(self, use_dh, filename) end

--- Sets what gives the password of encrypted keys: `callback(max_length, purpose)` returns it; `purpose` is
--- "for_reading". It is called by the functions that take keys; it may not suspend.
---@param callback fun(max_length: integer, purpose: string): string
function methods:set_password_callback(callback)
    check(self)
    error_.check_type(callback, "function", 2)
    self.password = callback
end

return methods
