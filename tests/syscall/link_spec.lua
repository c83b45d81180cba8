-- Interfaces, addresses, routes and neighbours, in a network namespace of each test's own.
local S = require "ljos.syscall"
local in_child = require "in_child"
local nl, c, t = S.nl, S.c, S.t

local function isolated(title, f)
    it(title, function() in_child(f, "newuser, newnet") end)
end

describe("rtnetlink", function()
    isolated("shows interfaces by name and number", function()
        local list = assert(nl.interfaces())
        local lo = assert(list.lo)
        assert(list[1] and #list >= 1 and lo.name == "lo" and lo.index == 1)
        assert(lo.typename == "loopback" or lo.typename == "LOOPBACK" or lo.loopback)
        assert(lo.loopback and not lo.ether and lo.flags.loopback and not lo.flags.up)
        assert(tostring(lo):match "lo" and tostring(list):match "lo")
        assert(tostring(lo.macaddr) == "00:00:00:00:00:00" and lo.addrlen == 6)
        assert(lo.mtu == 65536 and lo.stats and #lo.inet == 0 and #lo.inet6 == 0)
        assert(lo:up() and lo.flags.up and lo.flags.UP and lo.flags.running)
        assert(list:refresh() and list.lo.flags.up)
        assert(tostring(list.lo.inet[1].addr) == "127.0.0.1" and list.lo.inet[1].prefixlen == 8)
        assert(list.lo:refresh() and tostring(list.lo.inet6[1].addr) == "::1")
        assert(tostring(lo.flags) == "LOOPBACK LOWER_UP RUNNING UP", tostring(lo.flags))
        assert(lo:down() and not lo.flags.up)
        assert(nl.interface "nosuch" == nil)
        local index, err = S.util.if_nametoindex "lo"
        assert(index == 1, err)
        local _, none = S.util.if_nametoindex "nosuch"
        assert(none.NODEV)
    end)

    isolated("makes links of many kinds", function()
        local function make(options)
            local ok, err = nl.create_interface(options)
            if not ok then
                assert(err.OPNOTSUPP or err.NOTSUP, options.type .. ": " .. tostring(err))
                return nil
            end
            local link = assert(nl.interface(options.name))
            assert(link.kind == options.type, link.kind)
            return link
        end
        make { name = "dummy0", type = "dummy" }
        make { name = "br0", type = "bridge" }
        local veth = make { name = "ve0", type = "veth", peer = { name = "ve1" } }
        if not veth then return "no veth" end
        assert(nl.interface "ve1")
        local vlan = make { name = "ve0.7", type = "vlan", link = "ve0", id = 7 }
        if vlan then assert(vlan.linkinfo.data and vlan.link == veth.index) end
        make { name = "vx0", type = "vxlan", id = 42, link = veth.index, group = "239.1.1.1", port = 4789 }
        make { name = "mv0", type = "macvlan", link = "ve0", mode = "bridge" }
        make { name = "vrf0", type = "vrf", table = 10 }
        for _, name in ipairs { "ve0.7", "mv0", "ve0" } do
            local link = nl.interface(name)
            if link then assert(link:delete()) end
        end
        assert(not nl.interface "ve1")
        assert(
            nl.newlink(
                0,
                "create",
                0,
                0,
                "linkinfo",
                { "kind", "veth", "data", { "peer", { t.ifinfomsg, {}, "ifname", "ve3" } } },
                "ifname",
                "ve2"
            )
        )
        assert(nl.interface("ve2"):delete() and not nl.interface "ve3")
        local ok, err = nl.create_interface { name = "x0", type = "nosuchtype" }
        assert(not ok and err.OPNOTSUPP)
    end)

    isolated("changes links", function()
        if not nl.create_interface { name = "d0", type = "dummy" } then
            assert(nl.create_interface { name = "d0", type = "bridge" })
        end
        local d = assert(nl.interface "d0")
        assert(d:setmtu(1300) and d.mtu == 1300)
        assert(d:setmac "46:9d:c9:06:dd:dd" and tostring(d.macaddr) == "46:9d:c9:06:dd:dd")
        assert(d:setmac(t.macaddr "46:9d:c9:06:dd:de") and tostring(d.macaddr) == "46:9d:c9:06:dd:de")
        assert(d:setflags "up" and d.flags.up)
        assert(d:down() and d:rename "renamed" and d.name == "renamed" and nl.interface "renamed")
        assert(nl.newlink(d.index, 0, "up", "up"))
        assert(nl.newlink(d.index, 0, 0, 0, "mtu", 1400, "ifname", "again", "txqlen", 77))
        d = assert(nl.interface "again")
        assert(d.mtu == 1400 and d.txqlen == 77 and d.flags.up)
        assert(nl.dellink(0, "ifname", "again"))
        assert(not nl.interface "again")
        local ok, err = d:up()
        assert(not ok and err.NODEV)
    end)

    isolated("adds and deletes addresses", function()
        local lo = assert(nl.interface "lo")
        assert(lo:up())
        assert(lo:address "10.0.0.1/24" and lo:address "fd00::1/64")
        assert(tostring(lo.inet[2].addr) == "10.0.0.1" and lo.inet[2].prefixlen == 24)
        assert(nl.newaddr(lo, "inet", 16, "permanent", "local", "10.1.0.1", "broadcast", t.in_addr "10.1.255.255"))
        assert(lo:refresh() and #lo.inet == 3 and tostring(lo.inet[3].broadcast) == "10.1.255.255")
        assert(lo.inet[3].flags.permanent)
        local list = assert(nl.getaddr "inet6")
        assert(#list >= 2 and list[1].prefixlen)
        assert(nl.deladdr(lo.index, "inet", 16, "local", "10.1.0.1"))
        assert(lo:deladdress "10.0.0.1" or lo:deladdress "10.0.0.1/24")
        assert(lo:deladdress "fd00::1" and #lo.inet == 1) -- its width is looked up
        local ok, err = lo:deladdress "10.0.0.1/24"
        assert(not ok and err.ADDRNOTAVAIL)
        local twice
        assert(lo:address "10.0.0.1/24")
        twice, err = lo:address "10.0.0.1/24"
        assert(not twice and err.EXIST)
    end)

    isolated("routes", function()
        local lo = assert(nl.interface "lo")
        assert(lo:up())
        local before = assert(nl.routes("inet", "unicast"))
        assert(#before:match "10.7.0.0/16" == 0)
        assert(nl.newroute("create", { family = "inet", dst_len = 16 }, "dst", "10.7.0.0", "oif", lo.index))
        assert(before:refresh())
        local found = before:match("10.7.0.0", 16)
        assert(#found == 1)
        local route = found[1]
        assert(tostring(route.dest) == "10.7.0.0" and route.dst_len == 16 and route.oif == lo.index)
        assert(route.output == "lo" and route.table == c.RT_TABLE.MAIN and route.family == c.AF.INET)
        assert(tostring(route):match "10.7.0.0/16" and tostring(before))
        local _, err =
            nl.newroute("create, excl", { family = "inet", dst_len = 16 }, "dst", "10.7.0.0", "oif", lo.index)
        assert(err.EXIST)
        assert(
            nl.newroute(
                "create",
                { family = "inet6", dst_len = 96, type = "unicast" },
                "dst",
                "2001:db8::",
                "oif",
                lo,
                "priority",
                5
            )
        )
        local six = assert(nl.routes("inet6", "unicast"):match "2001:db8::/96")
        assert(#six == 1 and six[1].priority == 5)
        assert(nl.delroute({ family = "inet6", dst_len = 96 }, "dst", "2001:db8::"))
        assert(nl.delroute({ family = "inet", dst_len = 16 }, "dst", "10.7.0.0"))
        assert(#before:refresh():match "10.7.0.0/16" == 0)
        assert(
            nl.newroute("create", { family = "inet", dst_len = 16, scope = "link" }, "dst", "10.8.0.0", "oif", lo.index)
        )
        assert(nl.delroute({ family = "inet", dst_len = 16 }, "dst", "10.8.0.0"))
        assert(#nl.getroute("inet") > 0 and #nl.routes("inet", "local") > 0)
        assert(#nl.routes("inet6") > 0)
    end)

    isolated("knows neighbours", function()
        if not nl.create_interface { name = "d0", type = "dummy" } then
            assert(nl.create_interface { name = "d0", type = "bridge" })
        end
        local d = assert(nl.interface "d0")
        assert(d:up())
        assert(
            nl.newneigh(d, { family = "inet", state = "permanent" }, "dst", "10.0.0.9", "lladdr", "02:00:00:00:00:09")
        )
        local entry
        for _, one in ipairs(assert(nl.getneigh(d, { family = "inet" }))) do
            if tostring(one.dst) == "10.0.0.9" then entry = one end
        end
        assert(
            tostring(entry.lladdr) == "02:00:00:00:00:09" and entry.dest == entry.dst and entry.state == c.NUD.PERMANENT
        )
        assert(nl.delneigh(d, { family = "inet" }, "dst", t.in_addr "10.0.0.9"))
        -- The kernel may keep the entry for a while, as one that failed.
        for _, left in ipairs(nl.getneigh(d, { family = "inet" })) do
            assert(tostring(left.dst) ~= "10.0.0.9" or left.state ~= c.NUD.PERMANENT)
        end
    end)

    isolated("moves links to other namespaces", function()
        if not nl.create_interface { name = "d0", type = "dummy" } then
            assert(nl.create_interface { name = "d0", type = "bridge" })
        end
        local _, _, r, w = assert(S.pipe())
        local _, _, r2, w2 = assert(S.pipe())
        local pid = assert(S.fork())
        if pid == 0 then
            local ok = S.unshare "newnet"
            w:write "x"
            r2:read()
            S._exit(ok and nl.interface "d0" and 0 or 1)
        end
        r:read()
        local d = assert(nl.interface "d0")
        local moved, err = d:move_ns(pid)
        w2:write "x"
        local _, _, status = S.waitpid(pid)
        if not moved then
            assert(err.INVAL or err.OPNOTSUPP, tostring(err))
            return tostring(err)
        end
        assert(status.EXITSTATUS == 0 and not nl.interface "d0")
    end)

    isolated("builds bridges", function()
        local ok, err = S.util.bridge_add "br0"
        if not ok then return tostring(err) end
        assert(nl.create_interface { name = "ve0", type = "veth", peer = { name = "ve1" } })
        assert(S.util.bridge_add_interface("br0", "ve0"))
        local br, ve = nl.interface "br0", nl.interface "ve0"
        assert(ve.master == br.index)
        local _, exists = S.util.bridge_add "br0"
        assert(exists.EXIST)
        assert(S.util.bridge_add "br1")
        local list = assert(S.util.bridge_list())
        assert(#list.br0.brif == 1 and list.br0.brif[1] == "ve0" and #list.br1.brif == 0 and not list.ve0)
        local settings = list.br0.bridge
        assert(settings.stp_state == 0 and settings.priority == 32768 and settings.group_addr == "01:80:c2:00:00:00")
        assert(settings.bridge_id:match "^8000%.%x+$" and settings.root_id == settings.bridge_id)
        assert(tostring(list):match "br0\t8000")
        assert(S.util.bridge_del_interface("br0", "ve0") and S.util.bridge_del "br0" and S.util.bridge_del "br1")
        assert(next(S.util.bridge_list()) == nil)
    end)

    isolated("gives loopback more of its addresses", function()
        local lo = assert(nl.interface "lo")
        assert(lo:up() and lo:address "127.0.0.2/8")
        local found
        for _, one in ipairs(lo.inet) do
            if tostring(one.addr) == "127.0.0.2" then found = one end
        end
        assert(found.scope == S.c.RT_SCOPE.HOST)
        assert(lo:deladdress "127.0.0.2/8")
    end)

    isolated("reports what changes", function()
        local socket = assert(nl.socket("route", { groups = "link, ipv4_ifaddr" }))
        socket:nonblock()
        local lo = assert(nl.interface "lo")
        assert(lo:up())
        local seen = assert(nl.read(socket))
        assert(seen.lo and seen.lo.newlink and seen[1].op == "newlink")
        assert(lo:address "10.0.0.1/24")
        local messages = assert(nl.read(socket))
        assert(messages[1].newaddr)
        while nl.read(socket) do
        end
        local _, err = nl.read(socket)
        assert(err.AGAIN)
    end)

    isolated("sends and reads raw messages", function()
        local socket = assert(nl.socket("route", {}))
        assert(nl.write(socket, nil, "getlink", "request, dump", t.ifinfomsg()))
        local list = assert(nl.read(socket))
        assert(list.lo and list.lo.index == 1)
    end)

    it("gives the kernel's errors, and raises for what it does not know", function()
        local ok, err = nl.newlink(99999, 0, "up", "up")
        assert.is_nil(ok)
        assert.is_true(err.NODEV or err.PERM)
        assert.is_false(pcall(nl.newlink, 1, 0, "nosuchflag", 0))
        assert.is_false(pcall(nl.newaddr, 1, "nosuchfamily", 8, 0))
        assert.is_false(pcall(nl.newroute, "create", { nosuchfield = 1 }))
    end)

    it("reads attributes and messages that nobody knows", function()
        local message = require "ljos.syscall.nl.message"
        local ffi = require "ffi"
        local text = message.build("newlink", "request", t.ifinfomsg { index = 7 }, nil, nil, 1)
        -- one attribute with a number of the future, and one of a known number with too few bytes
        local unknown = string.char(8, 0, 0xee, 0x03) .. "abcd"
        local short = string.char(5, 0, c.IFLA.MTU, 0) .. "x\0\0\0"
        local head = ffi.new("uint32_t[1]", #text + #unknown + #short)
        local all = ffi.string(ffi.cast("char *", head), 4) .. text:sub(5) .. unknown .. short
        local buffer = ffi.new("char[?]", #all + 1, all)
        local list = message.parse(buffer, #all)
        assert.equal(1, #list)
        assert.equal("abcd", list[1].attributes[0x3ee])
        assert.equal("x", list[1].attributes.mtu)
        -- whatever the bytes are, nothing raises
        local interface = require "ljos.syscall.nl.interface"
        local seed = 20261121
        local function random(n)
            seed = (seed * 16807) % 2147483647
            return seed % n
        end
        for _ = 1, 2000 do
            local copy = ffi.new("uint8_t[?]", #all)
            ffi.copy(copy, buffer, #all)
            for _ = 1, random(6) do
                copy[random(#all)] = random(256)
            end
            for _, one in ipairs(message.parse(copy, #all)) do
                local _ = tostring(interface.object(one))
            end
        end
        -- cut off anywhere it reads what is whole
        for size = 0, #all - 1 do
            assert.equal("table", type(message.parse(buffer, size)))
        end
    end)
end)

describe("a tunnel", function()
    it("is an interface with a descriptor", function()
        in_child(function()
            local tun, err = S.open("/dev/net/tun", "rdwr")
            if not tun then return tostring(err) end
            local request = assert(S.ioctl(tun, "TUNSETIFF", { name = "tun7", flags = "tun, no_pi" }))
            assert(request.name == "tun7")
            local link = assert(nl.interface "tun7")
            assert(link:address "10.9.0.1/24" and link:up())
            assert(bit.band(S.ioctl(tun, "TUNGETFEATURES"), c.IFREQ.TUN) ~= 0)
            local udp = assert(S.socket("inet", "dgram"))
            assert(udp:sendto("through", 7, 0, t.sockaddr_in(99, "10.9.0.2")))
            local packet
            repeat
                packet = assert(tun:read())
            until packet:byte(1) == 0x45
            assert(packet:sub(-7) == "through")
            local buffer = t.buffer(#packet + 1, packet)
            assert(S.types.pt.iphdr(buffer).protocol == c.IPPROTO.UDP)
        end, "newuser, newnet")
    end)
end)
