--- Failures: what OpenSSL's error queue says, as Errors.
---
--- Two categories with Boost.Asio's names. "asio.ssl" has OpenSSL's own codes (library and reason); its messages are
--- OpenSSL's reason strings. "asio.ssl.stream" has what goes wrong between OpenSSL and the stream below, above all
--- `stream_truncated`. The first entry of the queue is the cause; the queue is always emptied.
---
--- Errors:   returns ljos.Error
--- Suspends: never
--- Needs:    OpenSSL
local bit = require "bit"
local ffi = require "ffi"
local error_ = require "ljos.error"
local openssl = require "ljos.tls.openssl"

local tonumber = tonumber
local lib = openssl.lib
local is_version_3 = openssl.has "SSL_get1_peer_certificate"

---@class ljos.tls.failure
local M = {}

-- ERR_GET_LIB and ERR_GET_REASON: the reason has 23 bits in version 3; in 1.1 it has 12, and 12 above it name the
-- function, which is no part of what went wrong.
local LIBRARY_SHIFT, REASON_BITS = 23, 0x7fffff
if not is_version_3 then
    LIBRARY_SHIFT, REASON_BITS = 24, 0xfff
end
local LIBRARY_SYSTEM, LIBRARY_PEM, LIBRARY_SSL = 2, 9, 20
local SYSTEM_FLAG = 0x80000000 -- of version 3: the rest is an errno

local function pack(library, reason) return library * 2 ^ LIBRARY_SHIFT + reason end

local NO_START_LINE = pack(LIBRARY_PEM, 108)

local ssl_codes = {
    certificate_verify_failed = pack(LIBRARY_SSL, 134),
    http_request = pack(LIBRARY_SSL, 156),
    no_shared_cipher = pack(LIBRARY_SSL, 193),
    peer_did_not_return_a_certificate = pack(LIBRARY_SSL, 199),
    no_application_protocol = pack(LIBRARY_SSL, 235),
    unsupported_protocol = pack(LIBRARY_SSL, 258),
    wrong_version_number = pack(LIBRARY_SSL, 267),
}

-- SSL_AD_REASON_OFFSET of ssl.h: reasons above it are alerts of the peer, some without words.
local FIRST_ALERT = pack(LIBRARY_SSL, 1000)

local function message(code)
    local text = lib.ERR_reason_error_string(code)
    if text ~= nil then return ffi.string(text) end
    local alert = code - FIRST_ALERT
    if alert >= 0 and alert <= 255 then return ("alert %d of the peer"):format(alert) end
    return ("OpenSSL error 0x%x"):format(code)
end

local ssl_category = error_.category { name = "asio.ssl", aliases = ssl_codes, message = message }

local stream_codes = { stream_truncated = 1, unspecified_system_error = 2, unexpected_result = 3 }
local stream_category = error_.category {
    name = "asio.ssl.stream",
    aliases = stream_codes,
    messages = { "Stream truncated", "Unspecified system error", "Unexpected result" },
}

--- Errors of OpenSSL by name: `ssl.certificate_verify_failed`, a new Error at each access.
M.ssl = error_.group(ssl_category, ssl_codes)

--- Errors of the stream below, by name: `stream.stream_truncated`, a new Error at each access.
M.stream = error_.group(stream_category, stream_codes)

--- Empties OpenSSL's error queue; returns what its first entry says, or nil when it is empty.
---@param context? table  becomes the error
---@return ljos.Error?
function M.take(context)
    local code = tonumber(lib.ERR_get_error()) --[[@as integer]]
    lib.ERR_clear_error()
    if code == 0 then return nil end
    if is_version_3 and code >= SYSTEM_FLAG then return error_.system(code - SYSTEM_FLAG, context) end
    local library, reason = bit.band(bit.rshift(code, LIBRARY_SHIFT), 0xff), bit.band(code, REASON_BITS)
    if library == LIBRARY_SYSTEM then return error_.system(reason, context) end
    return error_.new(ssl_category, pack(library, reason), context)
end

--- Raises what the queue says.
---@param context? table  becomes the error
function M.raise(context) error(M.take(context) or error_.new(stream_category, 3, context), 0) end

--- Raises what the queue says unless `result` is 1, which is OpenSSL's answer for success.
---@param result integer|ffi.cdata*
---@param context? table  becomes the error
function M.check(result, context)
    if result ~= 1 then M.raise(context) end
end

--- Whether an error only says that there was no (further) PEM block.
---@param err ljos.Error?
---@return boolean
function M.is_end_of_pem(err) return err ~= nil and err.category == ssl_category and err.code == NO_START_LINE end

return M
