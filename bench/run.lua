-- Runs the benchmarks named on the command line, or all. Started by bench/run.sh.
local measure = require "measure"

local ENGINES = { "io_uring", "epoll" }
if os.execute "luajit tools/has_io_uring.lua" ~= 0 then
    print "io_uring is forbidden here: epoll alone, and no C reference that needs a ring"
    ENGINES = { "epoll" }
end

local suites = {}

-- Every run takes an address of its own: a server killed in the middle gives its port back late.
local last = 20000 + os.time() % 12000 -- below the ports that the kernel gives away
local function next_port()
    last = last + 1
    return last
end
local function next_path()
    last = last + 1
    return ("/tmp/ljos-bench-%d.socket"):format(last)
end

local function next_udp_port() return "udp:" .. next_port() end

-- Returns the server's CPU seconds per request and notes the requests per second.
local function echo(server, connections, address, slots, rates)
    local command = ("target/bench/echo_load %d %d %g %s %s %s %s"):format(
        measure.cpu,
        connections,
        measure.seconds,
        address,
        server,
        address,
        slots or ""
    )
    local requests, seconds, cpu = measure.numbers(command)
    os.remove(tostring(address))
    rates[#rates + 1] = requests / seconds
    return cpu / requests
end

-- `slots` is how many operations the servers keep in flight, by number of connections; nil where that is theirs to say.
local function echo_suite(kind, program, next_address, slots, bars)
    local heading = "%s echo, 64 B, server and load on one processor: CPU of the C server / CPU of ours, per request"
    measure.heading(heading:format(kind))
    for _, connections in ipairs(slots and { 1, 50 } or { 1, 50, 500 }) do
        local contenders, rates = {}, { c = {}, io_uring = {}, epoll = {} }
        local in_flight = slots and slots[connections]
        local function contender(server, name)
            contenders[name] = function() return echo(server, connections, next_address(), in_flight, rates[name]) end
        end
        contender("target/bench/" .. program, "c")
        for _, engine in ipairs(ENGINES) do
            contender(("env LJOS_ENGINE=%s luajit bench/programs/%s.lua"):format(engine, program), engine)
        end
        local cost = measure.in_turns(contenders)
        local c_rate = measure.median(rates.c)
        for _, engine in ipairs(ENGINES) do
            local rate = measure.median(rates[engine])
            local note = ("%.1f us, C %.1f us; requests/s %.0f, %.2f of C"):format(
                cost[engine] * 1e6,
                cost.c * 1e6,
                rate,
                rate / c_rate
            )
            local name = ("%d connections, %s"):format(connections, engine)
            local bar = bars[engine] and bars[engine][connections]
            measure.report(name, cost.c / cost[engine], bar and ">=", bar, note)
        end
    end
end

function suites.echo()
    echo_suite("TCP", "echo_server", next_port, nil, {
        io_uring = { [1] = 0.88, [50] = 0.85, [500] = 0.90 },
        epoll = { [1] = 0.80, [50] = 0.75, [500] = 0.80 },
    })
    echo_suite("UNIX stream", "echo_server", next_path, nil, { io_uring = { [1] = 0.85, [50] = 0.85, [500] = 0.85 } })
end

function suites.udp()
    -- So many as make the C server the fastest.
    local slots = { [1] = 1, [50] = 16 }
    local bars = { [1] = 0.85, [50] = 0.85 }
    echo_suite("UDP", "udp_echo_server", next_udp_port, slots, { io_uring = bars })
end

function suites.tls()
    measure.heading "TLS 1.3, server and load on one processor: CPU of a C server with OpenSSL / CPU of ours"
    if os.execute "test -x target/bench/tls_load" ~= 0 then
        print "  OpenSSL's headers are not there (Debian: libssl-dev)"
        return
    end
    local rows = {
        { "echo, 64 B, 1 connection", "echo", 1, "us" },
        { "echo, 64 B, 50 connections", "echo", 50, "us" },
        { "receiving, 1 connection", "sink", 1, "us per MB" },
        { "sending, 1 connection", "source", 1, "us per MB" },
    }
    for _, row in ipairs(rows) do
        local name, mode, connections, unit = unpack(row)
        local function contender(server)
            return function()
                local load = "target/bench/tls_load %d %d %g %d %s %s %d %s tests/tls/certificates"
                local port = next_port()
                local command = load:format(measure.cpu, connections, measure.seconds, port, mode, server, port, mode)
                local requests, _, used = measure.numbers(command)
                return used / requests
            end
        end
        local contenders = { c = contender "target/bench/tls_server" }
        for _, engine in ipairs(ENGINES) do
            contenders[engine] = contender(("env LJOS_ENGINE=%s luajit bench/programs/tls_server.lua"):format(engine))
        end
        local cost = measure.in_turns(contenders)
        for _, engine in ipairs(ENGINES) do
            local note = ("%.1f %s, C %.1f"):format(cost[engine] * 1e6, unit, cost.c * 1e6)
            measure.report(name .. ", " .. engine, cost.c / cost[engine], ">=", 0.75, note)
        end
    end
end

local function fiber(mode)
    return function() return (measure.pinned("luajit bench/programs/fiber.lua " .. mode)) end
end

function suites.fiber()
    measure.heading "Fibers, nanoseconds of CPU"
    local cost = measure.in_turns {
        switch = fiber "switch",
        bare_switch = fiber "bare_switch",
        spawn = fiber "spawn",
        sleep = fiber "sleep",
        timers = fiber "timers",
        sleepers = fiber "sleepers",
        dump = fiber "dump",
    }
    measure.report("a bare coroutine's resume and yield", cost.bare_switch)
    measure.report("switch", cost.switch, "<=", 50)
    measure.report("switch / bare switch", cost.switch / cost.bare_switch, "<=", 1.5)
    measure.report("spawn, yield, finish", cost.spawn, "<=", 150)
    measure.report("sleep", cost.sleep, "<=", 150)
    measure.report("100,000 timers, each to add and expire", cost.timers, "<=", 150)
    measure.report("a sleep among 100,000 sleeping fibers", cost.sleepers)
    measure.report("fiber.dump() of 10,000 fibers, milliseconds", cost.dump, "<=", 100)
    local heap, resident = measure.pinned "luajit bench/programs/fiber.lua idle"
    measure.report("bytes of heap per idle fiber", heap, "<=", 900, ("%.0f of the process"):format(resident))
end

-- A file of random bytes that stays in the page cache.
local function blocks_file()
    local path = "target/bench/blocks"
    local command = "test -e %s || head -c 67108864 /dev/urandom >%s; cat %s >/dev/null"
    os.execute((command:gsub("%%s", path)))
    return path
end

function suites.file()
    measure.heading "File reads, 4 KiB blocks in the page cache: reads per second / those of C"
    local path = blocks_file()
    local bars = { [1] = 0.95, [64] = 0.85 }
    for _, depth in ipairs { 1, 64 } do
        local function reader(program)
            return function()
                local command = ("%s %s %d %g"):format(program, path, depth, measure.seconds)
                local reads, seconds = measure.pinned(command)
                return reads / seconds
            end
        end
        local contenders = { c = reader "target/bench/file_read" }
        for _, engine in ipairs(ENGINES) do
            contenders[engine] = reader("env LJOS_ENGINE=" .. engine .. " luajit bench/programs/file_read.lua")
        end
        local rate = measure.in_turns(contenders)
        for _, engine in ipairs(ENGINES) do
            local name = ("depth %d, %s"):format(depth, engine)
            local bar = engine == "io_uring" and bars[depth] or nil
            measure.report(name, rate[engine] / rate.c, bar and ">=", bar, ("%.0f/s"):format(rate[engine]))
        end
    end
end

-- Lines of about 80 bytes; the third field is a number.
local function lines_file()
    local path, count = "target/bench/lines", measure.quick and 2000000 or 5000000
    local program = [[BEGIN { srand(1); for (i = 0; i < N; i++)
        printf "%07d host%03d %9.2f GET /some/path/of/a/page HTTP/1.1 200 ok, it is %d\n",
            i, rand() * 1000, rand() * 100000, 1000 + i % 9000 }]]
    assert(0 == os.execute(("mawk -v N=%d '%s' >%s"):format(count, program, path)))
    return path
end

-- What `command` prints; the numbers of two programs must be the same before their times mean anything.
local function answer(command)
    local pipe = assert(io.popen(command))
    local number = pipe:read "*n"
    pipe:close()
    return number
end

function suites.scanner()
    measure.heading "Scanner, lines of 80 bytes: CPU time of the reference / CPU time of ours"
    local path = lines_file()
    local ours = "luajit bench/programs/scan.lua "
    local mawk_sum = [[mawk '{s+=$3}END{printf "%.2f\n", s}' ]]
    local rows = {
        { "get_line / mawk 'END{print NR}'", ours .. "count " .. path, "mawk 'END{print NR}' " .. path, 0.45 },
        { "fields / mawk '{s+=$3}'", ours .. "fields " .. path, mawk_sum .. path, 0.5 },
        { "the same through tostring", ours .. "strings " .. path, mawk_sum .. path },
        { "bulk sum / C with SIMD", ours .. "bulk " .. path, "target/bench/column_sum " .. path, 0.85 },
    }
    for _, row in ipairs(rows) do
        local name, mine, reference, bar = unpack(row)
        local a, b = answer(mine), answer(reference)
        if not a or math.abs(a - b) > 1e-9 * math.abs(b) then error(("%s: %s is not %s"):format(name, a, b), 0) end
        local time = measure.in_turns {
            ours = function() return (measure.pinned("target/bench/cpu_time " .. mine)) end,
            reference = function() return (measure.pinned("target/bench/cpu_time " .. reference)) end,
        }
        local note = ("%.3f s, %.3f s"):format(time.ours, time.reference)
        measure.report(name, time.reference / time.ours, bar and ">=", bar, note)
    end
end

local function run(command, ...)
    if os.execute(command:format(...)) ~= 0 then error("failed: " .. command, 0) end
end

-- A tree of directories, three deep, with a hundred files in each of the lowest.
local function make_tree(path, lowest, bytes)
    local content = ("x"):rep(bytes)
    for i = 1, lowest do
        local directory = ("%s/%d/%d/%d"):format(path, i % 10, i % 100, i)
        run("mkdir -p %s", directory)
        for f = 1, 100 do
            local file = assert(io.open(directory .. "/file" .. f, "w"))
            file:write(content)
            file:close()
        end
    end
end

local function same_output(a, b)
    local sum = "$(%s | LC_ALL=C sort | md5sum)"
    run(('test "%s" = "%s"'):format(sum, sum), a, b)
end

local function cpu(...) return (measure.pinned("target/bench/cpu_time " .. string.format(...))) end

function suites.tree()
    measure.heading "Directory trees: processor time of the reference / of ours"
    -- In memory where that can be had: a disk's journal makes every other run ten times as slow.
    local place = os.execute "test -w /dev/shm" == 0 and "/dev/shm" or "target/bench"
    local base = place .. "/ljos-bench-tree"
    local large, small, copy = base .. "/large", base .. "/small", base .. "/copy"
    local ours = "luajit bench/programs/tree.lua "
    run("rm -rf %s", base)
    make_tree(large, 1000, 0)
    make_tree(small, 100, 1000)
    same_output("find " .. large, ours .. "list " .. large)
    run("%s copy %s %s && diff -r %s %s && rm -r %s", ours, small, copy, small, copy, copy)

    local rows = {
        { "recursive_directory_iterator, 100,000 / find", 0.8, "", ours .. "count " .. large, "find " .. large, "" },
        { "the same, every path printed / find", 0.8, "", ours .. "list " .. large, "find " .. large, "" },
        {
            "copy of 10,000 files / cp -r",
            0.9,
            "",
            ("%s copy %s %s"):format(ours, small, copy),
            ("cp -r %s %s"):format(small, copy),
            "rm -r " .. copy,
        },
        {
            "remove_all of 10,000 files / rm -r",
            0.9,
            ("cp -r %s %s"):format(small, copy),
            ("%s remove %s"):format(ours, copy),
            "rm -r " .. copy,
            "",
        },
    }
    for _, row in ipairs(rows) do
        local name, bar, before, mine, reference, after = unpack(row)
        local function contender(command)
            return function()
                run(before)
                local seconds = cpu(command)
                run(after)
                return seconds
            end
        end
        local time = measure.in_turns { ours = contender(mine), reference = contender(reference) }
        local note = ("%.3f s, %.3f s"):format(time.ours, time.reference)
        measure.report(name, time.reference / time.ours, ">=", bar, note)
    end
    run("rm -rf %s", base)
end

for name, suite in pairs(require "process_suites"(ENGINES)) do
    suites[name] = suite
end

local ORDER = { "echo", "udp", "tls", "fiber", "file", "scanner", "tree", "spawn", "actor", "syscall" }
local wanted = #arg > 0 and arg or ORDER
for _, name in ipairs(wanted) do
    local suite = suites[name]
    if not suite then error(("no suite %q; there are: %s"):format(name, table.concat(ORDER, ", ")), 0) end
    suite()
end
