local byte_span = require "ljos.byte_span"
local connections = require "tls.connections"
local fiber = require "ljos.fiber"
local filesystem = require "ljos.filesystem"
local openssl = require "ljos.tls.openssl"
local raised = require "raised"
local raises = require "raises"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"
local time = require "ljos.time"
local tls = require "ljos.tls"

local file = connections.file
local function content(name) return text_file.read(file(name)) end

-- Whether a handshake with a server of this context succeeds; what is wrong, otherwise.
local function serves(server_context, client_context)
    local client, server = connections.sockets(client_context, server_context)
    local client_error, server_error = connections.try_handshakes(client, server)
    local version = client.is_open and client.version
    client:close()
    server:close()
    assert(not client_error, tostring(client_error) .. ", " .. tostring(server_error))
    return version
end

describe("tls.context.new", function()
    local versions = { tls12 = "TLSv1.2", tls13 = "TLSv1.3", tls = "TLSv1.3", ssl23 = "TLSv1.3" }

    for method, version in pairs(versions) do
        it("makes contexts for " .. method, function()
            assert.equal(version, serves(connections.server_context(method), connections.client_context(method)))
            local server, client = method .. "_server", method .. "_client"
            assert.equal(version, serves(connections.server_context(server), connections.client_context(client)))
        end)
    end

    it("makes contexts for what is old where that is asked for by name", function()
        for _, method in ipairs { "tls1", "tls1_client", "tls1_server", "tls11", "tls11_client", "tls11_server" } do
            assert.equal("tls.context", getmetatable(tls.context.new(method)))
        end
    end)

    it("takes nothing older than TLS 1.2 otherwise", function()
        local old = connections.client_context "tls11"
        old:set_cipher_list "DEFAULT:@SECLEVEL=0"
        local new = connections.server_context()
        new:set_cipher_list "DEFAULT:@SECLEVEL=0"
        local _, err = connections.try_handshakes(connections.sockets(old, new))
        assert.equal(tls.ssl_error.unsupported_protocol, err)
        local as_old = connections.server_context "tls11"
        as_old:set_cipher_list "DEFAULT:@SECLEVEL=0"
        assert.equal("TLSv1.1", serves(as_old, old))
    end)

    it("refuses other methods", function()
        for _, method in ipairs { "tls14", "tls_", "_client", "tls_both", "", "ssl2", "ssl2_client", "TLS" } do
            assert.equal(1, raised("EINVAL", tls.context.new, method).arg)
        end
        assert.matches("no SSL 2", raised("EINVAL", tls.context.new, "ssl2_server").detail)
        for _, value in ipairs { 5, true, {} } do
            assert.equal(1, raised("EINVAL", tls.context.new, value).arg)
        end
        assert.equal(1, raised("EINVAL", tls.context.new).arg)
    end)

    it("says it where OpenSSL was built without a version", function()
        local ok, err = pcall(tls.context.new, "ssl3")
        if ok then pending "this OpenSSL has SSL 3" end
        assert.matches("built without", err.detail)
    end)
end)

describe("a certificate and its key", function()
    local function context() return tls.context.new "tls_server" end
    local function trusting_all()
        local client = tls.context.new "tls_client"
        client:set_verify_mode "none"
        return client
    end

    it("are taken from files, by name and by path", function()
        local c = context()
        c:use_certificate_file(filesystem.path.new(file "client.pem"), "pem")
        c:use_private_key_file(filesystem.path.new(file "client.key"), "pem")
        serves(c, trusting_all())
    end)

    it("are taken from memory, as strings and spans", function()
        local c = context()
        c:use_certificate(content "client.pem", "pem")
        c:use_private_key(byte_span.append(content "client.key"), "pem")
        serves(c, trusting_all())
        c = context()
        c:use_certificate_chain(byte_span.append(content "chain.pem"))
        c:use_private_key(content "server.key", "pem")
        serves(c)
    end)

    it("are taken as ASN.1", function()
        local c = context()
        c:use_certificate_file(file "client.der", "asn1")
        c:use_private_key_file(file "key.der", "asn1")
        serves(c, trusting_all())
        c = context()
        c:use_certificate(content "client.der", "asn1")
        c:use_private_key(content "key.der", "asn1")
        serves(c, trusting_all())
    end)

    it("may be of RSA", function()
        local c = context()
        c:use_certificate_file(file "rsa.pem", "pem")
        c:use_rsa_private_key_file(file "rsa.key", "pem")
        serves(c)
        c = context()
        c:use_certificate(content "rsa.pem", "pem")
        c:use_rsa_private_key(content "rsa.key", "pem")
        serves(c)
        assert.equal(2, raised("EINVAL", c.use_rsa_private_key, c, content "client.key", "pem").arg)
        assert.equal(2, raised("EINVAL", c.use_rsa_private_key_file, c, file "client.key", "pem").arg)
        serves(c)
    end)

    it("must belong together", function()
        local c = context()
        c:use_certificate_file(file "client.pem", "pem")
        local err = raises.raised(c.use_private_key_file, c, file "server.key", "pem")
        assert.matches("key values mismatch", tostring(err))
        assert.matches("server.key", err.path)
        c:use_private_key_file(file "client.key", "pem")
        serves(c, trusting_all())
    end)

    -- OpenSSL has not always a reason.
    local function cannot_read(...)
        local err = raises.raised(...)
        assert.matches("can be read", err.detail)
        assert.is_true(tostring(err.category) == "asio.ssl" or err.EINVAL and err.arg == 2)
    end

    it("stay as they were where new ones cannot be read", function()
        local c = connections.server_context()
        local block = "-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n"
        for _, garbage in ipairs { "", "garbage", block } do
            cannot_read(c.use_certificate, c, garbage, "pem")
            cannot_read(c.use_certificate, c, garbage, "asn1")
            cannot_read(c.use_certificate_chain, c, garbage)
            cannot_read(c.use_private_key, c, garbage, "pem")
            cannot_read(c.use_private_key, c, garbage, "asn1")
            cannot_read(c.use_tmp_dh, c, garbage)
            cannot_read(c.add_certificate_authority, c, garbage)
            cannot_read(c.add_revocation_list, c, garbage)
        end
        local cut = content("chain.pem"):sub(1, -100)
        raises.raised(c.use_certificate_chain, c, cut)
        serves(c)
    end)

    it("stay as they were where one of a chain is too weak for the context", function()
        local c = connections.server_context()
        c:set_cipher_list "DEFAULT:@SECLEVEL=3"
        local err = raises.raised(c.use_certificate_chain, c, content "client.pem" .. content "rsa.pem")
        assert.matches("key too small", tostring(err))
        serves(c)
    end)

    it("are refused in another format, and where there is no file", function()
        local c = context()
        for _, name in ipairs { "use_certificate", "use_private_key", "use_rsa_private_key" } do
            assert.equal(3, raised("EINVAL", c[name], c, "x", "der").arg)
            assert.equal(3, raised("EINVAL", c[name], c, "x").arg)
            assert.equal(2, raised("EINVAL", c[name], c, 5, "pem").arg)
            assert.equal(3, raised("EINVAL", c[name .. "_file"], c, file "ca.pem", "der").arg)
            local err = raised("ENOENT", c[name .. "_file"], c, "/no/such/file", "pem")
            assert.equal("/no/such/file", err.path)
            assert.equal("system", tostring(err.category))
        end
        raised("EISDIR", c.use_certificate_file, c, "/", "pem")
        for _, name in ipairs {
            "use_certificate_chain",
            "use_tmp_dh",
            "add_certificate_authority",
            "add_revocation_list",
        } do
            assert.equal(2, raised("EINVAL", c[name], c, {}).arg)
        end
        for _, name in ipairs {
            "use_certificate_chain_file",
            "use_tmp_dh_file",
            "load_verify_file",
            "load_revocation_file",
        } do
            assert.equal(2, raised("EINVAL", c[name], c, {}).arg)
            raised("ENOENT", c[name], c, "/no/such/file")
        end
    end)
end)

describe("an encrypted key", function()
    local asked
    local function with(answer)
        asked = {}
        local c = tls.context.new "tls_server"
        c:use_certificate_file(file "client.pem", "pem")
        c:set_password_callback(function(...)
            asked[#asked + 1] = { ... }
            return type(answer) == "function" and answer() or answer
        end)
        return c
    end

    for _, name in ipairs { "encrypted.key", "legacy.key" } do
        it("is read with the password that the callback gives: " .. name, function()
            local c = with "sesame"
            c:use_private_key_file(file(name), "pem")
            c:use_private_key(content(name), "pem")
            assert.same({ { 1024, "for_reading" }, { 1024, "for_reading" } }, asked)
            local err = raises.raised(with("wrong").use_private_key_file, with "wrong", file(name), "pem")
            assert.equal("asio.ssl", tostring(err.category))
            raises.raised(with("").use_private_key_file, with "", file(name), "pem")
        end)
    end

    it("is refused without a callback, and nobody is asked at the terminal", function()
        local c = tls.context.new "tls"
        local err = raised("EINVAL", c.use_private_key_file, c, file "encrypted.key", "pem")
        assert.matches("encrypted, and no password callback", err.detail)
    end)

    it("has the callback asked for it alone", function()
        local c = with "sesame"
        c:use_private_key_file(file "client.key", "pem")
        assert.same({}, asked)
    end)

    it("has what the callback raises passed on", function()
        local c = with(function() error "forgotten" end)
        assert.matches("forgotten", tostring(raises.raised(c.use_private_key_file, c, file "legacy.key", "pem")))
        for _, answer in ipairs { 5, "a\0b", ("x"):rep(1025) } do
            c = with(answer)
            raised("EINVAL", c.use_private_key_file, c, file "legacy.key", "pem")
        end
    end)

    it("does not let the callback suspend", function()
        local c = with(function() time.sleep(0) end)
        raises.core("forbid_suspend_block", c.use_private_key_file, c, file "legacy.key", "pem")
        fiber.this_fiber.yield()
        raised("EINVAL", c.set_password_callback, c, "sesame")
    end)
end)

describe("authorities", function()
    local function refused(client_context)
        client_context:set_verify_mode "peer"
        local err = connections.try_handshakes(connections.sockets(client_context))
        return err == tls.ssl_error.certificate_verify_failed
    end

    it("are taken from memory, several at once", function()
        local c = tls.context.new "tls_client"
        assert.is_true(refused(c))
        c:add_certificate_authority(byte_span.append(content "other_ca.pem"))
        assert.is_true(refused(c))
        c:add_certificate_authority(content "other_ca.pem" .. "text between\n" .. content "ca.pem")
        serves(connections.server_context(), c)
    end)

    it("are taken from a directory", function()
        local directory = temporary_directory.make()
        finally(temporary_directory.remove_all)
        os.execute(("cp %s %s && openssl rehash %s"):format(file "ca.pem", directory, directory))
        local c = tls.context.new "tls_client"
        c:add_verify_path(filesystem.path.new(directory))
        serves(connections.server_context(), c)
        raised("EINVAL", c.add_verify_path, c, 5)
    end)

    it("are the system's, or those that $SSL_CERT_FILE names", function()
        local c = tls.context.new "tls_client"
        c:set_default_verify_paths()
        assert.is_true(refused(c))
        local program = [[
            package.path = "tests/?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
            local connections = require "tls.connections"
            local tls = require "ljos.tls"
            local client, server = connections.sockets(tls.context.new "tls_client")
            client = tls.socket.new(client.stream)
            io.write(tostring((connections.try_handshakes(client, server))))
        ]]
        local command = "SSL_CERT_FILE=%s luajit -e '%s' 2>&1"
        local pipe = assert(io.popen(command:format(file "ca.pem", program)))
        local output = pipe:read "*a"
        pipe:close()
        assert.equal("nil", output)
    end)
end)

describe("options of a context", function()
    it("exclude versions, and let them in again", function()
        local c = connections.client_context()
        c:set_options { "no_tlsv1_3", "default_workarounds", "single_dh_use", "no_sslv2", "no_sslv3", "no_tlsv1" }
        assert.equal("TLSv1.2", serves(connections.server_context(), c))
        c:clear_options { "no_tlsv1_3" }
        assert.equal("TLSv1.3", serves(connections.server_context(), c))
        c:set_options { "no_tlsv1_2", "no_tlsv1_1", "no_compression" }
        assert.is_truthy(connections.try_handshakes(connections.sockets(c, connections.server_context "tls12")))
        c:set_options {}
    end)

    it("are refused by name", function()
        local c = tls.context.new "tls"
        for _, name in ipairs { "set_options", "clear_options" } do
            assert.equal(2, raised("EINVAL", c[name], c, { "no_tlsv9" }).arg)
            assert.equal(2, raised("EINVAL", c[name], c, { 5 }).arg)
            assert.equal(2, raised("EINVAL", c[name], c, "no_tlsv1").arg)
            assert.equal(2, raised("EINVAL", c[name], c).arg)
        end
    end)

    it("are those of OpenSSL's headers", function()
        local directory = temporary_directory.make()
        finally(temporary_directory.remove_all)
        local lines = { "#include <openssl/ssl.h>", "#include <stdio.h>", "int main(void) {" }
        local function check(prefix, constants)
            for name, value in pairs(constants) do
                local line = 'if ((unsigned long long)%s%s != %.0fULL) puts("%s%s");'
                lines[#lines + 1] = line:format(prefix, name, value, prefix, name)
            end
        end
        check("SSL_ERROR_", openssl.ERROR)
        check("SSL_CTRL_", openssl.CTRL)
        check("SSL_MODE_", openssl.MODE)
        check("SSL_OP_", openssl.OP)
        check("SSL_VERIFY_", openssl.VERIFY)
        check("X509_V_FLAG_", openssl.V_FLAG)
        for name, value in pairs(openssl.VERSION) do
            check(name .. "_", { VERSION = value })
        end
        lines[#lines + 1] = "}"
        text_file.write(directory .. "/it.c", table.concat(lines, "\n"))
        local command = "cd %s && cc -w -DSSL_CTRL_MODE=33 -o it it.c 2>errors && ./it; cat errors"
        local pipe = assert(io.popen(command:format(directory)))
        local output = pipe:read "*a"
        pipe:close()
        if output:find "openssl/ssl.h" then pending "OpenSSL's headers are not there" end
        assert.equal("", output)
    end)
end)

describe("ciphers", function()
    it("are those that were set", function()
        local c = connections.client_context()
        c:set_ciphersuites "TLS_CHACHA20_POLY1305_SHA256"
        c:set_cipher_list "ECDHE-ECDSA-AES256-GCM-SHA384"
        local client, server = connections.pair(c)
        assert.equal("TLS_CHACHA20_POLY1305_SHA256", client.cipher)
        client:close()
        server:close()
        client, server = connections.pair(c, connections.server_context "tls12")
        assert.equal("ECDHE-ECDSA-AES256-GCM-SHA384", server.cipher)
        client:close()
        server:close()
    end)

    it("may use Diffie-Hellman parameters", function()
        for _, take in ipairs {
            function(c) c:use_tmp_dh_file(file "dh.pem") end,
            function(c) c:use_tmp_dh(content "dh.pem") end,
        } do
            local server_context = tls.context.new "tls12_server"
            server_context:use_certificate_file(file "rsa.pem", "pem")
            server_context:use_private_key_file(file "rsa.key", "pem")
            local client_context = connections.client_context()
            client_context:set_cipher_list "DHE-RSA-AES128-GCM-SHA256"
            assert.is_truthy(connections.try_handshakes(connections.sockets(client_context, server_context)))
            take(server_context)
            serves(server_context, client_context)
        end
    end)

    it("are refused where there is no such", function()
        local c = tls.context.new "tls"
        assert.equal("asio.ssl", tostring(raises.raised(c.set_cipher_list, c, "nonsense").category))
        assert.equal("asio.ssl", tostring(raises.raised(c.set_ciphersuites, c, "nonsense").category))
        raised("EINVAL", c.set_cipher_list, c, 5)
        raised("EINVAL", c.set_ciphersuites, c, {})
    end)
end)

describe("a TLS context", function()
    it("says what it is", function()
        local c = tls.context.new "tls"
        assert.equal("tls.context", getmetatable(c))
        raises.core("bad_index", function() return c.nothing end)
        raised("EPERM", function() c.nothing = 1 end)
        for _, name in ipairs { "set_verify_mode", "use_certificate", "load_verify_file", "set_options" } do
            assert.equal(1, raised("EINVAL", c[name], {}).arg)
            assert.equal(1, raised("EINVAL", c[name]).arg)
        end
    end)

    it("refuses modes, depths, callbacks and protocols that are none", function()
        local c = tls.context.new "tls"
        for _, mode in ipairs { "some", 5, {}, { "peer", "some" }, { 5 }, true } do
            assert.equal(2, raised("EINVAL", c.set_verify_mode, c, mode).arg)
        end
        for _, depth in ipairs { -1, 0.5, 2 ^ 31, "x" } do
            assert.equal(2, raised("EINVAL", c.set_verify_depth, c, depth).arg)
        end
        assert.equal(2, raised("EINVAL", c.set_verify_callback, c, "other", "host").arg)
        assert.equal(3, raised("EINVAL", c.set_verify_callback, c, "host_name_verification", "").arg)
        for _, names in ipairs { {}, { "" }, { ("x"):rep(256) }, { 5 }, "h2" } do
            assert.equal(2, raised("EINVAL", c.set_alpn_protocols, c, names).arg)
        end
    end)
end)
