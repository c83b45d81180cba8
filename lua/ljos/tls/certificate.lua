--- Certificates: what they say.
---
--- Errors:   none
--- Suspends: never
--- Needs:    OpenSSL
local ffi = require "ffi"
local openssl = require "ljos.tls.openssl"

local lib, owned = openssl.lib, openssl.owned

---@class ljos.tls.certificate
local M = {}

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
