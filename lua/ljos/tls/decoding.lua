--- Decoding: certificates, private keys and their like, from PEM or ASN.1 to what OpenSSL works with.
---
--- Bytes go through a memory BIO of OpenSSL's that sees them where they are. Nothing here ever asks at the terminal, as
--- OpenSSL does where a password is needed: a password is asked for beforehand, of a function, and only where
--- the text says that the key is encrypted.
---
--- Errors:   raises ljos.Error: OpenSSL's reason, EINVAL for arguments
--- Suspends: never
--- Needs:    OpenSSL
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local failure = require "ljos.tls.failure"
local loop = require "ljos.loop"
local openssl = require "ljos.tls.openssl"
require "ljos.fiber.spawn" -- tells the loop what forbidding suspension is

local lib, owned = openssl.lib, openssl.owned

---@class ljos.tls.decoding
local M = {}

-- PEM_BUFSIZE of pem.h.
local LONGEST_PASSWORD = 1024

local function source(data) return owned(lib.BIO_new_mem_buf(data, #data), "BIO_free") end

local function check_format(format, arg)
    if format == "pem" or format == "asn1" then return end
    error_.argument(arg, ('"pem" or "asn1" expected, got %s'):format(tostring(format)))
end

-- Raises what OpenSSL says about bytes that it could not read, which may be nothing.
local function unreadable(what)
    local detail = ("no %s can be read"):format(what)
    error(failure.take { detail = detail } or error_.generic("EINVAL", { arg = 2, detail = detail }), 0)
end

-- PEM_read_bio_*: with a password and without a callback, nobody is asked.
local function read_pem(read, free, bio, password) return owned(read(bio, nil, nil, password), free) end

-- All that a PEM text has of one kind, at least one.
local function read_all(read, free, data, what)
    local bio, found = source(data), {}
    lib.ERR_clear_error()
    while true do
        local one = read_pem(read, free, bio, "")
        if not one then break end
        found[#found + 1] = one
    end
    if not found[1] then unreadable(what) end
    local err = failure.take()
    if not failure.is_end_of_pem(err) then error(err, 0) end
    return found
end

--- Reads all certificates of a PEM text, at least one.
---@param data string
---@return ffi.cdata*[] # X509
function M.certificates(data) return read_all(lib.PEM_read_bio_X509_AUX, "X509_free", data, "certificate") end

--- Reads all certificate revocation lists of a PEM text, at least one.
---@param data string
---@return ffi.cdata*[] # X509_CRL
function M.revocation_lists(data)
    local read = lib.PEM_read_bio_X509_CRL
    return read_all(read, "X509_CRL_free", data, "revocation list")
end

--- Reads one certificate.
---@param data string
---@param format string
---@param arg integer  the position of `format`, for the error
---@return ffi.cdata* # X509
function M.certificate(data, format, arg)
    check_format(format, arg)
    if format == "pem" then return M.certificates(data)[1] end
    lib.ERR_clear_error()
    local certificate = owned(lib.d2i_X509_bio(source(data), nil), "X509_free")
    return certificate or unreadable "certificate"
end

local function is_encrypted(pem)
    return pem:find("-----BEGIN ENCRYPTED PRIVATE KEY-----", 1, true) or pem:find "Proc%-Type: *4, *ENCRYPTED"
end

-- Asks the program's function, which may not suspend (seed 003, "tls.context").
local function ask(callback)
    local fiber = loop.current()
    cancellation.forbid_suspend(fiber)
    local ok, password = pcall(callback, LONGEST_PASSWORD, "for_reading")
    cancellation.allow_suspend(fiber)
    if not ok then error(password, 0) end
    if type(password) ~= "string" or #password > LONGEST_PASSWORD or password:find("\0", 1, true) then
        error_.argument("password callback", "it must return a string of up to 1024 bytes, without NUL")
    end
    return password
end

local function password_for(pem, callback)
    if not is_encrypted(pem) then return "" end
    if callback then return ask(callback) end
    error_.argument(2, "the key is encrypted, and no password callback is set")
end

--- Reads a private key.
---@param data string
---@param format string
---@param arg integer  the position of `format`, for the error
---@param callback function|false  what gives the password of an encrypted one
---@return ffi.cdata* # EVP_PKEY
function M.private_key(data, format, arg, callback)
    check_format(format, arg)
    lib.ERR_clear_error()
    local key
    if format == "pem" then
        key = read_pem(lib.PEM_read_bio_PrivateKey, "EVP_PKEY_free", source(data), password_for(data, callback))
    else
        key = owned(lib.d2i_PrivateKey_bio(source(data), nil), "EVP_PKEY_free")
    end
    if key then
        lib.ERR_clear_error() -- decoders that did not fit
        return key
    end
    return unreadable "private key"
end

--- Reads Diffie-Hellman parameters from a PEM text.
---@param data string
---@return ffi.cdata* # DH
function M.dh_parameters(data)
    lib.ERR_clear_error()
    local parameters = read_pem(lib.PEM_read_bio_DHparams, "DH_free", source(data), "")
    return parameters or unreadable "Diffie-Hellman parameters"
end

return M
