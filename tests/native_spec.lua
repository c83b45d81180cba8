-- The loader: which file it takes, and what it says when none fits. Each test loads native.lua afresh with its own
-- environment variables and package.cpath; small C libraries stand in for what may lie in the way.
local native = require "ljos.native"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local SOURCE = "lua/ljos/native.lua"

local function shell(command) assert(os.execute(command) == 0, command) end

local function write(path, text)
    text_file.write(path, text)
    return path
end

local function copy(from, to) shell(("cp '%s' '%s'"):format(from, to)) end

describe("native", function()
    local dir

    before_each(function() dir = temporary_directory.make() end)
    after_each(temporary_directory.remove_all)

    -- Loads the module as if the process had this $LJOS_LIB and package.cpath.
    local function load_with(options)
        local chunk = assert(loadfile(options.source or SOURCE))
        local environment = {
            os = setmetatable({
                getenv = function(name) return name == "LJOS_LIB" and options.lib or nil end,
            }, { __index = os }),
            package = setmetatable({ cpath = options.cpath or "" }, { __index = package }),
        }
        return setfenv(chunk, setmetatable(environment, { __index = _G }))()
    end

    -- A copy of the module outside of a source checkout.
    local function installed()
        copy(SOURCE, dir .. "/native.lua")
        return dir .. "/native.lua"
    end

    local function compile(name, code)
        local c, so = write(dir .. "/" .. name .. ".c", code), dir .. "/" .. name .. ".so"
        shell(("cc -shared -fPIC -o '%s' '%s'"):format(so, c))
        return so
    end

    local function message_of(options)
        local ok, message = pcall(load_with, options)
        assert.is_false(ok)
        return message
    end

    it("finds the library of a source checkout", function()
        local M = load_with {}
        assert.matches("target/%a+/libljos%.so$", M.path)
        assert.is_true(M.C.ljos_abi() > 0)
    end)

    it("takes $LJOS_LIB before everything else", function()
        copy(native.path, dir .. "/mine.so")
        copy(native.path, dir .. "/libljos.so")
        local M = load_with { lib = dir .. "/mine.so", cpath = dir .. "/?.so" }
        assert.equal(dir .. "/mine.so", M.path)
    end)

    it("does not look elsewhere when $LJOS_LIB does not fit", function()
        local message = message_of { lib = dir .. "/absent.so", cpath = native.path }
        assert.matches("absent.so: no such file", message, 1, true)
        assert.is_nil(message:find(native.path, 1, true))
    end)

    it("takes package.cpath before the checkout, in its order", function()
        shell(("mkdir %s/second %s/third"):format(dir, dir))
        copy(native.path, dir .. "/second/libljos.so")
        copy(native.path, dir .. "/third/libljos.so")
        local cpath = ("%s/first/?.so;%s/second/?.so;%s/third/?.so"):format(dir, dir, dir)
        assert.equal(dir .. "/second/libljos.so", load_with({ cpath = cpath }).path)
    end)

    it("passes over a file of package.cpath that does not fit", function()
        local stranger = compile("libljos", "int something_else;")
        local M = load_with { cpath = dir .. "/?.so" }
        assert.are_not.equal(stranger, M.path)
    end)

    it("lists every path it tried, why it did not fit, and the remedy", function()
        shell(("mkdir %s/a %s/b %s/c"):format(dir, dir, dir))
        compile("a/libljos", "int something_else;")
        compile("b/libljos", "unsigned int ljos_abi(void) { return 4711; }")
        write(dir .. "/c/libljos.so", "not a library")
        local cpath = ("%s/absent/?.so;%s/a/?.so;%s/b/?.so;%s/c/?.so"):format(dir, dir, dir, dir)
        local message = message_of { source = installed(), cpath = cpath }
        for _, expected in ipairs {
            dir .. "/absent/libljos.so: no such file",
            dir .. "/a/libljos.so: not the ljos library",
            dir .. "/b/libljos.so: ABI 4711, these Lua files need",
            dir .. "/c/libljos.so: ",
            "make build",
            "luarocks make",
            "$LJOS_LIB",
        } do
            assert.matches(expected, message, 1, true)
        end
    end)

    it("refuses a library of another ABI, named explicitly", function()
        local lib = compile("old", "unsigned int ljos_abi(void) { return 0; }")
        assert.matches("old.so: ABI 0, these Lua files need %d+", message_of { lib = lib })
    end)

    it("fails in a plain luajit with the same message, as an error of require", function()
        local program = 'require "ljos.error"'
        local command = ("LJOS_LIB=%s/absent.so LUA_PATH='lua/?.lua' luajit -e '%s' 2>&1"):format(dir, program)
        local pipe = assert(io.popen(command))
        local output = pipe:read "*a"
        pipe:close()
        assert.matches("ljos: the native library was not found", output, 1, true)
        assert.matches("absent.so: no such file", output, 1, true)
    end)

    it("can be loaded twice in one process", function()
        local M = load_with {}
        assert.equal(native.C.ljos_abi(), M.C.ljos_abi())
    end)

    it("lets every module be loaded twice", function()
        -- In a plain interpreter: busted remembers C types and would hide it.
        local pipe = assert(io.popen "LUA_PATH='lua/?.lua;lua/?/init.lua' luajit tests/programs/reload.lua 2>&1")
        local output = pipe:read "*a"
        pipe:close()
        assert.equal("loaded twice\n", output)
    end)

    it("iterates the constants of a group", function()
        local seen = {}
        for name, value in native.constants "E" do
            seen[name] = value
        end
        assert.equal(2, seen.ENOENT)
    end)

    it("finds one constant, the same as in the table of all", function()
        local groups = { "SYS", "KCMP" } -- names that are parts of others; the first and the last of a group
        for _, group in ipairs(groups) do
            local found = {}
            for name in native.constants(group) do
                found[name] = native.constant(group, name)
            end
            assert.same(found, native.constant_table(group))
        end
    end)

    it("refuses a group of constants, or a constant, that does not exist", function()
        assert.error_matches(function() native.constants "NOPE" end, "no constants named NOPE")
        assert.error_matches(function() native.constant("NOPE", "NOPE") end, "no constants named NOPE")
        assert.error_matches(function() native.constant("KCMP", "NOPE") end, "no constant NOPE in KCMP")
    end)
end)
