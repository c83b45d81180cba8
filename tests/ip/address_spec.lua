local address = require "ljos.ip.address"
local error_ = require "ljos.error"
local ffi = require "ffi"

local function fails(name, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.is_true(error_.is_error(err), tostring(err))
    assert.are.equal(error_.generic(name), err)
    return err
end

local v6_properties = {
    "is_link_local",
    "is_multicast_global",
    "is_multicast_link_local",
    "is_multicast_node_local",
    "is_multicast_org_local",
    "is_multicast_site_local",
    "is_site_local",
    "is_v4_mapped",
    "scope_id",
}

describe("ip.address", function()
    it("is 0.0.0.0 by default", function()
        assert.are.equal("0.0.0.0", tostring(address.new()))
        assert.is_true(address.new().is_v4)
        assert.is_true(address.new().is_unspecified)
    end)

    it("makes the well-known addresses", function()
        assert.are.equal("0.0.0.0", tostring(address.any_v4()))
        assert.are.equal("::", tostring(address.any_v6()))
        assert.are.equal("127.0.0.1", tostring(address.loopback_v4()))
        assert.are.equal("::1", tostring(address.loopback_v6()))
        assert.are.equal("255.255.255.255", tostring(address.broadcast_v4()))
    end)

    it("reads and prints what inet_pton and inet_ntop do", function()
        local cases = {
            { "192.0.2.1", "192.0.2.1" },
            { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
            { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
            { "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
            { "1:0:0:2:3:0:0:4", "1::2:3:0:0:4" },
            { "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
            { "::192.0.2.1", "::192.0.2.1" },
            { "1::", "1::" },
            { "fe80::1%1", "fe80::1%lo" },
            { "fe80::1%lo", "fe80::1%lo" },
            { "ff02::1%lo", "ff02::1%lo" },
            { "fe80::1%4294967295", "fe80::1%4294967295" },
            { "::1%0", "::1" },
        }
        for _, case in ipairs(cases) do
            assert.are.equal(case[2], tostring(address.new(case[1])))
        end
    end)

    it("refuses what is no address", function()
        local cases = {
            "",
            "1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            " 1.2.3.4",
            "1.2.3.4 ",
            "1.2.3.4%lo",
            "1.2.3.4\0",
            ":",
            ":::",
            "1::2::3",
            "12345::",
            "::g",
            "1:2:3:4:5:6:7",
            "fe80::1%",
            "fe80::1%no-such-interface",
            "fe80::1%4294967296",
            "[::1]",
            "localhost",
        }
        for _, text in ipairs(cases) do
            assert.are.equal(1, fails("EINVAL", address.new, text).arg)
        end
        for _, value in ipairs { 1, true, {}, address.any_v4() } do
            assert.are.equal(1, fails("EINVAL", address.new, value).arg)
        end
    end)

    it("prints random IPv6 addresses by the rules of RFC 5952, and reads them back", function()
        local seed = os.time()
        math.randomseed(seed)
        local function expected(groups)
            local best, best_length = nil, 1
            local i = 1
            while i <= 8 do
                local j = i
                while j <= 8 and groups[j] == 0 do
                    j = j + 1
                end
                if j - i > best_length then
                    best, best_length = i, j - i
                end
                i = math.max(j, i + 1)
            end
            local parts = {}
            for n, group in ipairs(groups) do
                parts[n] = ("%x"):format(group)
            end
            if not best then return table.concat(parts, ":") end
            return table.concat(parts, ":", 1, best - 1) .. "::" .. table.concat(parts, ":", best + best_length)
        end
        for _ = 1, 500 do
            local groups, full = {}, {}
            for n = 1, 8 do
                groups[n] = math.random() < 0.5 and 0 or math.random(0, 0xffff)
                full[n] = ("%04X"):format(groups[n])
            end
            groups[1] = math.random(1, 0xffff) -- a leading zero group may be printed with a dotted tail
            full[1] = ("%X"):format(groups[1])
            local parsed = address.new(table.concat(full, ":"))
            assert.are.equal(expected(groups), tostring(parsed), "seed " .. seed)
            assert.is_true(parsed == address.new(tostring(parsed)), "seed " .. seed)
        end
    end)

    it("has the properties of IPv4", function()
        assert.is_true(address.new("127.1.2.3").is_loopback)
        assert.is_false(address.new("128.0.0.1").is_loopback)
        assert.is_true(address.new("224.0.0.1").is_multicast)
        assert.is_true(address.new("239.255.255.255").is_multicast)
        assert.is_false(address.new("240.0.0.1").is_multicast)
        assert.is_false(address.new("0.0.0.1").is_unspecified)
        assert.is_true(address.new("1.2.3.4").is_v4)
        assert.is_false(address.new("1.2.3.4").is_v6)
    end)

    it("has the properties of IPv6", function()
        local cases = {
            ["::"] = { "is_unspecified" },
            ["::1"] = { "is_loopback" },
            ["::2"] = {},
            ["100::1"] = {},
            ["fe80::1"] = { "is_link_local" },
            ["febf::1"] = { "is_link_local" },
            ["fec0::1"] = { "is_site_local" },
            ["feff::1"] = { "is_site_local" },
            ["fd00::1"] = {},
            ["ff01::1"] = { "is_multicast", "is_multicast_node_local" },
            ["ff02::1"] = { "is_multicast", "is_multicast_link_local" },
            ["ff12::1"] = { "is_multicast", "is_multicast_link_local" },
            ["ff05::1"] = { "is_multicast", "is_multicast_site_local" },
            ["ff08::1"] = { "is_multicast", "is_multicast_org_local" },
            ["ff0e::1"] = { "is_multicast", "is_multicast_global" },
            ["::ffff:1.2.3.4"] = { "is_v4_mapped" },
            ["::fffe:1.2.3.4"] = {},
            ["::1:ffff:1.2.3.4"] = {},
        }
        for text, expected in pairs(cases) do
            local set = { is_v6 = true, scope_id = 0 }
            for _, name in ipairs(expected) do
                set[name] = true
            end
            local addr = address.new(text)
            for _, name in ipairs(v6_properties) do
                assert.are.equal(set[name] or false, addr[name], text .. " " .. name)
            end
            for _, name in ipairs { "is_v4", "is_v6", "is_unspecified", "is_loopback", "is_multicast" } do
                assert.are.equal(set[name] or false, addr[name], text .. " " .. name)
            end
        end
    end)

    it("raises for a property of the other version", function()
        for _, name in ipairs(v6_properties) do
            fails("EINVAL", function() return address.loopback_v4()[name] end)
        end
        fails("EINVAL", function() address.loopback_v4().scope_id = 1 end)
    end)

    it("lets scope_id be written, and nothing else", function()
        local addr = address.new "fe80::1"
        addr.scope_id = 77777
        assert.are.equal(77777, addr.scope_id)
        assert.are.equal("fe80::1%77777", tostring(addr))
        for _, bad in ipairs { -1, 1.5, 2 ^ 32, 0 / 0, "1", {} } do
            fails("EINVAL", function() addr.scope_id = bad end)
        end
        assert.are.equal(77777, addr.scope_id)
        fails("EPERM", function() addr.is_v4 = true end)
        fails("EPERM", function() addr.other = 1 end)
    end)

    it("raises bad_index for an unknown key", function()
        local ok, err = pcall(function() return address.new().nothing end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "bad_index"))
        assert.are.equal(2, err.index)
    end)

    it("converts between the versions", function()
        assert.are.equal("::ffff:1.2.3.4", tostring(address.new("1.2.3.4"):to_v6()))
        assert.are.equal("1.2.3.4", tostring(address.new("::ffff:1.2.3.4"):to_v4()))
        assert.is_true(address.new("1.2.3.4") == address.new("1.2.3.4"):to_v6():to_v4())
        fails("EINVAL", function() return address.new("::1"):to_v4() end)
        fails("EINVAL", function() return address.new("1.2.3.4"):to_v4() end)
        fails("EINVAL", function() return address.new("::1"):to_v6() end)
        fails("EINVAL", function() return address.new("::1").to_v4 "::1" end)
    end)

    it("orders IPv4 before IPv6, then by bytes, then by scope", function()
        local sorted = { "0.0.0.0", "1.2.3.4", "1.2.4.0", "200.0.0.0", "::", "::1", "1::", "fe80::1", "fe80::1%9" }
        for i, a in ipairs(sorted) do
            for j, b in ipairs(sorted) do
                local x, y = address.new(a), address.new(b)
                assert.are.equal(i == j, x == y)
                assert.are.equal(i < j, x < y)
                assert.are.equal(i <= j, x <= y)
            end
        end
    end)

    it("equals nothing that is no address", function()
        assert.is_false(address.new "1.2.3.4" == "1.2.3.4")
        assert.is_false(address.new "1.2.3.4" == nil)
        fails("EINVAL", function() return address.new "1.2.3.4" < "1.2.3.4" end)
        fails("EINVAL", function() return 1 <= address.new "1.2.3.4" end)
    end)

    it("hides its metatable behind its name", function()
        local name = getmetatable(address.new())
        assert.is_string(name)
    end)

    it("takes a string wherever an address is wanted", function()
        local addr = address.new "::1"
        assert.are.equal(addr, address.of(addr, "host"))
        assert.is_true(addr == address.of("::1", "host"))
        assert.are.equal("host", fails("EINVAL", address.of, "nonsense", "host").arg)
        assert.are.equal("host", fails("EINVAL", address.of, nil, "host").arg)
        assert.is_false(address.is "::1")
        assert.is_false(address.is(ffi.new "int[1]"))
    end)

    it("survives the way through a socket address", function()
        local sockaddr = address.sockaddr_type()
        for _, text in ipairs { "1.2.3.4", "2001:db8::1", "fe80::1%lo" } do
            local length = address.to_sockaddr(address.new(text), 65432, sockaddr)
            assert.are.equal(text:find ":" and 28 or 16, length)
            local addr, port = address.from_sockaddr(sockaddr, length)
            assert.are.equal(text, tostring(addr))
            assert.are.equal(65432, port)
            local none, errno = address.from_sockaddr(sockaddr, length - 1)
            assert.is_nil(none)
            assert.are.equal(-error_.errno_of.EAFNOSUPPORT, errno)
        end
        ffi.fill(sockaddr, ffi.sizeof(sockaddr))
        assert.is_nil((address.from_sockaddr(sockaddr, 128)))
    end)
end)
