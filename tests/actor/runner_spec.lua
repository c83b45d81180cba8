-- The runner: where it is looked for, what it carries, and what it says when somebody else starts it.
local lfs = require "lfs"
local native = require "ljos.native"
local programs = require "actor.programs"
local S = require "ljos.syscall"

local SOURCE = "lua/ljos/actor/runner.lua"
local RUNNER = native.path:match "^.*/" .. "ljos-actor"

local function output_of(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo status=$?"))
    local output = pipe:read "*a"
    pipe:close()
    return output
end

-- Loads the module afresh, as if the process had this $LJOS_ACTOR.
local function load_with(variable)
    local environment = {
        os = setmetatable({
            getenv = function(name) return name == "LJOS_ACTOR" and variable or nil end,
        }, { __index = os }),
    }
    return setfenv(assert(loadfile(SOURCE)), setmetatable(environment, { __index = _G }))()
end

describe("actor.runner", function()
    it("is found beside the native library", function()
        local first = load_with(nil)
        local fd = first.fd()
        assert.is_true(fd >= 0)
        assert.equal(fd, first.fd())
        assert.matches("memfd:ljos%-actor", assert(lfs.symlinkattributes("/proc/self/fd/" .. fd, "target")))
    end)

    it("is taken from $LJOS_ACTOR and nowhere else", function()
        assert.is_true(load_with(RUNNER).fd() >= 0)
        local ok, message = pcall(load_with("/nonexistent/ljos-actor").fd)
        assert.is_false(ok)
        for _, part in ipairs { "/nonexistent/ljos-actor: No such file or directory", "make build", "$LJOS_ACTOR" } do
            assert.matches(part, message, 1, true)
        end
    end)

    it("is not said to be missing where there is no descriptor for its copy", function()
        local limit, runner = S.getrlimit "nofile", load_with(RUNNER)
        S.setrlimit("nofile", { cur = 0, max = limit.max })
        local ok, err = pcall(runner.fd)
        S.setrlimit("nofile", limit)
        assert.is_false(ok)
        assert.equal("MFILE", err.sym)
        assert.equal(RUNNER, err.path)
    end)

    it("ends nobody who may not write files as large as it is", function()
        local program = programs.start [[
            local S, spawn_vm = require "ljos.syscall", require "ljos.spawn_vm"
            local path = require("ljos.filesystem.path").new "/actor.lua"
            for _, size in ipairs { 0, 1000, 1e8 } do
                S.setrlimit("fsize", { cur = size, max = 1e8 })
                local ok, err = pcall(spawn_vm, { module = path, subprocess = {} })
                print(ok or err.sym)
            end
        ]]
        for _, expected in ipairs { "FBIG", "FBIG", "true" } do
            assert.equal(expected, program:read_line())
        end
        program:wait()
    end)

    it("carries every function of the native library", function()
        local exported = {}
        for name in output_of("nm -D --defined-only " .. RUNNER):gmatch " T (ljos_[%w_]+)" do
            exported[name] = true
        end
        local declared = 0
        for line in io.lines "native/ljos/include/ljos.h" do
            local name = not line:find "^%s*//" and line:match "(ljos_[%w_]+)%("
            if name then
                declared = declared + 1
                assert.is_true(exported[name], name)
            end
        end
        assert.is_true(declared > 20)
    end)

    it("says what it is when it is started by hand", function()
        local output = output_of(RUNNER)
        assert.matches("started by ljos", output, 1, true)
        assert.matches("status=2", output, 1, true)
    end)
end)
