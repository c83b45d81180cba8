local collect = require "collect"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local time = require "ljos.time"

local spawn, this_fiber, yield = fiber.spawn, fiber.this_fiber, fiber.this_fiber.yield

local function core(alias)
    return function(err) return error_.is_core(err, alias) end
end
local function assert_raises(matches, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    local good = type(matches) == "function" and matches(err) or err == matches
    assert.is_true(good, tostring(err))
end
local function append(last, a, b) return a, b, last end
local function generic(name) return error_.generic(name) end

describe("spawn", function()
    it("posts: the fiber runs at the spawner's next suspension, in the order of spawning", function()
        local log = {}
        local a = spawn(function() log[#log + 1] = "a" end)
        local b = spawn(function() log[#log + 1] = "b" end)
        log[#log + 1] = "main"
        b:join()
        a:join()
        assert.same({ "main", "a", "b" }, log)
    end)

    it("refuses what is no function, naming it", function()
        assert.error_matches(function() spawn(3) end, "function expected, got number")
    end)
end)

describe("join", function()
    it("returns all results, nils included", function()
        local f = spawn(function() return 1, nil, 3, nil end)
        assert.equal(4, select("#", f:join()))
        assert.same({ 1, nil, 3 }, { spawn(function() return 1, nil, 3 end):join() })
        assert.equal(0, select("#", spawn(function() end):join()))
    end)

    it("re-raises the fiber's error, the same object", function()
        local err = { "mine" }
        local f = spawn(function() error(err) end)
        local ok, got = pcall(f.join, f)
        assert.is_false(ok)
        assert.equal(err, got)
        assert.is_false(f.cancellation_caught)
    end)

    it("runs the joiner before other ready fibers", function()
        local log = {}
        local joinee = spawn(function() yield() end)
        local joiner = spawn(function()
            joinee:join()
            log[#log + 1] = "joiner"
        end)
        local other = spawn(function()
            yield()
            log[#log + 1] = "other"
        end)
        joiner:join()
        other:join()
        assert.same({ "joiner", "other" }, log)
    end)

    it("is legal once, and not from inside", function()
        local f = spawn(function() end)
        assert.is_true(f.joinable)
        f:join()
        assert.is_false(f.joinable)
        assert_raises(generic "EINVAL", f.join, f)
        assert_raises(generic "EINVAL", f.detach, f)
        local own
        own = spawn(function() assert_raises(generic "EDEADLK", own.join, own) end)
        own:join()
    end)

    it("is refused while another fiber joins", function()
        local f = spawn(function() time.sleep(0.01) end)
        local first = spawn(function() f:join() end)
        yield()
        assert.is_false(f.joinable)
        assert_raises(generic "EINVAL", f.join, f)
        first:join()
    end)

    it("leaves the fiber joinable when the joiner is canceled", function()
        local f = spawn(function()
            time.sleep(0.01)
            return "late"
        end)
        local joiner = spawn(function() f:join() end)
        yield()
        joiner:cancel()
        joiner:join()
        assert.is_true(joiner.cancellation_caught)
        assert.is_true(f.joinable)
        assert.equal("late", f:join())
    end)
end)

describe("the handle of a fiber that has ended", function()
    it("does not reach the fiber that runs on the same record now", function()
        local old = spawn(function() end)
        yield()
        local fresh = spawn(function()
            yield()
            return "result"
        end)
        old:cancel()
        assert.is_true(old.joinable)
        assert.equal(0, select("#", old:join()))
        assert.is_false(old.cancellation_caught)
        assert.is_false(old.joinable)
        assert.equal("result", fresh:join())
    end)

    it("can be detached, however it ended, and is not joinable then", function()
        for _, f in ipairs { function() end, function() return 1 end, yield } do
            local handle = spawn(f)
            if f == yield then handle:cancel() end
            yield()
            yield()
            handle:detach()
            assert.is_false(handle.joinable)
            assert_raises(generic "EINVAL", handle.join, handle)
        end
    end)

    it("keeps the results while other fibers run", function()
        local handles = {}
        for i = 1, 10 do
            handles[i] = spawn(function() return i, nil end)
            yield()
        end
        for i = 1, 10 do
            assert.same({ i, nil, "end" }, { append("end", handles[i]:join()) })
        end
    end)
end)

describe("cancellation", function()
    it("ends a sleep at once, and join returns nothing", function()
        local f = spawn(function() time.sleep(1000) end)
        yield()
        f:cancel()
        assert.equal(0, select("#", f:join()))
        assert.is_true(f.cancellation_caught)
    end)

    it("ends a sleep that has only just begun", function()
        local f = spawn(function() time.sleep(1000) end)
        spawn(function() f:cancel() end):detach()
        f:join()
        assert.is_true(f.cancellation_caught)
    end)

    it("is sticky: every later cancellation point raises again", function()
        local count = 0
        local f = spawn(function()
            for _ = 1, 3 do
                local ok, err = pcall(yield)
                if not ok and error_.is_core(err, "fiber_canceled") then count = count + 1 end
            end
        end)
        f:cancel()
        f:join()
        assert.equal(3, count)
        assert.is_false(f.cancellation_caught)
    end)

    it("lets a canceled fiber run up to its first cancellation point", function()
        local started, finished = false, false
        local f = spawn(function()
            started = true
            yield()
            finished = true
        end)
        f:cancel()
        f:join()
        assert.is_true(started and not finished)
    end)

    it("raises out of fiber.pcall before it runs its function, so that retry loops end", function()
        local tries = 0
        local f = spawn(function()
            local ok = false
            while not ok do
                ok = fiber.pcall(function()
                    tries = tries + 1
                    time.sleep(1000)
                end)
            end
        end)
        yield()
        f:cancel()
        f:join()
        assert.is_true(f.cancellation_caught)
        assert.equal(1, tries)
    end)

    it("waits while it is disabled, counted", function()
        local reached = false
        local f = spawn(function()
            this_fiber.disable_cancellation()
            this_fiber.disable_cancellation()
            time.sleep(0.002)
            this_fiber.restore_cancellation()
            time.sleep(0.002)
            this_fiber.restore_cancellation()
            reached = true
            yield()
        end)
        yield()
        f:cancel()
        f:join()
        assert.is_true(reached and f.cancellation_caught)
        assert_raises(core "cancellation_already_allowed", this_fiber.restore_cancellation)
    end)

    it("may be read only after join", function()
        local f = spawn(function() end)
        assert_raises(generic "EINVAL", function() return f.cancellation_caught end)
        f:detach()
        assert_raises(generic "EINVAL", function() return f.cancellation_caught end)
        yield()
    end)

    it("of a fiber that has ended does nothing", function()
        local f = spawn(function() return 7 end)
        yield()
        f:cancel()
        assert.equal(7, f:join())
        f:cancel()
    end)
end)

describe("forbid_suspend", function()
    it("makes every suspending call raise, even one that would not block", function()
        this_fiber.forbid_suspend()
        this_fiber.forbid_suspend()
        assert_raises(core "forbid_suspend_block", yield)
        this_fiber.allow_suspend()
        assert_raises(core "forbid_suspend_block", time.sleep, 0)
        this_fiber.allow_suspend()
        assert_raises(core "suspension_already_allowed", this_fiber.allow_suspend)
        yield()
    end)

    it("is checked before cancellation", function()
        local f = spawn(function()
            this_fiber.forbid_suspend()
            assert_raises(core "forbid_suspend_block", yield)
        end)
        f:cancel()
        f:join()
    end)
end)

describe("this_fiber", function()
    it("tells the main fiber, has storage of its own and a stable id", function()
        assert.is_true(this_fiber.is_main)
        this_fiber.local_.x = 1
        local id = this_fiber.id
        local f = spawn(function()
            assert.is_false(this_fiber.is_main)
            assert.is_nil(this_fiber.local_.x)
            this_fiber.local_.x = 2
            local own = this_fiber.id
            yield()
            assert.equal(own, this_fiber.id)
            return own
        end)
        assert.not_equal(id, f:join())
        assert.equal(1, this_fiber.local_.x)
        this_fiber.local_.x = nil
    end)

    it("has no other keys and takes none", function()
        assert_raises(core "bad_index", function() return this_fiber.nonsense end)
        assert_raises(generic "EPERM", function() this_fiber.x = 1 end)
        local f = spawn(function() end)
        assert_raises(core "bad_index", function() return f.nonsense end)
        assert_raises(generic "EPERM", function() f.x = 1 end)
        f:join()
    end)
end)

describe("a suspending call that cannot suspend", function()
    it("inside a plain coroutine raises an error of our own and loses nothing", function()
        local f = spawn(function()
            local co = coroutine.create(function() time.sleep(0.001) end)
            coroutine.resume(co)
            assert_raises(core "unsuspendable_frame", yield)
            yield()
            return "went on"
        end)
        assert.equal("went on", f:join())
    end)

    it("below a C function raises an error of our own", function()
        local f = spawn(function()
            table.sort({ 3, 2, 1 }, function(a, b)
                yield()
                return a < b
            end)
        end)
        local ok, err = pcall(f.join, f)
        assert.is_false(ok)
        assert.is_truthy(error_.is_core(err, "unsuspendable_frame") or tostring(err):find "C%-call boundary")
    end)
end)

describe("coroutines inside fibers", function()
    local co = fiber.coroutine

    it("refuse bad arguments at the caller's line, naming the function", function()
        for _, case in ipairs {
            { "create", "function" },
            { "wrap", "function" },
            { "resume", "coroutine" },
            { "status", "coroutine" },
        } do
            local ok, err = pcall(function() co[case[1]](3) end)
            assert.is_false(ok)
            assert.matches(
                "^tests/fiber_spec.lua:%d+: bad argument #1 to '" .. case[1] .. "' %(" .. case[2] .. " expected%)$",
                err
            )
        end
    end)

    it("suspend the fiber and not the resume", function()
        local log = {}
        local f = spawn(function()
            local generator = co.wrap(function()
                for i = 1, 3 do
                    time.sleep(0.001)
                    co.yield(i)
                end
            end)
            local other = spawn(function() log[#log + 1] = "other ran" end)
            local sum = generator() + generator() + generator()
            other:join()
            return sum
        end)
        assert.equal(6, f:join())
        assert.same({ "other ran" }, log)
    end)

    it("nest, also through pcall and metamethods", function()
        local f = spawn(function()
            local t = setmetatable({}, {
                __index = function(_, key)
                    time.sleep(0.001)
                    return key .. "!"
                end,
            })
            local outer = co.wrap(function()
                local inner = co.wrap(function()
                    local _, value = fiber.pcall(function() return t.deep end)
                    co.yield(value)
                end)
                co.yield(inner())
            end)
            return outer()
        end)
        assert.equal("deep!", f:join())
    end)

    it("keep yield out of a fiber's own body, and know whether one runs", function()
        local f = spawn(function()
            assert.is_nil(co.running())
            assert_raises(core "bad_coroutine", co.yield)
            local c
            c = co.create(function() return co.running() == c end)
            return select(2, co.resume(c))
        end)
        assert.is_true(f:join())
    end)

    it("are normal, and not resumable by others, while their fiber is suspended inside", function()
        local c = co.create(function() time.sleep(0.005) end)
        local f = spawn(function() assert(co.resume(c)) end)
        yield()
        local g = spawn(function()
            assert.equal("normal", co.status(c))
            assert_raises(generic "EPERM", co.resume, c)
        end)
        g:join()
        f:join()
        assert.equal("dead", co.status(c))
    end)
end)

describe("run", function()
    it("returns when all fibers have ended", function()
        local count = 0
        local ok = fiber.run(function()
            for i = 1, 5 do
                spawn(function()
                    time.sleep(i / 1000)
                    count = count + 1
                end):detach()
            end
        end)
        assert.is_true(ok)
        assert.equal(5, count)
    end)

    it("keeps nothing alive of a fiber that has ended", function()
        local kept = setmetatable({}, { __mode = "k" })
        local function begin(object)
            kept[object] = true
            spawn(function() return object and nil end):join()
        end
        for _ = 1, 20 do
            begin {}
        end
        collect()
        local survivors = 0
        for _ in pairs(kept) do
            survivors = survivors + 1
        end
        -- One may still lie in a slot of a stack that nobody has overwritten.
        assert.is_true(survivors <= 1, survivors .. " of 20")
    end)

    it("hands back the error of the main fiber with its traceback", function()
        local ok, err, traceback = fiber.run(function() error("main died", 0) end)
        assert.is_false(ok)
        assert.equal("main died", err)
        assert.is_truthy(traceback:find "fiber_spec")
    end)

    it("reports main's wait that nothing can end as a deadlock", function()
        local f = spawn(function() fiber.this_fiber.yield() end)
        f:join()
        local ok, err = pcall(function()
            local never
            never = spawn(function()
                local me = never
                never = nil
                return me
            end)
            never:join()
            require("ljos.loop").suspend(require("ljos.loop").main, { describe_wait = function() return "nothing" end })
        end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "deadlock"))
    end)
end)
