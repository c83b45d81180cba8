-- The front of the library: ljos.run, and the modules as fields.
local error_ = require "ljos.error"
local ljos = require "ljos"

local function fail_deep(err)
    local function innermost() error(err, 0) end
    innermost()
    return "no tail call"
end

describe("ljos", function()
    it(
        "loads a module when its field is first read",
        function() assert.equal(require "ljos.condition_variable", ljos.condition_variable) end
    )

    it("says at the caller's line that there is no such module", function()
        local ok, message = pcall(function() return ljos.no_such_module end)
        assert.is_false(ok)
        assert.matches("init_spec%.lua:%d+: module 'ljos%.no_such_module' not found", message)
    end)

    it("says that no file can be opened where that is why a module is not found", function()
        local program = [[
            local ljos, S = require "ljos", require "ljos.syscall"
            S.setrlimit("nofile", { cur = 0, max = 0 })
            print(select(2, pcall(function() return ljos.system end)))
        ]]
        local pipe = assert(io.popen(("LUA_PATH='lua/?.lua;lua/?/init.lua' luajit -e '%s' 2>&1"):format(program)))
        assert.matches("module 'ljos.system' not found:.*no file can be opened: .*Too many open files", pipe:read "*a")
        pipe:close()
    end)

    it("says that it needs LuaJIT", function()
        local lua =
            "command -v lua5.1 >/dev/null && LUA_PATH='lua/?.lua;lua/?/init.lua' lua5.1 -e 'require \"ljos\"' 2>&1"
        local pipe = assert(io.popen(lua))
        local output = pipe:read "*a"
        pipe:close()
        if output == "" then return pending "no other Lua here" end
        assert.matches("ljos needs LuaJIT", output, 1, true)
    end)

    it("runs a main fiber with its arguments", function()
        local seen
        ljos.run(function(...) seen = { ... } end, "a", 2)
        assert.same({ "a", 2 }, seen)
    end)

    it("raises what the main fiber raised: a string with its traceback", function()
        local ok, message = pcall(ljos.run, fail_deep, "no luck")
        assert.is_false(ok)
        assert.matches("^no luck\nstack traceback:\n", message)
        assert.matches("in function 'innermost'", message, 1, true)
    end)

    it("raises what the main fiber raised: an Error that tells where it was raised", function()
        local raised = error_.system("ENOENT", { detail = "the file" })
        local ok, err = pcall(ljos.run, fail_deep, raised)
        assert.is_false(ok)
        assert.equal(raised, err)
        assert.is_nil(raised.traceback)
        assert.matches("^No such file or directory %(the file%)\nstack traceback:\n", tostring(err))
        assert.matches("in function 'innermost'", tostring(err), 1, true)
    end)

    it("adds no traceback to an error of a system call, which others share", function()
        local shared = error_.errno(2)
        local ok, err = pcall(ljos.run, fail_deep, shared)
        assert.is_false(ok)
        assert.equal(shared, err)
        assert.matches("in function 'innermost'", tostring(err), 1, true)
        assert.equal("No such file or directory", tostring(shared))
    end)

    it("raises any other value as it is", function()
        local value = {}
        assert.is_true(rawequal(value, select(2, pcall(ljos.run, fail_deep, value))))
    end)
end)
