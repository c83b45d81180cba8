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

        describe(("a session is no way round verifying (%s):"):format(version), function()
            local function no_setting() end

            -- The session of a connection that was set up so.
            local function session_of(client_context, server_context, set_up)
                local client, server = connections.sockets(client_context, server_context)
                set_up(client)
                assert.is_nil((connections.try_handshakes(client, server)))
                transfer(server, client, "a ticket comes with what is read")
                client:shutdown()
                local session = client.session
                close(client, server)
                return session
            end

            -- Whether a connection that is set up so goes on with it; what its client, and the server, raise.
            local function resumes(session, client_context, server_context, set_up, set_up_server)
                local client, server = connections.sockets(client_context, server_context)
                client:set_session(session)
                set_up(client);
                (set_up_server or no_setting)(server)
                local err, server_error = connections.try_handshakes(client, server)
                local is_resumed = not err and not server_error and client.is_resumed
                if is_resumed then client:shutdown() end -- or the session would be done with
                close(client, server)
                return is_resumed, err, server_error
            end

            local function host(name)
                return function(client) client:set_verify_callback("host_name_verification", name) end
            end

            it("not by one whose server was not verified", function()
                local context, server_context = connections.client_context(version), connections.server_context(version)
                local function believe_all(client) client:set_verify_mode "none" end
                local session = session_of(context, server_context, believe_all)
                assert.is_true(resumes(session, context, server_context, believe_all))
                assert.same({ false }, { resumes(session, context, server_context, no_setting) })
                local stranger = tls.context.new(version .. "_client")
                stranger:load_verify_file(connections.file "other_ca.pem")
                session = session_of(stranger, server_context, believe_all)
                local _, err = resumes(session, stranger, server_context, no_setting)
                assert.equal(tls.ssl_error.certificate_verify_failed, err)
            end)

            it("not by one of a context that believes others", function()
                local context, server_context = connections.client_context(version), connections.server_context(version)
                local session = session_of(context, server_context, no_setting)
                local stranger = tls.context.new(version .. "_client")
                stranger:load_verify_file(connections.file "other_ca.pem")
                local _, err = resumes(session, stranger, server_context, no_setting)
                assert.equal(tls.ssl_error.certificate_verify_failed, err)
            end)

            it("not by one whose server was verified for another host", function()
                local context, server_context = connections.client_context(version), connections.server_context(version)
                for _, set_up in ipairs { no_setting, host "127.0.0.1" } do
                    local session = session_of(context, server_context, set_up)
                    local _, err = resumes(session, context, server_context, host "elsewhere")
                    assert.equal(tls.ssl_error.certificate_verify_failed, err)
                    assert.same({ false }, { resumes(session, context, server_context, host "localhost") })
                    assert.is_true(resumes(session, context, server_context, set_up))
                    assert.is_true(resumes(session, context, server_context, no_setting))
                end
                context:set_verify_callback("host_name_verification", "localhost")
                local session = session_of(context, server_context, no_setting)
                assert.is_true(resumes(session, context, server_context, host "LOCALHOST."))
            end)

            it("not by one that came from a time when the server asked for no certificate", function()
                local context, server_context = connections.client_context(version), connections.server_context(version)
                server_context:load_verify_file(connections.file "ca.pem")
                local session = session_of(context, server_context, no_setting)
                local function insist(server) server:set_verify_mode "fail_if_no_peer_cert" end
                local _, _, err = resumes(session, context, server_context, no_setting, insist)
                assert.equal(tls.ssl_error.peer_did_not_return_a_certificate, err)
                assert.is_true(resumes(session, context, server_context, no_setting))
                server_context:set_verify_mode "fail_if_no_peer_cert"
                _, _, err = resumes(session, context, server_context, no_setting)
                assert.equal(tls.ssl_error.peer_did_not_return_a_certificate, err)
            end)
        end)
    end
end)
