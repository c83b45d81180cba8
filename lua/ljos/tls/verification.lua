--- Verification: how peers are verified, and why one was not believed.
---
--- OpenSSL verifies chain and host name by itself, from the parameters of a context or a connection
--- (X509_VERIFY_PARAM_set_flags(3)), so that no callback is needed. It keeps the reason of a failure, but neither the
--- certificate nor its depth: to name those the chain, which is kept, is verified once more.
---
--- Errors:   raises EINVAL for arguments
--- Suspends: never
--- Needs:    OpenSSL
local bit = require "bit"
local ffi = require "ffi"
local address = require "ljos.ip.address"
local certificate_ = require "ljos.tls.certificate"
local error_ = require "ljos.error"
local openssl = require "ljos.tls.openssl"

local lib, VERIFY = openssl.lib, openssl.VERIFY

---@class ljos.tls.verification
local M = {}

-- The last two say something about verifying only: alone, OpenSSL would ignore them.
local modes = {
    none = VERIFY.NONE,
    peer = VERIFY.PEER,
    fail_if_no_peer_cert = bit.bor(VERIFY.PEER, VERIFY.FAIL_IF_NO_PEER_CERT),
    client_once = bit.bor(VERIFY.PEER, VERIFY.CLIENT_ONCE),
}

--- Turns a mode, or a list of modes, into OpenSSL's bits.
---@param mode string|string[]
---@return integer
function M.mode(mode)
    local bits, names = 0, type(mode) == "table" and getmetatable(mode) == nil and mode or { mode }
    if names[1] == nil then error_.argument(2, "a mode expected, got " .. type(mode)) end
    for i = 1, #names do
        local value = type(names[i]) == "string" and modes[names[i]]
        if not value then error_.argument(2, ("unknown mode %q"):format(tostring(names[i]))) end
        bits = bit.bor(bits, value)
    end
    return bits
end

--- Checks a depth.
---@param depth integer
---@return integer
function M.depth(depth)
    if type(depth) == "number" and depth >= 0 and depth < 2 ^ 31 and depth % 1 == 0 then return depth end
    return error_.argument(2, "integer from 0 to 2147483647 expected, got " .. tostring(depth))
end

local LONGEST_NAME = 255

--- Checks the name of a host; returns it without a dot at its end, and whether it is an IP address (then without zone).
---@param name string
---@param arg integer
---@return string name, boolean is_address
function M.host(name, arg)
    error_.check_type(name, "string", arg)
    local is_address, addr = pcall(address.new, name)
    if is_address then return (tostring(addr):gsub("%%.*", "")), true end
    name = name:gsub("%.$", "")
    if name == "" or #name > LONGEST_NAME or name:find "[%z\1-\32]" then
        error_.argument(arg, ("not the name of a host: %q"):format(name))
    end
    return name, false
end

local NO_PARTIAL_WILDCARDS = 0x4 -- X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS of x509v3.h: no "w*.example.com"

--- Has the peer's certificate verified for a host: seed 003's callback "host_name_verification".
---@param param ffi.cdata*  X509_VERIFY_PARAM
---@param callback string
---@param host string  a name or an IP address
---@return string # the host, in lower case
function M.set_callback(param, callback, host)
    if callback ~= "host_name_verification" then error_.argument(2, '"host_name_verification" expected') end
    local name, is_address = M.host(host, 3)
    lib.X509_VERIFY_PARAM_set1_host(param, nil, 0)
    lib.X509_VERIFY_PARAM_set1_ip(param, nil, 0)
    if is_address then
        lib.X509_VERIFY_PARAM_set1_ip_asc(param, name)
    else
        lib.X509_VERIFY_PARAM_set_hostflags(param, NO_PARTIAL_WILDCARDS)
        lib.X509_VERIFY_PARAM_set1_host(param, name, #name)
    end
    return name:lower()
end

-- Verifies once more what was refused; returns the certificate at fault and its depth.
local function find_fault(ssl, ctx, chain, purpose, code)
    local check = openssl.owned(lib.X509_STORE_CTX_new(), "X509_STORE_CTX_free")
    local store = lib.SSL_CTX_get_cert_store(ctx)
    if lib.X509_STORE_CTX_init(check, store, lib.OPENSSL_sk_value(chain, 0), chain) ~= 1 then return nil end
    lib.X509_STORE_CTX_set_default(check, purpose)
    local param = lib.X509_STORE_CTX_get0_param(check)
    lib.X509_VERIFY_PARAM_set_auth_level(param, lib.SSL_get_security_level(ssl))
    lib.X509_VERIFY_PARAM_set1(param, lib.SSL_get0_param(ssl))
    lib.X509_verify_cert(check)
    local certificate = lib.X509_STORE_CTX_get_current_cert(check)
    if lib.X509_STORE_CTX_get_error(check) ~= code or certificate == nil then return nil end
    return certificate_.subject(certificate), lib.X509_STORE_CTX_get_error_depth(check)
end

---@param code integer  X509_V_*
---@return string
function M.text(code) return ffi.string(lib.X509_verify_cert_error_string(code)) end

--- Says in `err` why the peer was not believed: `detail`, `verify_error`, and where they are known `certificate`, the
--- subject of the one at fault, and `depth`, its place in the chain (0 is the peer's own).
---@param err ljos.Error
---@param ssl ffi.cdata*
---@param ctx ffi.cdata*  the SSL_CTX that knows the authorities
---@param peer "client"|"server"
function M.explain(err, ssl, ctx, peer)
    local code = tonumber(lib.SSL_get_verify_result(ssl)) --[[@as integer]]
    err.verify_code, err.verify_error = code, M.text(code)
    err.detail = err.verify_error
    local chain = lib.SSL_get0_verified_chain(ssl)
    if chain == nil or lib.OPENSSL_sk_value(chain, 0) == nil then return end
    err.certificate, err.depth = find_fault(ssl, ctx, chain, "ssl_" .. peer, code)
    lib.ERR_clear_error()
    if err.depth then err.detail = ("%s: %s, at depth %d"):format(err.detail, err.certificate, err.depth) end
end

return M
