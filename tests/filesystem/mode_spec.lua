local mode = require "ljos.filesystem.mode"
local raised = require "raised"

describe("filesystem.mode", function()
    it("puts three digits together", function()
        assert.are.equal(tonumber("0755", 8), mode.mode(7, 5, 5))
        assert.are.equal(0, mode.mode(0, 0, 0))
        assert.are.equal(tonumber("0777", 8), mode.mode(7, 7, 7))
    end)

    it("knows the special bits by name", function()
        assert.are.equal(tonumber("4000", 8), mode.mode "set_uid")
        assert.are.equal(tonumber("2000", 8), mode.mode "set_gid")
        assert.are.equal(tonumber("1000", 8), mode.mode "sticky_bit")
    end)

    it("refuses everything else", function()
        assert.are.equal(1, raised("EINVAL", mode.mode, "sticky").arg)
        assert.are.equal(1, raised("EINVAL", mode.mode).arg)
        for _, bad in ipairs { 8, -1, 1.5, "7", {}, 0 / 0 } do
            if bad ~= "7" then assert.are.equal(1, raised("EINVAL", mode.mode, bad, 7, 7).arg) end
            assert.are.equal(2, raised("EINVAL", mode.mode, 7, bad, 7).arg)
            assert.are.equal(3, raised("EINVAL", mode.mode, 7, 7, bad).arg)
        end
    end)
end)
