-- Names, resolved and dialed in a network of their own: `names.lua SCENARIO`, run by tests/ip/names_spec.lua in fresh
-- user, mount and network namespaces. /etc is this program's own, and the name server is a fiber of this process.
-- Prints what the spec compares.
local ljos = require "ljos"
local ip, fiber, byte_span, time = ljos.ip, ljos.fiber, ljos.byte_span, ljos.time
local timeout = require "ljos.timeout"
local S = require "ljos.syscall"
local ls = require("ljos.syscall.util").ls

local function write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
end

assert(S.mount("tmpfs", "/etc", "tmpfs"))
write("/etc/nsswitch.conf", "hosts: files dns\nservices: files\n")
write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
write("/etc/services", "http 80/tcp\nsyslog 514/udp\nshell 514/tcp\n")
S.util.writefile("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0") -- a new network takes this from the host
assert(S.nl.interface "lo":up())

-- The name server ---------------------------------------------------------------------------------------------------

local A, PTR, AAAA = 1, 12, 28
local zone = {
    ["v4.test"] = { [A] = "\127\0\0\7" },
    ["four.test"] = { [A] = "\127\0\0\1" },
    ["happy.test"] = { [A] = "\127\0\0\1", [AAAA] = ("\0"):rep(15) .. "\1" },
    ["only4.test"] = { [A] = "\127\0\0\1" },
    ["only6.test"] = { [AAAA] = ("\0"):rep(15) .. "\1" },
    ["7.0.0.127.in-addr.arpa"] = { [PTR] = "\2v4\4test\0" },
}
local silent = { ["hang.test"] = true } -- never answered
local silent_about = { ["only4.test"] = AAAA, ["only6.test"] = A } -- nor this kind
local asked = {}

local function answer(query)
    local labels, at = {}, 13
    while query:byte(at) > 0 do
        labels[#labels + 1] = query:sub(at + 1, at + query:byte(at))
        at = at + query:byte(at) + 1
    end
    local name, kind = table.concat(labels, "."):lower(), query:byte(at + 1) * 256 + query:byte(at + 2)
    asked[#asked + 1] = name
    if silent[name] or silent_about[name] == kind then return nil end
    if name == "refused.test" then
        return query:sub(1, 2) .. "\129\133" .. "\0\1\0\0\0\0\0\0" .. query:sub(13, at + 4)
    end
    local data = zone[name] and zone[name][kind]
    local head = query:sub(1, 2) .. (zone[name] and "\129\128" or "\129\131") .. "\0\1\0" .. (data and "\1" or "\0")
    local record = data and "\192\12\0" .. string.char(kind) .. "\0\1\0\0\0\1\0" .. string.char(#data) .. data or ""
    return head .. "\0\0\0\0" .. query:sub(13, at + 4) .. record
end

local function serve()
    local server = ip.udp.socket.new()
    server:open "v4"
    server:bind("127.0.0.1", 53)
    local buffer = byte_span.new(512)
    while true do
        local n, from, port = server:receive_from(buffer)
        local reply = answer(tostring(buffer:first(n)))
        if reply then server:send_to(byte_span.append(reply), from, port) end
    end
end

-- Scenarios -----------------------------------------------------------------------------------------------------------

local function show(list)
    local lines = {}
    for i, entry in ipairs(list) do
        local name = entry.canonical_name and " " .. entry.canonical_name or ""
        lines[i] = ip.tostring(entry.address, entry.port) .. name
    end
    print(table.concat(lines, " | "))
end

local function fails(f, ...)
    local ok, err = pcall(f, ...)
    assert(not ok)
    -- The ports of the tests change from run to run.
    print(tostring(err.category) .. " " .. ljos.error.describe(err):gsub(":%d%d%d%d+%)$", ":PORT)"))
end

local function open_files()
    local count = 0
    for _ in ls "/proc/self/fd" do
        count = count + 1
    end
    return count
end

-- An acceptor, and one at the same port of the other address whose queue is full, so that connecting to it hangs.
local function acceptors(good, bad)
    local a, b, sockets = ip.tcp.listen(good .. ":0"), ip.tcp.acceptor.new(), {}
    b:open(ip.toendpoint(bad .. ":0"))
    b:bind((ip.toendpoint(bad .. ":0")), a.local_port)
    b:listen(0)
    for i = 1, 3 do
        sockets[i] = fiber.spawn(function()
            local s = ip.tcp.socket.new()
            s:open(b.local_address)
            pcall(s.connect, s, b.local_address, b.local_port)
            return s
        end)
    end
    time.sleep(0.05)
    return a, b, sockets
end

local scenarios = {}

function scenarios.lookup()
    show(ip.tcp.get_address_v4_info("v4.test", "http", {}))
    show(ip.tcp.get_address_info("happy.test", 8080))
    show(ip.tcp.get_address_v6_info("happy.test", 8080, {}))
    show(ip.tcp.get_address_v6_info("v4.test", 1, { "v4_mapped" }))
    show(ip.tcp.get_address_v6_info("happy.test", 1, { "v4_mapped", "all_matching" }))
    show(ip.tcp.get_address_v4_info("v4.test", 1, { "canonical_name" }))
    show(ip.tcp.get_address_v4_info("localhost", "shell", {}))
    show(ip.udp.get_address_v4_info("localhost", "syslog", {}))
    show(ip.udp.get_address_info("127.0.0.1", "syslog"))
    print(#asked > 0)
end

function scenarios.errors()
    fails(ip.tcp.get_address_info, "missing.test", 80)
    fails(ip.tcp.get_address_v6_info, "v4.test", 80, {})
    fails(ip.tcp.get_address_info, "refused.test", 80)
    fails(ip.tcp.get_address_v4_info, "localhost", "nonsense", {})
    fails(ip.udp.get_address_v4_info, "localhost", "http", {})
    fails(ip.tcp.get_address_v4_info, "localhost", 80, { "address_configured" })
    fails(ip.tcp.dial, "missing.test:80")
end

-- The C library calls a name unknown when it cannot open what to ask.
function scenarios.descriptors()
    local waiting = assert(S.getrlimit "nofile")
    assert(S.setrlimit("nofile", { cur = 64, max = waiting.max }))
    fails(ip.tcp.get_address_info, "missing.test", 80)
    local held = {}
    repeat
        local fd = S.dup(0)
        held[#held + 1] = fd
    until not fd
    fails(ip.tcp.get_address_info, "happy.test", 80)
    fails(ip.tcp.get_address_info, "localhost", 80)
    fails(ip.tcp.dial, "happy.test:80")
    show(ip.tcp.get_address_info("127.0.0.9", 80))
    fails(ip.tcp.get_name_info, "127.0.0.7", 80)
    for _, fd in ipairs(held) do
        fd:close()
    end
    show(ip.tcp.get_address_info("happy.test", 80))
    fails(ip.tcp.get_address_info, "missing.test", 80)
end

function scenarios.reverse()
    local function show_names(list) print(#list, list[1].host_name, list[1].service_name) end
    show_names(ip.tcp.get_name_info(ip.address.new "127.0.0.7", 80))
    show_names(ip.tcp.get_name_info(ip.address.new "::1", 514))
    show_names(ip.udp.get_name_info("127.0.0.1", 514))
    show_names(ip.udp.get_name_info("127.0.0.9", 4))
end

-- More questions hang than the pool has threads; each is let go of at once, and other work goes on.
function scenarios.cancel()
    local hanging = {}
    for i = 1, 12 do
        hanging[i] = fiber.spawn(function() ip.tcp.get_address_info("hang.test", i) end)
    end
    time.sleep(0.05)
    print(fiber.dump():find("get_address_info hang.test:1 ", 1, true) ~= nil)
    for i = 1, 12 do
        hanging[i]:cancel()
        hanging[i]:join()
        assert(hanging[i].cancellation_caught)
    end
    show(ip.tcp.get_address_v4_info("v4.test", 1, {}))
    for _ = 1, 6 do
        local ok, err = pcall(timeout, 0.02, ip.tcp.dial, "hang.test:80")
        assert(not ok and err.ETIMEDOUT)
    end
    show(ip.tcp.get_address_v4_info("four.test", 1, {}))
    print(select(1, require("ljos.loop").load()) <= 1) -- the name server's
end

-- A thread that is stuck in a question keeps the process from restricting itself, whether somebody waits or not.
function scenarios.restricted()
    local system = ljos.system
    local set = system.landlock_create_ruleset { handled_access_fs = { "make_dir" } }
    local hanging = fiber.spawn(function() ip.tcp.get_address_info("hang.test", 1) end)
    time.sleep(0.05)
    system.set_no_new_privs()
    fails(system.landlock_restrict_self, set)
    hanging:cancel()
    hanging:join()
    fails(system.landlock_restrict_self, set)
    print((S.mkdir("/etc/made", "0700")))
    set:close()
end

function scenarios.happy()
    local a, b, sockets = acceptors("127.0.0.1", "[::1]")
    local port = a.local_port
    local s = ip.tcp.dial("happy.test:" .. a.local_port)
    print(s.remote_address)
    local c = a:accept()
    s:close()
    c:close()
    b:close() -- now that address refuses, which is found out at once
    s = ip.tcp.dial("happy.test:" .. a.local_port)
    print(s.remote_address)
    a:close()
    for i = 1, #sockets do
        sockets[i]:join():close()
    end
    s:close()
    fails(ip.tcp.dial, "happy.test:" .. port)
end

function scenarios.one_family()
    for _, case in ipairs { { "only4.test", "127.0.0.1:0" }, { "only6.test", "[::1]:0" } } do
        local acceptor = ip.tcp.listen(case[2])
        local s = ip.tcp.dial(("%s:%d"):format(case[1], acceptor.local_port))
        print(s.remote_address)
        s:close()
        acceptor:close()
    end
    print(select(1, require("ljos.loop").load()) <= 1) -- the name server's
end

function scenarios.deadline()
    local a, b, sockets = acceptors("127.0.0.1", "[::1]")
    a:close()
    local full = ip.tcp.acceptor.new()
    full:open "v4"
    full:bind("127.0.0.1", b.local_port)
    full:listen(0)
    for _ = 1, 3 do
        sockets[#sockets + 1] = fiber.spawn(function()
            local s = ip.tcp.socket.new()
            s:open "v4"
            pcall(s.connect, s, "127.0.0.1", b.local_port)
            return s
        end)
    end
    time.sleep(0.05)
    local before = open_files()
    print(select(2, pcall(timeout, 0.4, ip.tcp.dial, "happy.test:" .. b.local_port)))
    local f = fiber.spawn(function() return ip.tcp.dial("happy.test:" .. b.local_port) end)
    time.sleep(0.3)
    f:cancel()
    f:join()
    while open_files() > before do -- a question that came too late to be taken back is asked to its end
        time.sleep(0.01)
    end
    print(f.cancellation_caught, open_files() - before)
    for i = 1, #sockets do
        sockets[i]:cancel()
        sockets[i]:join()
    end
end

-- An interface that takes every packet and carries none.
local function sink()
    local nl = S.nl
    if not nl.create_interface { name = "sink", type = "dummy" } then
        assert(nl.create_interface { name = "sink", type = "bridge" })
    end
    local interface = nl.interface "sink"
    interface:up()
    assert(interface:address "10.9.0.1/24")
    assert(
        nl.newneigh(
            interface.index,
            { family = "inet", state = "permanent" },
            "dst",
            "10.9.0.2",
            "lladdr",
            "02:00:00:00:00:01"
        )
    )
end

function scenarios.dropped()
    sink()
    local before = open_files()
    fails(timeout, 0.1, ip.tcp.dial, "10.9.0.2:80")
    local dialing = fiber.spawn(function() return ip.tcp.dial "10.9.0.2:80" end)
    local s = ip.tcp.socket.new()
    s:open "v4"
    local connecting = fiber.spawn(function() fails(s.connect, s, "10.9.0.2", 80) end)
    time.sleep(0.05)
    dialing:cancel()
    dialing:join()
    print(dialing.cancellation_caught)
    s:close()
    connecting:join()
    print(open_files() - before)
end

function scenarios.scoped()
    local lo = S.nl.interface("lo").index
    assert(S.nl.newaddr(lo, "inet6", 64, "nodad", "local", "fe80::7"))
    local a = ip.tcp.listen "[fe80::7%lo]:0"
    print(a.local_address, a.local_address.scope_id == lo)
    local ok, by_text
    repeat -- the kernel adds the route in its own time
        ok, by_text = pcall(ip.tcp.dial, ("[fe80::7%%%d]:%d"):format(lo, a.local_port))
        if not ok then time.sleep(0.002) end
    until ok
    local peer = a:accept()
    print(peer.remote_address, peer.remote_port == by_text.local_port)
    local addr = ip.address.new "fe80::7"
    local by_address = ip.tcp.socket.new()
    by_address:open(addr)
    fails(by_address.connect, by_address, addr, a.local_port)
    addr.scope_id = lo
    by_address:connect(addr, a.local_port)
    print(by_address.remote_address, ip.toendpoint(ip.tostring(addr, 80)))
    for _, object in ipairs { a, by_text, peer, by_address } do
        object:close()
    end
end

function scenarios.listen()
    for _, ep in ipairs { "localhost:0", "four.test:http", ":0", "[::]:0" } do
        local a = ip.tcp.listen(ep)
        print(a.local_address)
        a:close()
    end
    local udp = ip.udp.dial "four.test:syslog"
    print(ip.tostring(udp.remote_address, udp.remote_port))
    udp:close()
end

ljos.run(function()
    local server = fiber.spawn(serve)
    fiber.this_fiber.yield() -- it is bound now
    scenarios[arg[1]]()
    server:cancel()
    server:join()
end)
