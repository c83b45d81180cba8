-- Happy Eyeballs in virtual time: questions and attempts are sleeps, so that every moment is exact.
local address = require "ljos.ip.address"
local asio_error = require "ljos.asio_error"
local dial = require "ljos.ip.tcp.dial"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local mock_loop = require "ljos.mock_loop"
local raised = require("raises").raised
local time = require "ljos.time"
local timeout = require "ljos.timeout"

local NEVER = 1e6
local refused = error_.system "ECONNREFUSED"

-- A question that is answered after so many seconds: with the addresses of a text, or with an error.
local function question(seconds, answer)
    return function()
        time.sleep(seconds)
        if type(answer) ~= "string" then error(answer, 0) end
        local list = {}
        for text in answer:gmatch "%S+" do
            list[#list + 1] = { address = address.new(text), port = 1 }
        end
        return list
    end
end

-- A connector that logs when it tries what; `outcomes` has seconds until success, negative ones until a failure.
local function connector(outcomes)
    local began, log, sockets = time.steady_clock.now(), {}, { open = 0 }
    local function connect(endpoint)
        local text = tostring(endpoint.address)
        local at = math.floor((time.steady_clock.now() - began) * 1000 + 0.5)
        log[#log + 1] = ("%d %s"):format(at, text)
        local outcome = outcomes[text] or NEVER
        time.sleep(math.abs(outcome))
        if outcome < 0 then error(error_.system("ECONNREFUSED", { detail = text }), 0) end
        sockets.open = sockets.open + 1
        return { peer = text, close = function() sockets.open = sockets.open - 1 end }
    end
    return connect, log, sockets
end

-- Dials in virtual time, with a question for both families before the others if there is one; returns the peer or the
-- error, and the log of attempts. Nothing else may be left connected.
local function race(v6, v4, outcomes, all)
    return mock_loop.run({}, function()
        local connect, log, sockets = connector(outcomes)
        local ok, result = pcall(dial.by_name, v6, v4, connect, all)
        assert.equal(ok and 1 or 0, sockets.open)
        return ok and result.peer or result, table.concat(log, ", ")
    end)
end

local function expect(peer, log, ...) assert.same({ peer, log }, { race(...) }) end

describe("dialing a name", function()
    it(
        "asks for both families at once and goes ahead with IPv6's answer, without waiting for IPv4's",
        function() expect("::1", "20 ::1", question(0.02, "::1"), question(NEVER, ""), { ["::1"] = 0.01 }) end
    )

    it("gives IPv6 a twentieth of a second where IPv4's answer is first", function()
        local outcomes = { ["::1"] = 0.01, ["127.0.0.1"] = 0.01 }
        expect("::1", "40 ::1", question(0.04, "::1"), question(0.01, "127.0.0.1"), outcomes)
        expect("127.0.0.1", "60 127.0.0.1", question(NEVER, ""), question(0.01, "127.0.0.1"), outcomes)
    end)

    it("does not wait for IPv6 once it is known that there is none", function()
        local none = asio_error.netdb.host_not_found
        expect("127.0.0.1", "30 127.0.0.1", question(0.03, none), question(0.01, "127.0.0.1"), { ["127.0.0.1"] = 0.1 })
        expect("127.0.0.1", "30 127.0.0.1", question(0.01, none), question(0.03, "127.0.0.1"), { ["127.0.0.1"] = 0.1 })
    end)

    it("puts an answer that comes late into the queue", function()
        expect(
            "::1",
            "50 127.0.0.1, 300 ::1",
            question(0.1, "::1 ::2"),
            question(0, "127.0.0.1 127.0.0.2"),
            { ["::1"] = 0.01 }
        )
        expect(
            "127.0.0.1",
            "0 ::1, 250 ::2, 700 127.0.0.1",
            question(0, "::1 ::2"),
            question(0.7, "127.0.0.1"),
            { ["127.0.0.1"] = 0.01 }
        )
    end)

    it(
        "alternates the families, a quarter of a second apart",
        function()
            expect(
                "::3",
                "0 ::1, 250 127.0.0.1, 500 ::2, 750 127.0.0.2, 1000 ::3",
                question(0, "::1 ::2 ::3 ::4"),
                question(0, "127.0.0.1 127.0.0.2"),
                { ["::3"] = 0.2 }
            )
        end
    )

    it(
        "goes on at once when the newest attempt fails, and not when an older one does",
        function()
            expect(
                "127.0.0.2",
                "0 ::1, 100 127.0.0.1, 350 ::2, 450 127.0.0.2",
                question(0, "::1 ::2"),
                question(0, "127.0.0.1 127.0.0.2"),
                { ["::1"] = -0.1, ["127.0.0.1"] = -0.3, ["::2"] = -0.1, ["127.0.0.2"] = 0.01 }
            )
        end
    )

    it(
        "takes the attempt that is first, though it began earlier, and closes what connects at the same time",
        function()
            expect(
                "::1",
                "0 ::1, 250 127.0.0.1",
                question(0, "::1"),
                question(0, "127.0.0.1"),
                { ["::1"] = 0.3, ["127.0.0.1"] = 0.05 }
            )
        end
    )

    it("asks for one family alone only where the question for both is slow", function()
        local asked = 0
        local function alone(seconds, answer)
            local ask = question(seconds, answer)
            return function()
                asked = asked + 1
                return ask()
            end
        end
        local outcomes = { ["::1"] = 0.1, ["127.0.0.1"] = 0.1 }
        local both = "127.0.0.1 ::1"
        local v6, v4 = alone(NEVER, ""), alone(NEVER, "")
        expect("::1", "10 ::1", v6, v4, outcomes, question(0.01, both))
        expect(
            error_.system "ECONNREFUSED",
            "10 127.0.0.1",
            v6,
            v4,
            { ["127.0.0.1"] = -0.01 },
            question(0.01, "127.0.0.1")
        )
        local none = asio_error.netdb.host_not_found
        expect(none, "", v6, v4, {}, question(0.01, none))
        assert.equal(0, asked)
        -- A name server that keeps silent about AAAA: 0.05 s, its answer, 0.05 s for IPv6.
        expect("127.0.0.1", "110 127.0.0.1", v6, alone(0.01, "127.0.0.1"), outcomes, question(NEVER, ""))
        expect("::1", "60 ::1", alone(0.01, "::1"), v4, outcomes, question(NEVER, ""))
        assert.equal(4, asked)
        -- Each address is tried once, whoever told it.
        local refuse = { ["::1"] = -0.01, ["127.0.0.1"] = -0.01 }
        v4 = alone(0.01, "127.0.0.1")
        expect(error_.system "ECONNREFUSED", "110 127.0.0.1, 200 ::1", v6, v4, refuse, question(0.2, both))
    end)

    it("raises the failure that was last, or that of the questions", function()
        local v6, v4 = question(0, "::1"), question(0, "127.0.0.1")
        local err = race(v6, v4, { ["::1"] = -1, ["127.0.0.1"] = -0.2 })
        assert.equal(refused, err)
        assert.equal("::1", err.detail)
        local none, again = asio_error.netdb.host_not_found, asio_error.netdb.host_not_found_try_again
        assert.equal(none, race(question(0, none), question(0, none), {}))
        assert.equal(again, race(question(0, again), question(0.1, none), {}))
        assert.equal(again, race(question(0.1, none), question(0, again), {}))
        assert.equal(refused, race(v6, question(3, again), { ["::1"] = -0.1 }))
    end)

    it("has one deadline for the questions and the attempts", function()
        mock_loop.run({}, function()
            local connect, log, sockets = connector {}
            local v6, v4 = question(NEVER, ""), question(1, "127.0.0.1 127.0.0.2")
            local began = time.steady_clock.now()
            assert.is_true(raised(timeout.run, 1.2, dial.by_name, v6, v4, connect).ETIMEDOUT)
            assert.is_true(math.abs(time.steady_clock.now() - began - 1.2) < 1e-3)
            assert.same({ "1050 127.0.0.1" }, log)
            assert.equal(0, sockets.open)
        end)
    end)

    it("leaves nothing behind when it is canceled at any moment", function()
        for moment = 0, 0.6, 0.025 do
            mock_loop.run({}, function()
                local connect, _, sockets = connector { ["::1"] = 0.3, ["127.0.0.1"] = 0.05 }
                local f = fiber.spawn(
                    function() return dial.by_name(question(0.1, "::1"), question(0.2, "127.0.0.1"), connect) end
                )
                time.sleep(moment)
                f:cancel()
                local socket = f:join()
                assert.equal(socket and 1 or 0, sockets.open)
                assert.equal(not socket, f.cancellation_caught)
            end)
        end
    end)
end)

describe("dialing endpoints", function()
    it("alternates the families, beginning with IPv6, and keeps each one's order", function()
        local function order(text)
            return mock_loop.run({}, function()
                local connect, log = connector {}
                pcall(timeout.run, 2, dial.by_endpoints, question(0, text)(), connect)
                return (table.concat(log, " "):gsub("%d+ ([%x:.]+)", "%1"))
            end)
        end
        assert.equal("::1 127.0.0.1 ::2 127.0.0.2 ::3", order "::1 ::2 ::3 127.0.0.1 127.0.0.2")
        assert.equal("::1 127.0.0.1 127.0.0.2", order "127.0.0.1 127.0.0.2 ::1")
        assert.equal("127.0.0.1 127.0.0.2", order "127.0.0.1 127.0.0.2")
        assert.equal("127.0.0.1", order "127.0.0.1")
    end)
end)
