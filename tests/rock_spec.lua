-- The rocks: what `luarocks make` installs into an empty tree works from another folder, without the checkout.
local needs = require "needs"
local temporary_directory = require "temporary_directory"

local function run(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo status=$?"))
    local output = pipe:read "*a"
    pipe:close()
    return tonumber(output:match "status=(%d+)\n$"), output
end

describe("the rock", function()
    if run "PATH=$PATH:${CARGO_HOME:-${HOME-}/.cargo}/bin; cargo --version && luarocks --version" ~= 0 then
        it("is made by luarocks and cargo", function() pending "this user has no luarocks or no cargo" end)
        return
    end
    local root, dir

    local function make(rock)
        -- What has been built lies in target/, wherever the user has other programs built.
        local command =
            "CARGO_TARGET_DIR=%s/built luarocks --lua-version 5.1 make rockspec/%s-scm-1.rockspec --tree %s/tree"
        local status, output = run(command:format(dir, rock, dir))
        assert.equal(0, status, output)
    end

    setup(function()
        root = select(2, run "pwd"):match "^[^\n]+"
        dir = temporary_directory.make()
        make "ljos"
        run(("mkdir %s/elsewhere"):format(dir))
    end)

    teardown(temporary_directory.remove_all)

    -- Runs a command in another folder, where only the tree is on Lua's paths.
    local function elsewhere(command)
        local tree = dir .. "/tree"
        local path = ("%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua"):format(tree, tree)
        local paths = ("LUA_PATH='%s' LUA_CPATH='%s/lib/lua/5.1/?.so'"):format(path, tree)
        local status, output =
            run(("cd %s/elsewhere && env -u LJOS_LIB -u LJOS_ACTOR %s %s"):format(dir, paths, command))
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

    it("gives a launcher that finds the tree it lies in", function()
        local program = "local ljos = require('ljos') spawn(function() print('ran by ' .. ljos.engine()) end)"
        run(('echo "%s" >%s/elsewhere/program.lua'):format(program, dir))
        local status, output =
            run(("cd %s/elsewhere && env -u LUA_PATH -u LUA_CPATH ../tree/bin/ljos program.lua"):format(dir))
        assert.equal(0, status, output)
        assert.matches("ran by ", output, 1, true)
    end)

    needs.sandboxes(it)("starts actors from the runner beside the library", function()
        local status, output = elsewhere [[luajit -e '
            local sandbox, inbox = require "ljos.sandbox", require "ljos.inbox"
            local code = [=[ require("inbox"):receive():send(_CONTEXT) ]=]
            sandbox.spawn({ source = code, stderr = "share" }):send(inbox)
            print(inbox:receive())']]
        assert.equal(0, status, output)
        assert.matches("worker", output, 1, true)
    end)

    it("holds every Lua file of the checkout", function()
        local list = "find . -name '*.lua' | sort"
        local _, checkout = run("cd lua/ljos && " .. list)
        local _, installed = run(("cd %s/tree/share/lua/5.1/ljos && %s"):format(dir, list))
        assert.equal(checkout, installed)
    end)

    it("of the originals' names installs beside it", function()
        if run "test -d lua/compat" ~= 0 then pending "no module names to install yet" end
        make "ljos-compat"
        local _, checkout = run "cd lua/compat && find . -name '*.lua' | sort"
        for path in checkout:gmatch "%./(%S+)" do
            assert.equal(0, (run(("test -e %s/tree/share/lua/5.1/%s"):format(dir, path))), path)
        end
    end)
end)
