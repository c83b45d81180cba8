local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local ip = require "ljos.ip"
local mock_loop = require "ljos.mock_loop"
local operation = require "ljos.loop.operation"
local pipe = require "ljos.pipe"
local raises = require "raises"
local task_group = require "ljos.task_group"
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

describe("mock_loop", function()
    it("leaps over waits: a year takes no time, in the right order", function()
        local began, log = os.time(), {}
        local seconds = mock_loop.run({}, function()
            local before = time.steady_clock.now()
            local day_before = time.system_clock.now()
            local fibers = {}
            for i, days in ipairs { 365, 1, 30 } do
                fibers[i] = spawn(function()
                    time.sleep(days * 86400)
                    log[#log + 1] = days
                end)
            end
            for i = 1, 3 do
                fibers[i]:join()
            end
            assert.is_true(math.abs((time.system_clock.now() - day_before) - 365 * 86400) < 1)
            return time.steady_clock.now() - before
        end)
        assert.same({ 1, 30, 365 }, log)
        assert.is_true(math.abs(seconds - 365 * 86400) < 1)
        assert.is_true(os.time() - began < 60)
        time.sleep(0.001)
    end)

    it("makes deadlines exact", function()
        mock_loop.run({}, function()
            local before = time.steady_clock.now()
            local err = raises.raised(timeout, 60, time.sleep, 3600)
            assert.equal(error_.system "ETIMEDOUT", err)
            assert.is_true(math.abs(time.steady_clock.now() - before - 60) < 1e-3)
        end)
    end)

    it("runs ready fibers in an order that the seed decides", function()
        local function order(seed)
            local log = {}
            mock_loop.run({ seed = seed }, function()
                local fibers = {}
                for i = 1, 8 do
                    fibers[i] = spawn(function()
                        yield()
                        log[#log + 1] = i
                    end)
                end
                for i = 1, 8 do
                    fibers[i]:join()
                end
            end)
            return table.concat(log)
        end
        assert.equal(order(1), order(1))
        local different = 0
        for seed = 2, 10 do
            if order(seed) ~= order(1) then different = different + 1 end
        end
        assert.is_true(different > 5)
    end)

    it("complains about descriptors that are not closed, with their place", function()
        local acceptor
        local message = raises.raised(mock_loop.run, {}, function()
            acceptor = ip.tcp.listen "127.0.0.1:0"
            ip.tcp.listen("127.0.0.1:0"):close()
        end)
        acceptor:close()
        local left = "^left behind: 0 fibers, 0 operations in flight, 0 timers, descriptors:\n"
        assert.matches(left .. "fd %d+  ip.tcp.acceptor  opened at tests/mock_loop_spec.lua:%d+ by", message)
        mock_loop.run({}, function() ip.tcp.listen "127.0.0.1:0" end)
    end)

    -- A thousand operations that end at once on one descriptor, with `options`.
    local function poll_many(options, count)
        local done = 0
        mock_loop.run(options, function()
            local reader, writer = pipe.pair()
            local fibers = {}
            for i = 1, count do
                fibers[i] = spawn(function()
                    assert.is_true(operation.poll(reader, 1, "poll") > 0)
                    done = done + 1
                end)
            end
            yield()
            writer:write_some(byte_span.append "x")
            for i = 1, count do
                fibers[i]:join()
            end
            reader:close()
            writer:close()
        end)
        return done
    end

    it(
        "loses nothing when the completion queue runs over",
        function() assert.equal(20000, poll_many({ completions = 3 }, 20000)) end
    )

    it("loses nothing when signals interrupt the waits", function()
        assert.equal(100, poll_many({ seed = 5, interruptions = 0.9, completions = 1 }, 100))
        mock_loop.run({ seed = 6, interruptions = 0.9 }, function()
            local before = time.steady_clock.now()
            time.sleep(3600)
            assert.is_true(math.abs(time.steady_clock.now() - before - 3600) < 1)
        end)
        raises.generic("EINVAL", mock_loop.run, { interruptions = "x" }, print)
    end)

    describe("with scopes", function()
        local scope = fiber.scope

        local function complains(pattern, f)
            local ok, message = pcall(mock_loop.run, { scopes = true }, function()
                local passed, err = pcall(f)
                time.sleep(10) -- what was left ends, so that only the scope complains
                if not passed then error(err, 0) end
            end)
            assert.is_false(ok)
            assert.matches(pattern, message)
        end

        it("complains about a fiber that outlives the scope in which it was spawned", function()
            complains(
                "^left behind by the scope at tests/mock_loop_spec.lua:%d+:\nFiber 0x%x+  sleep, 5.000 s left$",
                function()
                    scope(function()
                        spawn(function() time.sleep(5) end):detach()
                        yield()
                    end)
                end
            )
        end)

        it("complains about a descriptor that a fiber of a task group leaves open", function()
            local reader, writer
            complains("^left behind by the scope at tests/mock_loop_spec.lua:%d+:\nfd %d+.-\nfd %d+[^\n]*$", function()
                task_group.run(function(group)
                    group:spawn(function()
                        scope(yield)
                        reader, writer = pipe.pair()
                    end)
                end)
                reader:close()
                writer:close()
            end)
            reader:close()
            writer:close()
        end)

        it("lets scopes be that leave nothing, beside fibers that belong to others", function()
            mock_loop.run({ scopes = true }, function()
                local reader, writer = pipe.pair()
                local other = spawn(function()
                    scope(function() time.sleep(5) end)
                end)
                scope(function()
                    spawn(yield):join()
                    scope(function()
                        local a, b = pipe.pair()
                        a:close()
                        b:close()
                    end)
                end)
                local _, err = pcall(scope, function()
                    spawn(function() time.sleep(1) end):detach()
                    error("its own error", 0)
                end)
                assert.equal("its own error", err)
                other:join()
                reader:close()
                writer:close()
            end)
            scope(function() spawn(yield):detach() end)
            yield()
            yield()
        end)
    end)

    it("complains about what is left behind, and about errors with the seed", function()
        local left
        local message = raises.raised(mock_loop.run, {}, function()
            left = spawn(function() time.sleep(1000) end)
            yield()
        end)
        assert.matches("^left behind: 1 fibers, 0 operations in flight, 1 timers\n", message)
        left:cancel()
        left:join()
        assert.matches("mine %(seed 7%)$", raises.raised(mock_loop.run, { seed = 7 }, function() error("mine", 0) end))
        raises.generic("EINVAL", mock_loop.run, { seed = "x" }, print)
        raises.generic("EINVAL", mock_loop.run, {})
        spawn(function() raises.generic("EBUSY", mock_loop.run, {}, print) end):join()
    end)

    it("cuts transfers short, and cancels operations behind the program's back, without losing a byte", function()
        local tcp, address = ip.tcp, ip.address
        local total, shorts, aborted = 2000, 0, 0
        mock_loop.run({ seed = 3, short_transfers = 0.5, cancellations = 0.2 }, function()
            local acceptor = tcp.acceptor.new()
            acceptor:open "v4"
            acceptor:bind(address.loopback_v4(), 0)
            acceptor:listen()
            local function again(f, ...)
                while true do
                    local ok, res = pcall(f, ...)
                    if ok then return res end
                    if res ~= error_.system "ECANCELED" then error(res, 0) end
                    aborted = aborted + 1
                end
            end
            local server = spawn(function()
                local peer = again(acceptor.accept, acceptor)
                local sent, buffer = 0, byte_span.new(100)
                while sent < total do
                    for i = 1, 100 do
                        buffer[i] = (sent + i) % 256
                    end
                    local n = again(peer.write_some, peer, buffer)
                    assert.equal(100, #buffer)
                    if n < 100 then shorts = shorts + 1 end
                    sent = sent + n
                end
                peer:close()
            end)
            local client = tcp.socket.new()
            client:open "v4"
            client:connect(address.loopback_v4(), acceptor.local_port)
            local got, buffer = 0, byte_span.new(64)
            while got < total do
                local n = again(client.read_some, client, buffer)
                for i = 1, n do
                    assert.equal((got + i) % 256, buffer[i])
                end
                got = got + n
            end
            client:close()
            acceptor:close()
            server:join()
        end)
        assert.is_true(shorts > 0 and aborted >= 0)
    end)
end)
