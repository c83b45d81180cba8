--- Credentials: certificates, private keys and Diffie-Hellman parameters, read from memory.
---
--- Bytes go through a memory BIO of OpenSSL's that sees them where they are. Nothing here ever asks at the terminal, as
--- OpenSSL does where a password is needed: a password is asked for beforehand, of a function, and only where
--- the text says that the key is encrypted.
---
--- Errors:   raises ljos.Error: OpenSSL's reason, EINVAL for arguments
--- Suspends: never
--- Needs:    OpenSSL
local ffi = require "ffi"
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local failure = require "ljos.tls.failure"
local loop = require "ljos.loop"
local openssl = require "ljos.tls.openssl"
require "ljos.fiber.spawn" -- tells the loop what forbidding suspension is

local lib, owned = openssl.lib, openssl.owned

---@class ljos.tls.credential
local M = {}

-- PEM_BUFSIZE of pem.h.
local LONGEST_PASSWORD = 1024
local EVP_PKEY_RSA = 6 -- NID_rsaEncryption

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

--- Reads all certificates of a PEM text, at least one.
---@param data string
---@return ffi.cdata*[] # X509
function M.certificates(data)
    local bio, found = source(data), {}
    lib.ERR_clear_error()
    while true do
        local certificate = read_pem(lib.PEM_read_bio_X509_AUX, "X509_free", bio, "")
        if not certificate then break end
        found[#found + 1] = certificate
    end
    if not found[1] then unreadable "certificate" end
    local err = failure.take()
    if not failure.is_end_of_pem(err) then error(err, 0) end
    return found
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

local base_id = openssl.has "EVP_PKEY_get_base_id" and "EVP_PKEY_get_base_id" or "EVP_PKEY_base_id"

--- Whether a certificate is for a key of the same algorithm.
---@param certificate ffi.cdata*  X509
---@param key ffi.cdata*          EVP_PKEY
---@return boolean
function M.is_alike(certificate, key) return lib[base_id](lib.X509_get0_pubkey(certificate)) == lib[base_id](key) end

--- As `private_key`, for RSA keys alone.
---@param data string
---@param format string
---@param arg integer
---@param callback function|false
---@return ffi.cdata* # EVP_PKEY
function M.rsa_private_key(data, format, arg, callback)
    local key = M.private_key(data, format, arg, callback)
    if lib[base_id](key) ~= EVP_PKEY_RSA then error_.argument(2, "a key of RSA expected") end
    return key
end

--- Reads Diffie-Hellman parameters from a PEM text.
---@param data string
---@return ffi.cdata* # DH
function M.dh_parameters(data)
    lib.ERR_clear_error()
    local parameters = read_pem(lib.PEM_read_bio_DHparams, "DH_free", source(data), "")
    return parameters or unreadable "Diffie-Hellman parameters"
end

-- What is printed to a memory BIO.
local function printed(print, ...)
    local bio = owned(lib.BIO_new(lib.BIO_s_mem()), "BIO_free")
    print(bio, ...)
    local text, buffer = {}, ffi.new "char[512]"
    while true do
        local n = lib.BIO_read(bio, buffer, 512)
        if n <= 0 then return table.concat(text) end
        text[#text + 1] = ffi.string(buffer, n)
    end
end

local RFC2253 = 0x1110317 -- XN_FLAG_RFC2253 of x509.h
local ESC_MSB = 0x4 -- ASN1_STRFLGS_ESC_MSB: without it names stay UTF-8

local function name_text(name) return printed(lib.X509_NAME_print_ex, name, 0, RFC2253 - ESC_MSB) end

--- The name of a certificate's holder: "CN=localhost,O=Example".
---@param certificate ffi.cdata*  X509
---@return string
function M.subject(certificate) return name_text(lib.X509_get_subject_name(certificate)) end

local function seconds_since_epoch(time)
    local epoch = owned(lib.ASN1_TIME_set(nil, 0), "ASN1_STRING_free")
    local days, seconds = ffi.new "int[1]", ffi.new "int[1]"
    lib.ASN1_TIME_diff(days, seconds, epoch, time)
    return days[0] * 86400 + seconds[0]
end

local function der_of(certificate)
    local length = lib.i2d_X509(certificate, nil)
    local bytes = ffi.new("uint8_t[?]", length)
    lib.i2d_X509(certificate, ffi.new("uint8_t *[1]", bytes))
    return ffi.string(bytes, length)
end

local function sha256_of(certificate)
    local bytes, length = ffi.new "uint8_t[64]", ffi.new "unsigned[1]"
    lib.X509_digest(certificate, lib.EVP_sha256(), bytes, length)
    return (ffi.string(bytes, length[0]):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

--- Describes a certificate.
---@param certificate ffi.cdata*  X509
---@return ljos.tls.Certificate
function M.describe(certificate)
    return {
        subject = M.subject(certificate),
        issuer = name_text(lib.X509_get_issuer_name(certificate)),
        serial_number = printed(lib.i2a_ASN1_INTEGER, lib.X509_get0_serialNumber(certificate)):lower(),
        not_before = seconds_since_epoch(lib.X509_get0_notBefore(certificate)),
        not_after = seconds_since_epoch(lib.X509_get0_notAfter(certificate)),
        sha256 = sha256_of(certificate),
        der = der_of(certificate),
    }
end

return M
