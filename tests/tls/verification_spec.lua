local byte_span = require "ljos.byte_span"
local connection = require "connection"
local connections = require "tls.connections"
local fiber = require "ljos.fiber"
local raises = require "raises"
local tls = require "ljos.tls"

local close = connection.close

describe("verifying the peer", function()
    -- What the client raises.
    local function refusal(set_up, client_context, server_context)
        local client, server = connections.sockets(client_context, server_context)
        set_up(client, server)
        local client_error, server_error = connections.try_handshakes(client, server)
        close(client, server)
        return client_error, server_error
    end
    local function nothing() end

    local function serving(certificate, key)
        local context = tls.context.new "tls_server"
        context:use_certificate_chain_file(connections.file(certificate))
        context:use_private_key_file(connections.file(key), "pem")
        return context
    end

    it("is done by a client that knows authorities, unless it was told otherwise", function()
        local stranger = tls.context.new "tls_client"
        stranger:load_verify_file(connections.file "other_ca.pem")
        local client_error, server_error = refusal(nothing, stranger)
        assert.equal(tls.ssl_error.certificate_verify_failed, client_error)
        assert.equal(1, client_error.depth)
        assert.equal("tlsv1 alert unknown ca", tostring(server_error))
        assert.is_nil((refusal(function(client) client:set_verify_mode "none" end, stranger)))
        stranger:set_verify_mode "none"
        assert.is_nil((refusal(nothing, stranger)))
        assert.is_nil((refusal(nothing, tls.context.new "tls_client")))
        assert.is_truthy(refusal(function(client) client:set_verify_mode "peer" end, tls.context.new "tls_client"))
    end)

    it("is done with the system's authorities where there is no context", function()
        local client, server = connections.sockets()
        local plain = tls.socket.new(client.stream)
        local err = connections.try_handshakes(plain, server)
        assert.equal(tls.ssl_error.certificate_verify_failed, err)
        close(client, server)
    end)

    it("refuses a certificate that has expired, and says which", function()
        local err = refusal(nothing, nil, serving("expired.pem", "server.key"))
        assert.equal("certificate has expired: O=ljos,CN=localhost, at depth 0", err.detail)
        assert.equal("certificate has expired", err.verify_error)
        assert.equal("O=ljos,CN=localhost", err.certificate)
        assert.equal(0, err.depth)
        assert.equal(10, err.verify_code) -- X509_V_ERR_CERT_HAS_EXPIRED
    end)

    it("refuses a chain that is longer than the depth", function()
        local function limit(client) client:set_verify_depth(0) end
        assert.equal(tls.ssl_error.certificate_verify_failed, (refusal(limit)))
        assert.is_nil((refusal(function(client) client:set_verify_depth(1) end)))
        local context = connections.client_context()
        context:set_verify_depth(0)
        assert.equal(tls.ssl_error.certificate_verify_failed, (refusal(nothing, context)))
    end)

    it("refuses a client's certificate for a server", function()
        local err = refusal(nothing, nil, serving("client.pem", "client.key"))
        assert.matches("purpose: O=ljos,CN=somebody, at depth 0", err.detail)
    end)

    describe("with revocation lists", function()
        local function knowing(list)
            local context = connections.client_context()
            context:load_revocation_file(connections.file(list))
            return context
        end

        it(
            "takes a chain of which nothing is revoked",
            function() assert.is_nil((refusal(nothing, knowing "unrevoked.pem"))) end
        )

        it("refuses a certificate that was revoked, and says which", function()
            local err = refusal(nothing, knowing "revoked.pem")
            assert.equal("certificate revoked: O=ljos,CN=localhost, at depth 0", err.detail)
        end)

        it("refuses a chain of which it has not all lists, or only such as are out of date", function()
            local context = connections.client_context()
            local lists = require("text_file").read(connections.file "unrevoked.pem")
            context:add_revocation_list(lists:match "^.-%-%-%-%-%-END X509 CRL%-%-%-%-%-\n")
            assert.matches("unable to get certificate CRL: .*, at depth 0", refusal(nothing, context).detail)
            context:add_revocation_list(lists)
            assert.is_nil((refusal(nothing, context)))
            assert.matches("CRL has expired: .*, at depth 0", refusal(nothing, knowing "outdated.pem").detail)
        end)

        it("believes the newest", function()
            local context = knowing "outdated.pem"
            context:load_revocation_file(connections.file "unrevoked.pem")
            assert.is_nil((refusal(nothing, context)))
        end)

        it("refuses certificates of clients", function()
            local client, server = connections.client_context "tls12", connections.server_context()
            client:use_certificate_file(connections.file "client.pem", "pem")
            client:use_private_key_file(connections.file "client.key", "pem")
            server:load_verify_file(connections.file "ca.pem")
            server:load_revocation_file(connections.file "revoked.pem")
            server:set_verify_mode "fail_if_no_peer_cert"
            local client_error, server_error = refusal(nothing, client, server)
            assert.equal("certificate revoked: O=ljos,CN=somebody, at depth 0", server_error.detail)
            assert.matches("alert certificate revoked", tostring(client_error))
        end)
    end)

    local function host(name)
        return function(client) client:set_verify_callback("host_name_verification", name) end
    end

    for _, name in ipairs { "localhost", "LOCALHOST", "localhost.", "www.example.test", "127.0.0.1", "::1", "0::1" } do
        it("takes the certificate for " .. name, function() assert.is_nil((refusal(host(name)))) end)
    end
    for _, name in ipairs { "example.test", "a.b.example.test", "localhost.example", "127.0.0.2", "::2" } do
        it("refuses the certificate for " .. name, function()
            local err = refusal(host(name))
            assert.equal(tls.ssl_error.certificate_verify_failed, err)
            assert.matches("mismatch: O=ljos,CN=localhost, at depth 0", err.detail)
        end)
    end

    it("takes the host of the socket rather than that of the context", function()
        local context = connections.client_context()
        context:set_verify_callback("host_name_verification", "somewhere.else")
        assert.is_truthy(refusal(nothing, context))
        assert.is_nil((refusal(host "127.0.0.1", context)))
        assert.is_nil((refusal(host "localhost", context)))
    end)

    it("is done by a server that is told to", function()
        local context = connections.server_context()
        context:load_verify_file(connections.file "ca.pem")
        assert.is_nil((refusal(nothing, nil, context)))
        context:set_verify_mode "peer"
        assert.is_nil((refusal(nothing, nil, context)))
        context:set_verify_mode "fail_if_no_peer_cert"
        local _, err = refusal(nothing, connections.client_context "tls12", context)
        assert.equal(tls.ssl_error.peer_did_not_return_a_certificate, err)
        local wrong = connections.client_context "tls12"
        wrong:use_certificate_file(connections.file "server.pem", "pem")
        wrong:use_private_key_file(connections.file "server.key", "pem")
        local _, refused = refusal(nothing, wrong, context)
        assert.equal(tls.ssl_error.certificate_verify_failed, refused)
        assert.equal("O=ljos,CN=localhost", refused.certificate)
    end)

    it("tells a client of TLS 1.3 with its first read that it was refused", function()
        local context = connections.server_context "tls13"
        context:load_verify_file(connections.file "ca.pem")
        context:set_verify_mode "fail_if_no_peer_cert"
        local client, server = connections.sockets(connections.client_context "tls13", context)
        local other = fiber.spawn(function() raises.raised(server.server_handshake, server) end)
        client:client_handshake()
        assert.matches("certificate required", tostring(raises.raised(client.read_some, client, byte_span.new(10))))
        other:join()
        close(client, server)
    end)
end)
