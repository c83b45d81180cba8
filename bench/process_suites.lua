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
            contenders[engine] = program("env LJOS_ENGINE=" .. engine .. " ")
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
            function(run) return cost_of(run .. "luajit bench/programs/spawn.lua 500") end
        )
    end

    function suites.actor()
        local function cost_of_actor(kind)
            return function(run) return cost_of(run .. "bin/ljos bench/programs/actor.lua " .. kind) end
        end
        measure.heading "Actors: a number to an actor's process and back, CPU of ours / of C over SOCK_SEQPACKET"
        compare("there and back", 1.4, cost_of "target/bench/seqpacket", cost_of_actor "process")
        measure.heading "Actors: a number to an actor's thread and back, CPU of ours / of C with a mutex and eventfds"
        compare("there and back", 1.4, cost_of "target/bench/thread_pingpong", cost_of_actor "thread")
    end

    function suites.syscall()
        measure.heading "System calls: CPU through ljos.syscall / through ffi.C"
        for _, call in ipairs { "getppid", "read", "stat" } do
            for mode, bar in pairs { [""] = 1.05, ["-joff "] = 1.5 } do
                local program = "luajit " .. mode .. "bench/programs/syscall.lua " .. call
                local cost = measure.in_turns { ours = cost_of(program .. " ours"), ffi = cost_of(program .. " ffi") }
                local note = ("%.0f ns, %.0f ns"):format(cost.ours * 1e9, cost.ffi * 1e9)
                local name = call .. (mode == "" and ", compiled" or ", interpreted")
                measure.report(name, cost.ours / cost.ffi, "<=", bar, note)
            end
        end
    end

    return suites
end
