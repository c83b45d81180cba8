local address = require "ljos.ip.address"
local endpoint = require "ljos.ip.endpoint"
local error_ = require "ljos.error"

local function fails(f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.are.equal(error_.generic "EINVAL", err)
    return err
end

describe("ip.tostring", function()
    it("writes address and port", function()
        assert.are.equal("192.0.2.1:80", endpoint.tostring(address.new "192.0.2.1", 80))
        assert.are.equal("[2001:db8::1]:65535", endpoint.tostring(address.new "2001:db8::1", 65535))
        assert.are.equal("[fe80::1%lo]:0", endpoint.tostring("fe80::1%1", 0))
    end)

    it("writes the address alone without a port", function()
        assert.are.equal("192.0.2.1", endpoint.tostring(address.new "192.0.2.1"))
        assert.are.equal("::1", endpoint.tostring(address.new "::1", nil))
    end)

    it("refuses a wrong address or port", function()
        assert.are.equal(1, fails(endpoint.tostring, {}, 1).arg)
        for _, port in ipairs { -1, 65536, 1.5, 0 / 0, "80", {} } do
            assert.are.equal(2, fails(endpoint.tostring, "::1", port).arg)
        end
    end)
end)

describe("ip.toendpoint", function()
    it("reads what ip.tostring writes", function()
        for _, text in ipairs { "192.0.2.1:80", "[::]:0", "[2001:db8::1]:65535", "[fe80::1%lo]:1" } do
            local addr, port = endpoint.toendpoint(text)
            assert.are.equal(text, endpoint.tostring(addr, port))
        end
    end)

    it("refuses everything else", function()
        local cases = {
            "",
            "192.0.2.1",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:-1",
            "192.0.2.1:0x50",
            "192.0.2.1: 80",
            "192.0.2.1:99999999999999999999",
            "192.0.2:80",
            "::1:80",
            "[::1]",
            "[::1]80",
            "[192.0.2.1]:80",
            "[[::1]]:80",
            "localhost:80",
            "::1",
        }
        for _, text in ipairs(cases) do
            assert.are.equal(1, fails(endpoint.toendpoint, text).arg)
        end
        assert.are.equal(1, fails(endpoint.toendpoint, 80).arg)
    end)
end)
