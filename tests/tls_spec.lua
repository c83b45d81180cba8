local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connections = require "tls.connections"
local fiber = require "ljos.fiber"
local in_child = require "in_child"
local ip = require "ljos.ip"
local needs = require "needs"
local raised = require "raised"
local raises = require "raises"
local stream = require "ljos.stream"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"
local timeout = require "ljos.timeout"
local tls = require "ljos.tls"

-- Serves one connection with an echo until its end; returns the acceptor and the fiber.
local function echo_server(context, address)
    local acceptor = ip.tcp.listen((address or "127.0.0.1") .. ":0")
    local server = fiber.spawn(function()
        local connection = tls.socket.new(acceptor:accept(), context or connections.server_context())
        local buffer = byte_span.new(100)
        local ok, err = fiber.pcall(function()
            connection:server_handshake()
            while true do
                stream.write_all(connection, buffer:first(connection:read_some(buffer)))
            end
        end)
        assert(not ok)
        if err == asio_error.misc.eof then connection:shutdown() end
        connection:close()
        return err
    end)
    return acceptor, server
end

describe("tls.dial", function()
    local acceptor, server

    local function at(host) return host .. ":" .. acceptor.local_port end

    after_each(function()
        if not acceptor then return end -- the test is pending
        acceptor:close()
        server:join()
        acceptor, server = nil, nil
    end)

    it("connects to a server that has a certificate for the host's name", function()
        acceptor, server = echo_server()
        local connection = tls.dial(at "localhost", connections.client_context())
        assert.is_true(connection.stream:get_option "tcp_no_delay")
        stream.write_all(connection, "hello")
        local buffer = byte_span.new(5)
        stream.read_all(connection, buffer)
        assert.equal("hello", tostring(buffer))
        assert.equal("ok", connection.verify_result)
        connection:shutdown()
        assert.equal(asio_error.misc.eof, raises.raised(connection.read_some, connection, buffer))
        connection:close()
    end)

    it("connects to an address that the certificate has", function()
        acceptor, server = echo_server()
        tls.dial(at "127.0.0.1", connections.client_context()):close()
    end)

    needs.ipv6(it)("connects to an IPv6 address that the certificate has", function()
        acceptor, server = echo_server(nil, "[::1]")
        tls.dial(at "[::1]", connections.client_context()):close()
    end)

    it("refuses a certificate for another host", function()
        acceptor, server = echo_server(nil, "0.0.0.0")
        local err = raises.raised(tls.dial, at "127.0.0.2", connections.client_context())
        assert.equal(tls.ssl_error.certificate_verify_failed, err)
        assert.matches("IP address mismatch.*CN=localhost, at depth 0", err.detail)
        assert.equal(0, err.depth)
    end)

    it("refuses a certificate whose authority the system does not know", function()
        acceptor, server = echo_server()
        local err = raises.raised(tls.dial, at "localhost")
        assert.equal(tls.ssl_error.certificate_verify_failed, err)
        assert.matches("^certificate verify failed %(unable to get local issuer certificate: ", tostring(err))
        assert.equal("tlsv1 alert unknown ca", tostring(server:join()))
        server = fiber.spawn(function() end)
    end)

    it("verifies even where the context does not", function()
        acceptor, server = echo_server()
        local context = tls.context.new "tls"
        context:set_verify_mode "none"
        assert.equal(tls.ssl_error.certificate_verify_failed, raises.raised(tls.dial, at "localhost", context))
    end)

    it("says so where the server does not speak TLS", function()
        acceptor = ip.tcp.listen "127.0.0.1:0"
        server = fiber.spawn(function()
            local sock = acceptor:accept()
            stream.write_all(sock, "220 mail.example.test ESMTP\r\n")
            sock:close()
        end)
        local err = raises.raised(tls.dial, at "localhost", connections.client_context())
        assert.equal(tls.ssl_error.wrong_version_number, err)
    end)

    it("says so where the server closes in the middle of the handshake", function()
        acceptor = ip.tcp.listen "127.0.0.1:0"
        server = fiber.spawn(function()
            local sock = acceptor:accept()
            sock:read_some(byte_span.new(10000))
            sock:close()
        end)
        local err = raises.raised(tls.dial, at "localhost", connections.client_context())
        assert.equal(tls.stream_error.stream_truncated, err)
    end)

    it("ends with the deadline that the caller has, and leaves nothing open", function()
        acceptor = ip.tcp.listen "127.0.0.1:0"
        local accepted
        server = fiber.spawn(function() accepted = acceptor:accept() end)
        local limit = 0.05
        repeat -- until it is connected by then
            raised("ETIMEDOUT", timeout.run, limit, tls.dial, at "localhost", connections.client_context())
            limit = 2 * limit
        until accepted
        server:join()
        local buffer = byte_span.new(10000)
        local ok, err
        repeat
            ok, err = pcall(accepted.read_some, accepted, buffer)
        until not ok
        assert.equal(asio_error.misc.eof, err)
        accepted:close()
        server = fiber.spawn(function() end)
    end)

    it("finds out what is wrong with its arguments before it connects", function()
        acceptor, server = ip.tcp.listen "127.0.0.1:0", fiber.spawn(function() end)
        assert.equal(1, raised("EINVAL", tls.dial, 5).arg)
        assert.equal(1, raised("EINVAL", tls.dial, "nowhere").arg)
        assert.equal(2, raised("EINVAL", tls.dial, at "localhost", {}).arg)
        assert.equal(2, raised("EINVAL", tls.dial, at "localhost", connections.server_context()).arg)
    end)
end)

describe("tls in app mode", function()
    it("is a module of its bare name", function()
        local directory = temporary_directory.make()
        finally(temporary_directory.remove_all)
        local program = [[
            local tls = require "tls"
            print(getmetatable(tls.context.new "tls13_client"), tls.stream_error.stream_truncated)
        ]]
        text_file.write(directory .. "/program.lua", program)
        local pipe = assert(io.popen(("bin/ljos %s/program.lua 2>&1"):format(directory)))
        local output = pipe:read "*a"
        pipe:close()
        assert.equal("tls.context\tStream truncated\n", output)
    end)
end)

describe("tls in actors", function()
    it("lets the program end while they shake hands", function()
        local directory = temporary_directory.make()
        finally(temporary_directory.remove_all)
        text_file.write(
            directory .. "/main.lua",
            [[
            package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
            local ljos = require "ljos"
            for _ = 1, 4 do
                ljos.spawn_vm("./worker"):send(ljos.inbox)
            end
            for _ = 1, 4 do
                ljos.inbox:receive()
            end
            os.exit(0)
        ]]
        )
        text_file.write(
            directory .. "/worker.lua",
            [[
            local tls, unix, main = require "tls", require "unix", require("inbox"):receive()
            local for_server, for_client = tls.context.new "tls_server", tls.context.new "tls_client"
            for_server:use_certificate_chain_file "tests/tls/certificates/chain.pem"
            for_server:use_private_key_file("tests/tls/certificates/server.key", "pem")
            for_client:load_verify_file "tests/tls/certificates/ca.pem"
            while true do
                local a, b = unix.stream.socket.pair()
                local client, server = tls.socket.new(a, for_client), tls.socket.new(b, for_server)
                local other = spawn(function() server:server_handshake() end)
                client:client_handshake()
                other:join()
                client:close()
                server:close()
                if main then
                    main:send "ready"
                    main = nil
                end
            end
        ]]
        )
        for _ = 1, 6 do
            local pipe = assert(io.popen(("timeout 60 luajit %s/main.lua 2>&1; echo $?"):format(directory)))
            local output = pipe:read "*a"
            pipe:close()
            assert.equal("0\n", output)
        end
    end)
end)

describe("tls without OpenSSL", function()
    it("says what to install", function()
        in_child(function()
            local ffi = require "ffi"
            local load = ffi.load
            debug.getregistry()["ljos.tls.openssl"] = nil
            for name in pairs(package.loaded) do
                if name:find "^ljos%.tls" then package.loaded[name] = nil end
            end
            ffi.load = function(name) ---@diagnostic disable-line: duplicate-set-field
                if name:find "^libssl" then error(name .. ": cannot open shared object file") end
                return load(name)
            end
            local ok, err = pcall(require, "ljos.tls")
            assert(not ok)
            for _, text in ipairs { "libssl.so.3: cannot", "libssl.so.1.1: cannot", "apt%-get install libssl3" } do
                assert(tostring(err):find(text), err)
            end
        end)
    end)
end)
