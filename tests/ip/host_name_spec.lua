local host_name = require "ljos.ip.host_name"

describe("ip.host_name", function()
    it("is the name that the kernel knows", function()
        local file = assert(io.open "/proc/sys/kernel/hostname")
        local expected = file:read "*l"
        file:close()
        assert.are.equal(expected, host_name())
    end)
end)
