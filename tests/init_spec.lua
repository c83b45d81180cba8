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

    local function complaint(name)
        local ok, message = pcall(function() return ljos[name] end)
        assert.is_false(ok)
        return message:match "^tests/init_spec%.lua:%d+: (.*)" or message
    end

    it("says at the caller's line that there is no such module, and what there is", function()
        local modules = complaint("no_such_module"):match "^ljos has no module 'no_such_module'; there are (.*)"
        local listed, files = {}, {}
        for name in modules:gmatch "[%w_]+" do
            listed[#listed + 1] = name
        end
        local pipe = assert(io.popen "ls lua/ljos/*.lua lua/ljos/syscall/init.lua")
        for file in pipe:lines() do
            local name = file:match "^lua/ljos/([%w_]+)"
            if name ~= "app" and name ~= "init" and name ~= "native" then files[#files + 1] = name end
        end
        pipe:close()
        table.sort(listed)
        table.sort(files)
        assert.same(files, listed)
    end)

    it("names the module, or the place of the function, that was meant", function()
        local function asked(name) return complaint(name):match "; did you mean (.*)%?$" end
        assert.equal("ljos.fiber.this_fiber", asked "this_fiber")
        assert.equal("ljos.ip.tcp", asked "tcp")
        assert.equal("ljos.ipc.shm", asked "shm")
        assert.equal("ljos.time.sleep or ljos.syscall.sleep", asked "sleep")
        assert.equal("ljos.channel", asked "chanel")
        assert.equal("ljos.stream", asked "steram")
        assert.equal("ljos.task_group", asked "taskgroup")
    end)

    it("raises EMFILE for a part that there is no descriptor left to load with, at every depth", function()
        local program = [[
            local ljos, S = require "ljos", require "ljos.syscall"
            local open = { ljos.system, ljos.filesystem, ljos.ip, ljos.ipc, S.setrlimit, ljos.file_descriptor }
            local here = ljos.filesystem.open("/", { "directory" })
            local limit = S.getrlimit "nofile"
            S.setrlimit("nofile", { cur = 0, max = limit.max })
            local function load()
                return ljos.unix, ljos.system.run, ljos.filesystem.copy, ljos.ip.tcp, ljos.ipc.shm
            end
            local parts = {
                function() return ljos.unix end,
                function() return ljos.system.run end,
                function() return ljos.filesystem.copy end,
                function() return ljos.ip.tcp end,
                function() return ljos.ipc.shm end,
                function() return here:cap_get() end,
            }
            for _, part in ipairs(parts) do
                local ok, err = pcall(part)
                print(ok, rawget(err, "code") == 24, rawget(err, "detail"))
            end
            S.setrlimit("nofile", { cur = limit.cur, max = limit.max })
            print(pcall(load))
        ]]
        local pipe = assert(io.popen(("LUA_PATH='lua/?.lua;lua/?/init.lua' luajit -e '%s' 2>&1"):format(program)))
        local lines = {}
        for line in pipe:lines() do
            lines[#lines + 1] = line
        end
        pipe:close()
        for i = 1, 6 do
            assert.matches("^false\ttrue\tcannot load ljos", lines[i])
        end
        assert.matches("^true\ttable: ", lines[7])
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
