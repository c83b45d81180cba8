--- Choices of a context: what a server chooses in a handshake, the application protocol and the certificate.
---
--- OpenSSL asks for both by callbacks. They are native functions, which choose from what the methods here have put down
--- in C structs; the context keeps those, and what they point to, alive.
---
--- Errors:   raises EINVAL for arguments
--- Suspends: never
--- Needs:    OpenSSL
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"
local opaque_type = require "ljos.fiber.opaque_type"
local openssl = require "ljos.tls.openssl"
local verification = require "ljos.tls.verification"

local lib, CTRL = openssl.lib, openssl.CTRL

---@class ljos.tls.ContextChoices: ljos.tls.ContextCredentials
---@field role "client"|"server"|false  for library modules: the only one that it is for
---@field protocols table|false  for library modules: what a server offers by ALPN; its callback reads it
---@field hosts table|false  for library modules: the contexts of a server's names; its callback reads it
local methods = require "ljos.tls.context.credentials"

local function check(self) opaque_type.check(self, "tls.context", 1) end

-- Application protocols ----------------------------------------------------------------------------------------------

-- As it stands in the handshake: each name behind its length (RFC 7301).
local function protocol_list(names)
    error_.check_type(names, "table", 2)
    local parts = {}
    for i = 1, #names do
        error_.check_type(names[i], "string", 2)
        if names[i] == "" or #names[i] > 255 then error_.argument(2, "names of 1 to 255 bytes expected") end
        parts[i] = string.char(#names[i]) .. names[i]
    end
    local list = table.concat(parts)
    if list == "" or #list > 65535 then error_.argument(2, "a list of names expected") end
    return list
end

--- Sets the application protocols that a client offers, or a server takes, best first: {"h2", "http/1.1"}. A server
--- that shares none with a client that offers some refuses it. Beyond the seed; RFC 7301.
---@param names string[]
function methods:set_alpn_protocols(names)
    check(self)
    local list = protocol_list(names)
    lib.SSL_CTX_set_alpn_protos(self.ctx, list, #list)
    local own = ffi.new "struct ljos_tls_protocols"
    own.list, own.len = ffi.cast("const uint8_t *", list), #list
    self.protocols = { own, list }
    lib.SSL_CTX_set_alpn_select_cb(self.ctx, ffi.cast("void *", native.C.ljos_tls_select_protocol), own)
end

-- Certificates by name -----------------------------------------------------------------------------------------------

-- "*.Example.org." -> "example.org", true.
local function split_name(name)
    error_.check_type(name, "string", 2)
    local below = name:match "^%*%.(.*)$"
    local host, is_address = verification.host(below or name, 2)
    if is_address or host:find("*", 1, true) then
        error_.argument(2, ('a name expected, or "*." and a name, got %q'):format(name))
    end
    return host:lower(), below ~= nil
end

local function check_context(context)
    opaque_type.check(context, "tls.context", 2)
    if context.role == "client" then error_.argument(2, "contexts for servers expected") end
end

local function host_list(contexts)
    error_.check_type(contexts, "table", 2)
    local list, is_named = {}, {}
    for name, context in pairs(contexts) do
        local host, is_wildcard = split_name(name)
        check_context(context)
        local key = (is_wildcard and "*." or "") .. host
        if is_named[key] then error_.argument(2, ("%q stands there twice"):format(key)) end
        is_named[key] = true
        list[#list + 1] = { host = host, is_wildcard = is_wildcard, context = context }
    end
    return list
end

--- Sets which context's certificate a server shows to clients that ask for a name (`set_server_name`): a table of
--- contexts by name, "www.example.org", or "*.example.org" for the names with one label more; the context itself serves
--- the others. A context that is chosen also has its own ciphers and application protocols; versions, and how clients
--- are verified, stay those of the context that the connection was made of. Beyond the seed; RFC 6066, section 3.
---@param contexts table<string, ljos.tls.Context>
function methods:set_server_contexts(contexts)
    check(self)
    if self.role == "client" then error_.argument(1, "a context for servers expected") end
    local list = host_list(contexts)
    local hosts = ffi.new("struct ljos_tls_host[?]", #list)
    for i, item in ipairs(list) do
        local host = hosts[i - 1]
        host.name, host.len = ffi.cast("const uint8_t *", item.host), #item.host
        host.is_wildcard, host.ctx = item.is_wildcard and 1 or 0, item.context.ctx
    end
    local own = ffi.new "struct ljos_tls_hosts"
    own.hosts, own.count, own.store = hosts, #list, lib.SSL_CTX_get_cert_store(self.ctx)
    own.get_servername, own.set_ctx, own.ctrl = lib.SSL_get_servername, lib.SSL_set_SSL_CTX, lib.SSL_ctrl
    self.hosts = { own, hosts, list }
    lib.SSL_CTX_ctrl(self.ctx, CTRL.SET_TLSEXT_SERVERNAME_ARG, 0, own)
    local callback = ffi.cast("void *", native.C.ljos_tls_choose_context)
    lib.SSL_CTX_callback_ctrl(self.ctx, CTRL.SET_TLSEXT_SERVERNAME_CB, callback)
end

return methods
