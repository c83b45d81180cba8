local collect = require "collect"
local strfile = require "ljos.ipc.strfile"

describe("strfile.open", function()
    it("takes strings and numbers", function()
        assert.are.equal("12", strfile.open(12):read "*a")
        assert.are.equal("", strfile.open(""):read "*a")
        assert.error_matches(
            function() strfile.open() end,
            "bad argument #1 to 'open' %(string expected, got no value%)"
        )
        assert.error_matches(function() strfile.open {} end, "string expected, got table")
    end)

    it("keeps its string alive", function()
        local file = strfile.open(("x"):rep(100000) .. os.time())
        collect()
        assert.are.equal(100000, #file:read "*a":match "^x+")
    end)

    it("makes handles that are no Lua files and show nothing of their metatable", function()
        local file = strfile.open "a"
        assert.is_nil(io.type(file))
        assert.is_false(getmetatable(file))
    end)
end)
