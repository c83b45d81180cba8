--- TLS: `context`, `socket`, `dial`, and the errors `ssl_error` and `stream_error`.
---
--- Errors:   raises ljos.Error; a string where OpenSSL's library is missing
--- Suspends: dial, and methods of `socket`
--- Needs:    libssl.so.3 or libssl.so.1.1
local failure = require "ljos.tls.failure"

---@class ljos.tls.Certificate
---@field subject string        "CN=localhost,O=Example" (RFC 2253)
---@field issuer string         the same of who signed it
---@field serial_number string  hexadecimal
---@field not_before integer    seconds since the epoch
---@field not_after integer     seconds since the epoch
---@field sha256 string         the fingerprint, hexadecimal
---@field der string            the certificate itself

---@class ljos.tls
local M = {
    context = require "ljos.tls.context",
    socket = require "ljos.tls.socket",
    dial = require "ljos.tls.dial",
    --- OpenSSL's errors by name, in the category "asio.ssl": `ssl_error.certificate_verify_failed`, ...
    ssl_error = failure.ssl,
    --- Errors of the stream below, in the category "asio.ssl.stream": `stream_error.stream_truncated`, ...
    stream_error = failure.stream,
}

return M
