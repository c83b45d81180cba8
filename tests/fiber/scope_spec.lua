local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local time = require "ljos.time"

local spawn, scope, push, pop = fiber.spawn, fiber.scope, fiber.scope_cleanup_push, fiber.scope_cleanup_pop

describe("scope", function()
    it("runs handlers last-in first-out, on success and on error", function()
        local log = {}
        local function note(x)
            return function() log[#log + 1] = x end
        end
        scope(function()
            push(note "first")
            push(note "second")
        end)
        local ok, err = pcall(scope, function()
            push(note "third")
            error("boom", 0)
        end)
        assert.is_false(ok)
        assert.equal("boom", err)
        assert.same({ "second", "first", "third" }, log)
    end)

    it("returns nothing, and nests", function()
        local log = {}
        assert.equal(
            0,
            select(
                "#",
                scope(function()
                    push(function() log[#log + 1] = "outer" end)
                    scope(function()
                        push(function() log[#log + 1] = "inner" end)
                    end)
                    log[#log + 1] = "between"
                    return 1
                end)
            )
        )
        assert.same({ "inner", "between", "outer" }, log)
    end)

    it("pops the last handler, run or not", function()
        local log = {}
        scope(function()
            push(function() log[#log + 1] = "kept" end)
            push(function() log[#log + 1] = "dropped" end)
            pop(false)
            push(function() log[#log + 1] = "run now" end)
            pop()
            log[#log + 1] = "end"
        end)
        assert.same({ "run now", "end", "kept" }, log)
        assert.is_true(error_.is_core(select(2, pcall(scope, pop)), "unmatched_scope_cleanup"))
        assert.equal(error_.generic "EINVAL", select(2, pcall(push, 5)))
    end)

    it("belongs to pcall, xpcall, fibers and coroutines too", function()
        local log = {}
        local function push_note(x)
            push(function() log[#log + 1] = x end)
        end
        fiber.pcall(function() push_note "pcall" end)
        fiber.xpcall(function()
            push_note "xpcall"
            error "x"
        end, function() log[#log + 1] = "handler first" end)
        spawn(function() push_note "fiber" end):join()
        local c = fiber.coroutine.wrap(function()
            push_note "coroutine"
            fiber.coroutine.yield()
        end)
        c()
        assert.same({ "pcall", "handler first", "xpcall", "fiber" }, log)
        c()
        assert.same({ "pcall", "handler first", "xpcall", "fiber", "coroutine" }, log)
    end)

    it("runs handlers with cancellation disabled, so they may suspend, also after an error", function()
        local log = {}
        local f = spawn(function()
            push(function()
                time.sleep(0.001)
                log[#log + 1] = "cleaned"
            end)
            time.sleep(1000)
        end)
        fiber.this_fiber.yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        assert.same({ "cleaned" }, log)
        local g = spawn(function()
            push(function()
                time.sleep(0.001)
                log[#log + 1] = "again"
            end)
            error("mine", 0)
        end)
        local ok, err = pcall(g.join, g)
        assert.is_false(ok)
        assert.equal("mine", err)
        assert.same({ "cleaned", "again" }, log)
    end)

    it("of pcall and xpcall catches a suspending call that could not be, and its handlers may suspend", function()
        local log = {}
        local function sorted()
            push(function()
                fiber.this_fiber.yield()
                log[#log + 1] = "cleaned"
            end)
            table.sort({ 2, 1 }, fiber.this_fiber.yield)
        end
        spawn(function()
            local ok, err = fiber.pcall(sorted)
            assert.is_false(ok)
            assert.is_true(error_.is_core(err, "unsuspendable_frame"))
            ok, err = fiber.xpcall(sorted, tostring)
            assert.is_false(ok)
            assert.is_true(error_.is_core(err, "unsuspendable_frame"))
            ok, err = pcall(scope, sorted)
            assert.is_false(ok)
            assert.is_true(error_.is_core(err, "unsuspendable_frame"))
            time.sleep(0)
        end):join()
        assert.same({ "cleaned", "cleaned", "cleaned" }, log)
    end)

    it("ends the program when a handler fails, and says why, in library mode", function()
        local program = [[
            local fiber = require "ljos.fiber"
            local function clean() error "the handler" end
            fiber.scope(function() fiber.scope_cleanup_push(clean) end)
            print "not reached"]]
        local command = "LUA_PATH='lua/?.lua;lua/?/init.lua' luajit -e '%s' 2>&1; echo status $?"
        local pipe = assert(io.popen(command:format(program)))
        local output = pipe:read "*a"
        pipe:close()
        assert.matches("^ljos: forcibly closed: a scope clean%-up handler failed: [^\n]*the handler\n", output)
        assert.matches("in function .-\nstatus 1\n$", output)
    end)
end)
