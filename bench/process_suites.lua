--- The suites around processes and the kernel: what they start, and what the bars are.
local measure = require "measure"

---@param engines string[]  those that are allowed here
---@return table<string, fun()>
return function(engines)
    local suites = {}

    -- Reports the ratio of each engine's cost to that of C.
    local function compare(name, bar, c, program)
        local contenders = { c = c }
        for _, engine in ipairs(engines) do
            contenders[engine] = program("env LJOS_ENGINE=" .. engine .. " luajit bench/programs/")
        end
        local cost = measure.in_turns(contenders)
        for _, engine in ipairs(engines) do
            local note = ("%.1f us, C %.1f us"):format(cost[engine] * 1e6, cost.c * 1e6)
            measure.report(name .. ", " .. engine, cost[engine] / cost.c, "<=", bar, note)
        end
    end

    -- Runs a program that prints a count and the CPU seconds they took; the cost of one.
    local function cost_of(command)
        return function()
            local count, cpu = measure.pinned(("%s %g"):format(command, measure.seconds))
            return cpu / count
        end
    end

    function suites.spawn()
        measure.heading "Processes: starting /bin/true from a process of 500 MB and waiting for it, CPU of ours / of C"
        compare(
            "spawn and wait",
            1.15,
            cost_of "target/bench/spawn 500",
            function(run) return cost_of(run .. "spawn.lua 500") end
        )
    end

    function suites.actor()
        measure.heading "Actors: a number to an actor's process and back, CPU of ours / of C over SOCK_SEQPACKET"
        local function cost_of_actor(engine)
            return cost_of((engine:gsub("luajit bench/programs/$", "bin/ljos bench/programs/actor.lua")))
        end
        compare("there and back", 1.4, cost_of "target/bench/seqpacket", cost_of_actor)
    end

    return suites
end
