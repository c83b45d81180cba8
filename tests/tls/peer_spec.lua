local connection = require "connection"
local connections = require "tls.connections"
local tls = require "ljos.tls"

local close = connection.close
local transfer = connections.transfer

describe("what a TLS handshake agrees on:", function()
    it("the application protocol that the server likes best", function()
        local client_context, server_context = connections.client_context(), connections.server_context()
        client_context:set_alpn_protocols { "http/1.1", "h2", "x" }
        server_context:set_alpn_protocols { "h3", "h2", "http/1.1" }
        local client, server = connections.pair(client_context, server_context)
        assert.equal("h2", client.alpn_protocol)
        assert.equal("h2", server.alpn_protocol)
        close(client, server)
        client, server = connections.pair(nil, server_context)
        assert.is_nil(client.alpn_protocol)
        close(client, server)
        server_context:set_alpn_protocols { "other" }
        local client_error, server_error =
            connections.try_handshakes(connections.sockets(client_context, server_context))
        assert.equal(tls.ssl_error.no_application_protocol, server_error)
        -- Version 1.1 has no words for it.
        local alert = tostring(client_error)
        assert.is_truthy(alert:find "no application protocol" or alert == "alert 120 of the peer", alert)
    end)

    it("the server's name", function()
        local client, server = connections.sockets()
        client:set_server_name "www.example.test."
        connections.try_handshakes(client, server)
        assert.equal("www.example.test", server.server_name)
        close(client, server)
    end)

    it("the certificates of both", function()
        local client_context, server_context = connections.client_context(), connections.server_context()
        client_context:use_certificate_file(connections.file "client.pem", "pem")
        client_context:use_private_key_file(connections.file "client.key", "pem")
        server_context:load_verify_file(connections.file "ca.pem")
        server_context:set_verify_mode { "peer", "fail_if_no_peer_cert" }
        local client, server = connections.pair(client_context, server_context)
        local shown, own = client.peer_certificate, server.peer_certificate
        assert.equal("O=ljos,CN=localhost", shown.subject)
        assert.equal("O=ljos,CN=ljos test authority below", shown.issuer)
        assert.equal(946684800, shown.not_before)
        assert.equal(4102444800, shown.not_after)
        assert.matches("^%x+$", shown.serial_number)
        assert.matches("^" .. ("%x"):rep(64) .. "$", shown.sha256)
        assert.equal("O=ljos,CN=somebody", own.subject)
        assert.equal(require("text_file").read(connections.file "client.der"), own.der)
        close(client, server)
    end)

    for _, version in ipairs { "tls12", "tls13" } do
        it(("to go on with a session (%s)"):format(version), function()
            local client_context, server_context =
                connections.client_context(version), connections.server_context(version)
            local client, server = connections.pair(client_context, server_context)
            transfer(server, client, "a ticket comes with what is read")
            client:shutdown()
            local session = client.session
            assert.is_false(client.is_resumed)
            close(client, server)
            client, server = connections.sockets(client_context, server_context)
            client:set_session(session)
            assert.is_nil((connections.try_handshakes(client, server)))
            assert.is_true(client.is_resumed and server.is_resumed)
            transfer(client, server, "again")
            close(client, server)
        end)
    end
end)
