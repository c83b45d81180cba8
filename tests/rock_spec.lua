-- The rocks: what `luarocks make` installs into an empty tree works from another folder, without the checkout.
local function run(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo status=$?"))
    local output = pipe:read "*a"
    pipe:close()
    return tonumber(output:match "status=(%d+)\n$"), output
end

describe("the rock", function()
    local root, dir

    setup(function()
        root = select(2, run "pwd"):match "^[^\n]+"
        dir = os.tmpname()
        os.remove(dir)
        for _, rockspec in ipairs { "ljos-scm-1", "ljos-compat-scm-1" } do
            local status, output =
                run(("luarocks --lua-version 5.1 make rockspec/%s.rockspec --tree %s/tree"):format(rockspec, dir))
            assert.equal(0, status, output)
        end
        run(("mkdir %s/elsewhere"):format(dir))
    end)

    teardown(function() run("rm -r " .. dir) end)

    -- Runs a command in another folder, where only the tree is on Lua's paths.
    local function elsewhere(command)
        local paths = ("LUA_PATH='%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua' LUA_CPATH='%s/lib/lua/5.1/?.so'"):gsub(
            "%%s",
            dir .. "/tree"
        )
        local status, output = run(("cd %s/elsewhere && env -u LJOS_LIB %s %s"):format(dir, paths, command))
        assert.is_nil(output:find(root .. "/", 1, true), output)
        return status, output
    end

    it("gives a working require from another folder", function()
        local status, output = elsewhere [[luajit -e '
            local ljos, native, error = require "ljos", require "ljos.native", require "ljos.error"
            print(native.path, ljos.engine(), error.system("ENOENT"))']]
        assert.equal(0, status, output)
        assert.matches(dir .. "/tree/lib/lua/5.1/libljos.so\t", output, 1, true)
        assert.matches("No such file or directory", output, 1, true)
    end)

    it("holds every Lua file of the checkout", function()
        local list = "find . -name '*.lua' | sort"
        local _, checkout = run("cd lua/ljos && " .. list)
        local _, installed = run(("cd %s/tree/share/lua/5.1/ljos && %s"):format(dir, list))
        assert.equal(checkout, installed)
    end)
end)
