-- Names need a name server and files in /etc: tests/programs/names.lua brings its own, in namespaces of its own.
local address = require "ljos.ip.address"
local asio_error = require "ljos.asio_error"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local ip = require "ljos.ip"
local lfs = require "lfs"
local raises = require "raises"

local raised = raises.raised

local function run(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo status $?"))
    local output = pipe:read "*a"
    pipe:close()
    return output
end

local function threads()
    local set = {}
    for id in lfs.dir "/proc/self/task" do
        set[id] = true
    end
    return set
end

local can_unshare = run("unshare -rmn true"):find "^status 0"
local PROGRAM = "LUA_PATH='lua/?.lua;lua/?/init.lua;;' timeout 60 unshare -rmn luajit tests/programs/names.lua "

local function scenario(title, name, lines)
    it(title, function()
        if not can_unshare then return pending "user, mount and network namespaces are forbidden here" end
        assert.equal(table.concat(lines, "\n") .. "\nstatus 0\n", run(PROGRAM .. name))
    end)
end

describe("get_address_info", function()
    scenario("asks the name server, /etc/hosts and /etc/services, and heeds the flags", "lookup", {
        "127.0.0.7:80",
        "[::1]:8080 | 127.0.0.1:8080",
        "[::1]:8080",
        "[::ffff:127.0.0.7]:1",
        "[::1]:1 | [::ffff:127.0.0.1]:1",
        "127.0.0.7:1 v4.test",
        "127.0.0.1:514",
        "127.0.0.1:514",
        "127.0.0.1:514",
        "true",
    })

    scenario("raises what the resolver answers, by Boost.Asio's names", "errors", {
        "asio.netdb Host not found (missing.test:80)",
        "asio.netdb Host not found (v4.test:80)",
        "asio.netdb Host not found for now, try again (refused.test:80)",
        "asio.addrinfo Service not found (localhost:nonsense)",
        "asio.addrinfo Service not found (localhost:http)",
        "asio.netdb Host not found (localhost:80)",
        "asio.netdb Host not found (missing.test:80)",
    })

    scenario("raises EMFILE, not that a name is unknown, when there is no descriptor to ask with", "descriptors", {
        "asio.netdb Host not found (missing.test:80)",
        "system Too many open files (happy.test:80)",
        "system Too many open files (localhost:80)",
        "system Too many open files (happy.test:80)",
        "127.0.0.9:80",
        "system Too many open files (127.0.0.7:80)",
        "[::1]:80 | 127.0.0.1:80",
        "asio.netdb Host not found (missing.test:80)",
    })

    scenario("is let go of at once when it is canceled, and then holds nothing else up", "cancel", {
        "true",
        "127.0.0.7:1",
        "127.0.0.1:1",
        "true",
    })

    it("answers numbers without a thread", function()
        local before = threads()
        for _, protocol in ipairs { ip.tcp, ip.udp } do
            local list = protocol.get_address_info("192.0.2.1", 80)
            assert.equal(1, #list)
            assert.equal(address.new "192.0.2.1", list[1].address)
            assert.equal(80, list[1].port)
            assert.is_nil(list[1].canonical_name)
            list = protocol.get_address_info(address.new "2001:db8::1", "443", { "address_configured" })
            assert.equal("[2001:db8::1]:443", ip.tostring(list[1].address, list[1].port))
            assert.equal(
                "::ffff:192.0.2.1",
                tostring(protocol.get_address_v6_info("192.0.2.1", 1, { "v4_mapped" })[1].address)
            )
            assert.equal(
                "192.0.2.1",
                protocol.get_address_v4_info("192.0.2.1", 1, { "canonical_name" })[1].canonical_name
            )
            assert.equal("0.0.0.0", tostring(protocol.get_address_v4_info("", 0, { "passive" })[1].address))
            assert.equal("127.0.0.1", tostring(protocol.get_address_v4_info("", 7, {})[1].address))
            assert.equal("::1", tostring(protocol.get_address_v6_info("", 7, {})[1].address))
            assert.equal(
                asio_error.netdb.host_not_found,
                raised(protocol.get_address_v6_info, address.new "192.0.2.1", 80, {})
            )
        end
        for id in pairs(threads()) do -- idle ones may have ended
            assert.is_true(before[id])
        end
    end)

    it("keeps an address's scope", function()
        local scoped = address.new "fe80::1%lo"
        assert.equal(scoped, ip.tcp.get_address_info(scoped, 1)[1].address)
    end)

    it("is a cancellation point, and suspends, also where it need not wait", function()
        local f = fiber.spawn(function()
            fiber.this_fiber.yield()
            return ip.tcp.get_address_info("127.0.0.1", 80)
        end)
        fiber.this_fiber.yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        fiber.this_fiber.forbid_suspend()
        raises.core("forbid_suspend_block", ip.tcp.get_address_info, "127.0.0.1", 80)
        fiber.this_fiber.allow_suspend()
    end)

    it("names the argument that is wrong", function()
        for _, case in ipairs {
            { 1, nil, 80 },
            { 1, 5, 80 },
            { 1, "a\0b", 80 },
            { 2, "localhost", nil },
            { 2, "localhost", 65536 },
            { 2, "localhost", -1 },
            { 2, "localhost", 1.5 },
            { 2, "localhost", "65536" },
            { 3, "localhost", 80, "passive" },
            { 3, "localhost", 80, { "nonsense" } },
        } do
            local err = raised(ip.tcp.get_address_info, unpack(case, 2, 4))
            assert.equal(error_.generic "EINVAL", err)
            assert.equal(case[1], err.arg)
        end
        assert.equal(1, raised(ip.tcp.get_name_info, "nowhere", 80).arg)
        assert.equal(2, raised(ip.tcp.get_name_info, "127.0.0.1", 65536).arg)
    end)
end)

describe(
    "get_name_info",
    function()
        scenario("finds names of hosts and services, or writes digits", "reverse", {
            "1\tv4.test\thttp",
            "1\tlocalhost\tshell",
            "1\tlocalhost\tsyslog",
            "1\t127.0.0.9\t4",
        })
    end
)

describe("dial", function()
    scenario("takes the other family where the first hangs or refuses, and fails when all do", "happy", {
        "127.0.0.1",
        "127.0.0.1",
        "system Connection refused (127.0.0.1:PORT)",
    })

    scenario(
        "asks for both families at once, and takes the one that is answered where the other is not",
        "one_family",
        {
            "127.0.0.1",
            "::1",
            "true",
        }
    )

    scenario("ends at once, by deadline, cancellation or close, where the network says nothing at all", "dropped", {
        "system Connection timed out (timeout)",
        "true",
        "system Operation canceled (10.9.0.2:80)",
        "0",
    })

    scenario("takes link-local addresses with their interface, as text and as a property", "scoped", {
        "fe80::7%lo\ttrue",
        "fe80::7%lo\ttrue",
        "system Invalid argument ([fe80::7]:PORT)",
        "fe80::7%lo\tfe80::7%lo\t80",
    })

    scenario("has one deadline for the name and all attempts, and leaves no socket behind", "deadline", {
        "Connection timed out (timeout)",
        "true\t0",
    })

    it("refuses what is no endpoint", function()
        for _, ep in ipairs { "", "localhost", "localhost:", "::1:80", "[::1]", "[::1]80", "a:b:c", ":65536" } do
            for _, f in ipairs { ip.tcp.dial, ip.udp.dial, ip.tcp.listen } do
                local err = raised(f, ep)
                assert.equal(error_.generic "EINVAL", err)
                assert.equal(1, err.arg)
            end
        end
        assert.equal(1, raised(ip.tcp.dial, 80).arg)
    end)
end)

describe(
    "listen",
    function()
        scenario("takes names, and an empty host for all addresses", "listen", {
            "127.0.0.1",
            "127.0.0.1",
            "0.0.0.0",
            "::",
            "127.0.0.1:514",
        })
    end
)

describe("ip.connect", function()
    -- A port that is taken, so that nobody gets it, but where nobody listens.
    local bound = {}
    local function deaf_port()
        local a = ip.tcp.acceptor.new()
        a:open "v4"
        a:bind("127.0.0.1", 0)
        bound[#bound + 1] = a
        return a.local_port
    end

    after_each(function()
        for i = #bound, 1, -1 do
            bound[i]:close()
            bound[i] = nil
        end
    end)

    local function entry(port, text) return { address = address.new(text or "127.0.0.1"), port = port } end

    it("tries the endpoints in turn and tells the condition what failed", function()
        local a = ip.tcp.listen "127.0.0.1:0"
        local list = { entry(deaf_port()), entry(a.local_port, "127.0.0.2"), entry(a.local_port), entry(1) }
        local seen = {}
        local s = ip.tcp.socket.new()
        s:open "v6" -- is closed first
        local addr, port = ip.connect(s, list, function(last_error, next_address, next_port)
            seen[#seen + 1] = { last_error and last_error.sym, tostring(next_address), next_port }
            return next_address ~= address.new "127.0.0.2"
        end)
        assert.equal(address.loopback_v4(), addr)
        assert.equal(a.local_port, port)
        assert.equal(port, s.remote_port)
        assert.same({
            { nil, "127.0.0.1", list[1].port },
            { "CONNREFUSED", "127.0.0.2", a.local_port },
            { "CONNREFUSED", "127.0.0.1", a.local_port },
        }, seen)
        s:close()
        a:close()
    end)

    it("raises the last error, or not_found when nothing was tried, and closes the socket", function()
        local s = ip.tcp.socket.new()
        assert.is_true(raised(ip.connect, s, { entry(deaf_port()), entry(deaf_port()) }).ECONNREFUSED)
        assert.is_false(s.is_open)
        assert.equal(asio_error.misc.not_found, raised(ip.connect, s, {}))
        assert.equal(
            asio_error.misc.not_found,
            raised(ip.connect, s, { entry(deaf_port()) }, function() return false end)
        )
    end)

    it("stops at an error of the condition and at a cancellation", function()
        local s = ip.tcp.socket.new()
        assert.equal("stop", raised(ip.connect, s, { entry(1), entry(2) }, function() error("stop", 0) end))
        local f = fiber.spawn(function()
            fiber.this_fiber.yield()
            ip.connect(s, { entry(deaf_port()), entry(deaf_port()) })
        end)
        fiber.this_fiber.yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        assert.is_false(s.is_open)
    end)

    it("connects UDP sockets too", function()
        local s = ip.udp.socket.new()
        local addr, port = ip.connect(s, ip.udp.get_address_info("127.0.0.1", 9))
        assert.equal("127.0.0.1:9", ip.tostring(addr, port))
        assert.equal(9, s.remote_port)
        s:close()
    end)

    it("names the argument that is wrong, and leaves an open socket open", function()
        local s = ip.tcp.socket.new()
        s:open "v4"
        assert.equal(1, raised(ip.connect, {}, {}).arg)
        assert.equal(1, raised(ip.connect, nil, {}).arg)
        assert.equal(2, raised(ip.connect, s, "127.0.0.1:80").arg)
        assert.equal(2, raised(ip.connect, s, { { address = "127.0.0.1", port = 1 } }).arg)
        assert.equal(2, raised(ip.connect, s, { entry(65536) }).arg)
        assert.equal(3, raised(ip.connect, s, {}, true).arg)
        assert.is_true(s.is_open)
        s:close()
    end)
end)
