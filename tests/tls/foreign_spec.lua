-- Connections to OpenSSL's own programs, which read and write sockets by other code than ours.
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connections = require "tls.connections"
local fiber = require "ljos.fiber"
local pipe = require "ljos.pipe"
local raises = require "raises"
local stream = require "ljos.stream"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"
local tls = require "ljos.tls"
local unix = require "ljos.unix"

local file = connections.file
local running = {}

-- Runs openssl(1): { input = write stream, lines = scanner over what it prints, child }.
local function openssl(...)
    local from_us, input = pipe.pair()
    local output, to_us = pipe.pair()
    local stdin, stdout = from_us:release(), to_us:release()
    local child = system.spawn {
        program = "openssl",
        arguments = { "openssl", ... },
        environment = { PATH = "/bin:/usr/bin" },
        stdin = stdin,
        stdout = stdout,
        stderr = stdout,
    }
    stdin:close()
    stdout:close()
    local process = { input = input, output = output, child = child }
    process.lines = stream.scanner.new { stream = output }
    running[#running + 1] = process
    return process
end

-- Reads what a process prints up to a line with `pattern`; returns what that captures.
local function expect(process, pattern)
    local seen = {}
    while true do
        local ok, line = fiber.pcall(process.lines.get_line, process.lines)
        if not ok then error(("no %q in:\n%s"):format(pattern, table.concat(seen, "\n")), 2) end
        local found = tostring(line):match(pattern)
        if found then return found end
        seen[#seen + 1] = tostring(line)
    end
end

local function tell(process, text) stream.write_all(process.input, text .. "\n") end

local directory
local function socket_path()
    directory = directory or temporary_directory.make()
    return directory .. "/socket"
end

-- A client that is connected to `openssl s_server`, and that process.
local function client_of(context, ...)
    local path = socket_path()
    local process =
        openssl("s_server", "-unix", path, "-unlink", "-cert_chain", file "chain.pem", "-cert", file "server.pem", ...)
    expect(process, "ACCEPT")
    local client = tls.socket.new(unix.stream.dial(path), context or connections.client_context())
    return client, process
end

local function with_key(...) return "-key", file "server.key", ... end

-- A server that `openssl s_client` is connected to, and that process.
local function server_of(context, ...)
    local path = socket_path()
    os.remove(path)
    local acceptor = unix.stream.listen(path)
    local process = openssl("s_client", "-unix", path, "-CAfile", file "ca.pem", "-verify_return_error", ...)
    local server = tls.socket.new(acceptor:accept(), context or connections.server_context())
    acceptor:close()
    return server, process
end

local function read_line(connection)
    local buffer, text = byte_span.new(1000), ""
    repeat
        text = text .. tostring(buffer:first(connection:read_some(buffer)))
    until text:find "\n"
    return text
end

describe("with OpenSSL's programs,", function()
    after_each(function()
        for i, process in ipairs(running) do
            process.input:close()
            pcall(process.child.kill, process.child, system.signal.SIGKILL)
            process.child:wait()
            process.output:close()
            running[i] = nil
        end
    end)
    teardown(temporary_directory.remove_all)

    for _, version in ipairs { "tls1_2", "tls1_3" } do
        local name = version == "tls1_2" and "TLSv1.2" or "TLSv1.3"

        it(("a client talks to s_server (%s)"):format(name), function()
            local client = client_of(nil, with_key("-rev", "-" .. version))
            client:set_verify_callback("host_name_verification", "localhost")
            client:client_handshake()
            assert.equal(name, client.version)
            for _ = 1, 3 do
                stream.write_all(client, "stressed\n")
                assert.equal("desserts\n", read_line(client))
            end
            client:shutdown()
            client:close()
        end)

        it(("a server talks to s_client (%s)"):format(name), function()
            local server, process = server_of(nil, "-" .. version, "-verify_hostname", "localhost", "-ign_eof")
            server:server_handshake()
            tell(process, "hello")
            assert.equal("hello\n", read_line(server))
            stream.write_all(server, "good day\n")
            expect(process, "^good day$")
            server:shutdown()
            assert.equal(asio_error.misc.eof, raises.raised(server.read_some, server, byte_span.new(100)))
            server:close()
        end)

        it(("a server sends what is much to s_client (%s)"):format(name), function()
            local server, process = server_of(nil, "-" .. version, "-quiet", "-ign_eof")
            server:server_handshake()
            local size = 3000000
            local writer = fiber.spawn(function()
                stream.write_all(server, byte_span.new(size):fill(120))
                stream.write_all(server, "\n")
                server:shutdown()
            end)
            assert.equal(size, #expect(process, "^x+$"))
            writer:join()
            server:close()
        end)

        it(("a client sends records as short as the server wants them (%s)"):format(name), function()
            local server, process = server_of(nil, "-" .. version, "-maxfraglen", "512", "-quiet", "-ign_eof")
            server:server_handshake()
            local size = 300000
            local writer = fiber.spawn(function()
                stream.write_all(server, byte_span.new(size):fill(121))
                stream.write_all(server, "\n")
            end)
            assert.equal(size, #expect(process, "^y+$"))
            writer:join()
            server:close()
        end)

        it(("certificates of clients are verified on both sides (%s)"):format(name), function()
            local context = connections.client_context()
            context:use_certificate_file(file "client.pem", "pem")
            context:use_private_key_file(file "client.key", "pem")
            local client, process =
                client_of(context, with_key("-" .. version, "-Verify", "1", "-CAfile", file "ca.pem"))
            client:client_handshake()
            stream.write_all(client, "hello\n")
            expect(process, "subject=CN ?= ?somebody")
            expect(process, "^hello$")
            client:close()
            context = connections.server_context()
            context:load_verify_file(file "ca.pem")
            context:set_verify_mode "fail_if_no_peer_cert"
            local server =
                server_of(context, "-" .. version, "-cert", file "client.pem", "-key", file "client.key", "-ign_eof")
            server:server_handshake()
            assert.equal("O=ljos,CN=somebody", server.peer_certificate.subject)
            server:close()
        end)
    end

    it("a client goes on while s_server changes its keys, and asks for others", function()
        local client, process = client_of(nil, with_key "-tls1_3")
        client:client_handshake()
        local commands = { "k", "K", "K", "k" }
        local got, printed, is_over = {}, { commands = 0, lines = 0 }, false
        local reader = fiber.spawn(function()
            for i = 1, #commands do
                got[i] = read_line(client)
            end
        end)
        local writer = fiber.spawn(function()
            local sent = 0
            while not is_over do
                stream.write_all(client, ("z"):rep(5000) .. "\n")
                sent = sent + 1
            end
            stream.write_all(client, "the last\n")
            return sent
        end)
        local watcher = fiber.spawn(function()
            repeat
                local line = tostring(process.lines:get_line())
                if line:find "^SSL_do_handshake %-> " then printed.commands = printed.commands + 1 end
                if line == ("z"):rep(5000) then printed.lines = printed.lines + 1 end
            until line == "the last"
        end)
        -- One line at a time: of what it reads at once, s_server looks at the first letter alone.
        for i, command in ipairs(commands) do
            tell(process, command)
            while printed.commands < i do
                fiber.this_fiber.yield()
            end
            tell(process, "text " .. i)
            while not got[i] do
                fiber.this_fiber.yield()
            end
            assert.equal(("text %d\n"):format(i), got[i])
        end
        reader:join()
        is_over = true
        watcher:join()
        assert.equal(writer:join(), printed.lines)
        client:close()
    end)

    it("a client refuses to renegotiate", function()
        local client, process = client_of(nil, with_key "-tls1_2")
        client:client_handshake()
        tell(process, "r")
        local err = raises.raised(client.read_some, client, byte_span.new(10))
        assert.matches("handshake failure", tostring(err))
        assert.equal(err, raises.raised(client.write_some, client, byte_span.new(10)))
        client:close()
    end)

    it("a client renegotiates where it is allowed to", function()
        local context = connections.client_context()
        context:clear_options { "no_renegotiation" }
        local client, process = client_of(context, with_key "-tls1_2")
        client:client_handshake()
        for i, command in ipairs { "r", "R", "r" } do
            local reader = fiber.spawn(function() return read_line(client) end)
            tell(process, command)
            expect(process, "^SSL_do_handshake %-> ")
            tell(process, "text " .. i)
            assert.equal(("text %d\n"):format(i), reader:join())
            stream.write_all(client, ("answer %d\n"):format(i))
            expect(process, "^answer " .. i)
        end
        client:close()
    end)

    it("a server agrees on protocol and name with s_client", function()
        local context = connections.server_context()
        context:set_alpn_protocols { "h2", "http/1.1" }
        local server, process =
            server_of(context, "-alpn", "http/1.1,h2", "-servername", "www.example.test", "-ign_eof")
        server:server_handshake()
        assert.equal("h2", server.alpn_protocol)
        assert.equal("www.example.test", server.server_name)
        expect(process, "ALPN protocol: h2")
        server:close()
    end)

    it("a server shows s_client the certificate for the name that it asks for", function()
        local context, other = connections.server_context(), tls.context.new "tls_server"
        other:use_certificate_file(file "rsa.pem", "pem")
        other:use_private_key_file(file "rsa.key", "pem")
        context:set_server_contexts { ["www.example.test"] = other }
        local server, process = server_of(context, "-servername", "www.example.test", "-ign_eof")
        server:server_handshake()
        expect(process, "issuer=CN ?= ?ljos test authority, O")
        server:close()
    end)

    it("a server that s_client does not believe is told so", function()
        local server = server_of(nil, "-verify_hostname", "elsewhere")
        local err = raises.raised(function()
            server:server_handshake()
            server:read_some(byte_span.new(10))
        end)
        assert.matches("alert", tostring(err))
        server:close()
    end)

    it("the end of s_client in the middle of it all is no end of the stream", function()
        local server, process = server_of(nil, "-quiet", "-ign_eof")
        server:server_handshake()
        tell(process, "half of it")
        assert.equal("half of it\n", read_line(server))
        process.child:kill(system.signal.SIGKILL)
        local err = raises.raised(server.read_some, server, byte_span.new(10))
        assert.is_true(err == tls.stream_error.stream_truncated or err.ECONNRESET)
        server:close()
    end)
end)
