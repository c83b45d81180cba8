local S = require "ljos.syscall"
local in_child = require "in_child"
local nl, t = S.nl, S.t

local function check(f) in_child(f, "newuser, newnet") end

describe("netlink", function()
    it("lists interfaces", function()
        local lo = assert(nl.interface "lo")
        assert.equal(1, lo.index)
        assert.is_true(lo.loopback)
        assert.is_true(lo.flags.LOOPBACK)
        assert.equal("number", type(lo.mtu))
        assert.matches("lo", tostring(lo))
    end)

    it("makes, changes, addresses and deletes a link", function()
        check(function()
            assert(nl.create_interface { name = "dummy0", type = "bridge" })
            local d = assert(nl.interface "dummy0")
            assert(d:up())
            assert(d.flags.up)
            assert(d:setmtu(1400))
            assert(d.mtu == 1400)
            assert(d:address "10.9.8.7/24")
            assert(tostring(d.inet[1].addr) == "10.9.8.7" and d.inet[1].prefixlen == 24)
            assert(tostring(d.inet[1].broadcast) == "10.9.8.255")
            assert(d:address "fd00::1/64")
            assert(d:setmac "02:03:04:05:06:07")
            assert(tostring(d.macaddr) == "02:03:04:05:06:07")
            assert(
                nl.newroute(
                    "create",
                    { family = "inet", dst_len = 24, scope = "link" },
                    "dst",
                    "10.1.1.0",
                    "oif",
                    d.index
                )
            )
            local routes = assert(nl.routes("inet", "unicast"))
            local found = routes:match "10.1.1.0/24"
            assert(#found == 1 and found[1].oif == d.index)
            assert(
                nl.newneigh(
                    d,
                    { family = "inet", state = "permanent" },
                    "dst",
                    t.in_addr "10.9.8.9",
                    "lladdr",
                    "02:00:00:00:00:01"
                )
            )
            local neighbours = assert(nl.getneigh(d, { family = "inet" }))
            local lladdr
            for _, neighbour in ipairs(neighbours) do
                if tostring(neighbour.dst) == "10.9.8.9" then lladdr = tostring(neighbour.lladdr) end
            end
            assert(lladdr == "02:00:00:00:00:01")
            assert(nl.delneigh(d, { family = "inet" }, "dst", t.in_addr "10.9.8.9"))
            assert(d:deladdress "10.9.8.7/24")
            assert(#d.inet == 0)
            assert(d:down())
            assert(d:rename "other")
            assert(nl.interface("other"))
            assert(d:delete())
            assert(not nl.interface "other")
        end)
    end)

    it("makes veth pairs, vlans and bridges", function()
        check(function()
            assert(nl.create_interface { name = "veth0", type = "veth", peer = { name = "veth1" } })
            assert(nl.interface "veth0" and nl.interface "veth1")
            assert(nl.create_interface { name = "mv5", type = "macvlan", link = "veth0", mode = "bridge" })
            assert(nl.interface("mv5").kind == "macvlan")
            local ok, err = S.util.bridge_add "br0"
            if ok then
                assert(S.util.bridge_add_interface("br0", "veth1"))
                assert(S.util.bridge_del "br0")
            else
                assert(err.PKG or err.NOPKG or err.INVAL or err.NOIOCTLCMD, tostring(err))
            end
        end)
    end)

    it("reports changes on a socket", function()
        check(function()
            local socket = assert(nl.socket("route", { groups = "link" }))
            assert(nl.create_interface { name = "dummy1", type = "bridge" })
            local seen = assert(nl.read(socket))
            assert(seen.dummy1 and seen.dummy1.newlink)
            socket:close()
        end)
    end)

    it("gives the kernel's errors", function()
        local ok, err = nl.newlink(99999, 0, "up", "up")
        assert.is_nil(ok)
        assert.is_true(err.NODEV or err.PERM)
        assert.is_false(pcall(nl.newlink, 1, 0, 0, 0, "nosuchattribute", 1))
    end)
end)
