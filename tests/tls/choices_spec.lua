local collect = require "collect"
local connection = require "connection"
local connections = require "tls.connections"
local raised = require "raised"
local tls = require "ljos.tls"

local close, transfer = connection.close, connections.transfer

-- A context for a server with another certificate than that of `connections.server_context`.
local function other_context(method)
    local context = tls.context.new(method or "tls_server")
    context:use_certificate_file(connections.file "rsa.pem", "pem")
    context:use_private_key_file(connections.file "rsa.key", "pem")
    return context
end

local FIRST, OTHER = "O=ljos,CN=ljos test authority below", "O=ljos,CN=ljos test authority"

-- A connected pair whose client has asked for `name`.
local function asking(name, server_context, client_context)
    local client, server = connections.sockets(client_context, server_context)
    if name then client:set_server_name(name) end
    local client_error, server_error = connections.try_handshakes(client, server)
    return client, server, client_error, server_error
end

-- Who has signed the certificate that a client sees.
local function signer(name, server_context, client_context)
    local client, server, client_error, server_error = asking(name, server_context, client_context)
    assert(not client_error and not server_error, tostring(client_error) .. ", " .. tostring(server_error))
    assert.equal(name and name:gsub("%.$", ""), server.server_name)
    local issuer = client.peer_certificate.issuer
    close(client, server)
    return issuer
end

describe("a server with a context for each name", function()
    for _, version in ipairs { "tls12", "tls13" } do
        it(("shows the certificate for the name that is asked for (%s)"):format(version), function()
            local context, client_context = connections.server_context(version), connections.client_context()
            context:set_server_contexts {
                ["Other.example.test."] = other_context(),
                ["*.below.example.test"] = other_context(),
                ["this.below.example.test"] = connections.server_context(),
            }
            for name, issuer in pairs {
                ["other.example.test"] = OTHER,
                ["OTHER.EXAMPLE.TEST."] = OTHER,
                ["any.below.example.test"] = OTHER,
                ["this.below.example.test"] = FIRST,
                ["below.example.test"] = FIRST,
                ["a.b.below.example.test"] = FIRST,
                [".below.example.test"] = OTHER,
                ["xother.example.test"] = FIRST,
                test = FIRST,
            } do
                assert.equal(issuer, signer(name, context, client_context))
            end
            assert.equal(FIRST, signer(nil, context, client_context))
        end)

        it(("goes on with sessions (%s)"):format(version), function()
            local context, client_context = connections.server_context(version), connections.client_context()
            context:set_server_contexts { localhost = other_context() }
            local client, server = asking("localhost", context, client_context)
            transfer(server, client, "a ticket comes with what is read")
            client:shutdown()
            local session = client.session
            close(client, server)
            client, server = connections.sockets(client_context, context)
            client:set_server_name "localhost"
            client:set_session(session)
            assert.is_nil((connections.try_handshakes(client, server)))
            assert.is_true(client.is_resumed and server.is_resumed)
            transfer(client, server, "again")
            close(client, server)
        end)
    end

    it("keeps them and their names alive, and takes others", function()
        local context = connections.server_context()
        context:set_server_contexts { [("name" .. 1):rep(2)] = connections.server_context() }
        context:set_server_contexts { [("name" .. 2):rep(2)] = other_context() }
        collect()
        assert.equal(OTHER, signer("name2name2", context))
        assert.equal(FIRST, signer("name1name1", context))
        context:set_server_contexts {}
        assert.equal(FIRST, signer("name2name2", context))
    end)

    it("shows what a context has when the handshake comes", function()
        local context, chosen = connections.server_context(), other_context()
        context:set_server_contexts { localhost = chosen, ["this.test"] = context }
        chosen:use_certificate_file(connections.file "client.pem", "pem")
        chosen:use_private_key_file(connections.file "client.key", "pem")
        local client_context = connections.client_context()
        client_context:set_verify_mode "none"
        client_context:set_cipher_list "ECDHE-ECDSA-AES128-GCM-SHA256"
        client_context:set_options { "no_tlsv1_3" }
        local client, server = asking("localhost", context, client_context)
        assert.equal("O=ljos,CN=somebody", client.peer_certificate.subject)
        close(client, server)
        assert.equal(FIRST, signer("this.test", context))
    end)

    it("speaks the protocols, and takes the ciphers, of the one that is chosen", function()
        local context, chosen, client_context =
            connections.server_context "tls12", other_context(), connections.client_context()
        context:set_alpn_protocols { "h2" }
        chosen:set_alpn_protocols { "http/1.1" }
        chosen:set_cipher_list "ECDHE-RSA-AES256-GCM-SHA384"
        client_context:set_alpn_protocols { "h2", "http/1.1" }
        context:set_server_contexts { localhost = chosen }
        local client, server = asking("localhost", context, client_context)
        assert.equal("http/1.1", server.alpn_protocol)
        assert.equal("ECDHE-RSA-AES256-GCM-SHA384", client.cipher)
        close(client, server)
        client, server = asking("elsewhere", context, client_context)
        assert.equal("h2", server.alpn_protocol)
        close(client, server)
    end)

    it("verifies clients as the context says that listens", function()
        local context, chosen = connections.server_context(), other_context()
        context:load_verify_file(connections.file "ca.pem")
        context:set_verify_mode "fail_if_no_peer_cert"
        chosen:load_verify_file(connections.file "other_ca.pem")
        chosen:set_verify_mode "none"
        context:set_server_contexts { localhost = chosen }
        local client_context = connections.client_context "tls12"
        local _, _, _, err = asking("localhost", context, client_context)
        assert.equal(tls.ssl_error.peer_did_not_return_a_certificate, err)
        client_context:use_certificate_file(connections.file "client.pem", "pem")
        client_context:use_private_key_file(connections.file "client.key", "pem")
        assert.equal(OTHER, signer("localhost", context, client_context))
        local wrong = connections.client_context "tls12"
        wrong:use_certificate_file(connections.file "server.pem", "pem")
        wrong:use_private_key_file(connections.file "server.key", "pem")
        _, _, _, err = asking("localhost", context, wrong)
        assert.matches("issuer certificate: O=ljos,CN=localhost, at depth 0", err.detail)
    end)

    it("says so where the one that is chosen has no certificate", function()
        local context = connections.server_context()
        context:set_server_contexts { localhost = tls.context.new "tls_server" }
        local _, _, _, err = asking("localhost", context)
        assert.equal("the server has no certificate, or not its private key", err.detail)
    end)

    it("refuses what is no name, or no context for servers", function()
        local context, chosen = connections.server_context(), other_context()
        context:set_server_contexts { localhost = chosen }
        for _, name in ipairs { "", "*", "*.", "a.*", "*.*.a", "w*.example.test", "127.0.0.1", "::1", "a b", 1 } do
            assert.equal(2, raised("EINVAL", context.set_server_contexts, context, { [name] = chosen }).arg)
        end
        for _, value in ipairs { 5, "x", {}, connections.client_context() } do
            assert.equal(2, raised("EINVAL", context.set_server_contexts, context, { ["a.test"] = value }).arg)
        end
        for _, value in ipairs { 5, "localhost", chosen } do
            assert.equal(2, raised("EINVAL", context.set_server_contexts, context, value).arg)
        end
        local twice = { ["a.test"] = chosen, ["A.test."] = chosen }
        assert.matches("twice", raised("EINVAL", context.set_server_contexts, context, twice).detail)
        assert.equal(1, raised("EINVAL", context.set_server_contexts, connections.client_context(), {}).arg)
        assert.equal(OTHER, signer("localhost", context))
    end)
end)
