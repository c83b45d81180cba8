-- Every example runs, by plain luajit and by bin/ljos, and does what its first comment says.
local ljos = require "ljos"
local temporary_directory = require "temporary_directory"
local byte_span, ip = ljos.byte_span, ljos.ip

local RUNNERS = { "luajit", "bin/ljos" }

local function run(command)
    local pipe = assert(io.popen(command .. " </dev/null 2>&1; echo status=$?"))
    local output = pipe:read "*a"
    pipe:close()
    return tonumber(output:match "status=(%d+)\n$"), (output:gsub("status=%d+\n$", ""))
end

-- A server with its output on a pipe; the first line is the process, the second says where it listens.
local function start(runner, example)
    local pipe = assert(io.popen(("echo $$; exec %s examples/%s 0 </dev/null 2>&1"):format(runner, example)))
    local pid = pipe:read "*l"
    local line = pipe:read "*l" or ""
    return { pipe = pipe, pid = pid, endpoint = line:match "listening on (%S+)", line = line }
end

-- Ctrl-C; returns what the server still said.
local function interrupt(server)
    os.execute("kill -INT " .. server.pid)
    local output = server.pipe:read "*a"
    server.pipe:close()
    return output
end

local function read(socket)
    local buffer = byte_span.new(4096)
    return tostring(buffer:first(socket:read_some(buffer)))
end

local covered = {}

-- Registers a test of `example` under each runner.
local function example(name, title, test)
    covered[name] = true
    for _, runner in ipairs(RUNNERS) do
        it(("%s, by %s, %s"):format(name, runner, title), function() test(runner) end)
    end
end

describe("the example", function()
    after_each(temporary_directory.remove_all)

    example("hello.lua", "greets from three fibers", function(runner)
        local status, output = run(runner .. " examples/hello.lua")
        assert.equal(0, status, output)
        assert.equal(
            "hello from fiber one\nhello from fiber two\nhello from fiber three\n",
            output:match "^(.-)carried"
        )
    end)

    example("echo.lua", "echoes, and closes what is open on Ctrl-C", function(runner)
        local server = start(runner, "echo.lua")
        assert.is_truthy(server.endpoint, server.line)
        local a, b = ip.tcp.dial(server.endpoint), ip.tcp.dial(server.endpoint)
        a:write_some(byte_span.append "one")
        assert.equal("one", read(a))
        b:write_some(byte_span.append "two")
        assert.equal("two", read(b))
        a:write_some(byte_span.append "three")
        assert.equal("three", read(a))
        assert.matches("closed, 2 connections ended", interrupt(server))
        assert.error(function() read(a) end)
        a:close()
        b:close()
    end)

    example("chat.lua", "tells everybody else, and closes on Ctrl-C", function(runner)
        local server = start(runner, "chat.lua")
        assert.is_truthy(server.endpoint, server.line)
        local a, b = ip.tcp.dial(server.endpoint), ip.tcp.dial(server.endpoint)
        assert.equal("* guest2 came\n", read(a))
        b:write_some(byte_span.append "good evening\r\n")
        assert.equal("guest2: good evening\n", read(a))
        b:close()
        assert.equal("* guest2 left\n", read(a))
        assert.matches("closed, 2 came in all", interrupt(server))
        a:close()
    end)

    local function log_of(lines)
        local path = temporary_directory.make() .. "/some.log"
        local file = assert(io.open(path, "w"))
        file:write(table.concat(lines, "\n"), "\n")
        file:close()
        return path
    end

    for _, sandbox in ipairs { "", "--sandbox " } do
        example("logstat.lua", sandbox .. "counts the lines of a log by a word", function(runner)
            local path = log_of { "1 a GET", "2 b PUT", "3 c GET", "4 d", "5 e GET" }
            local status, output = run(("%s examples/logstat.lua %s--top 1 %s"):format(runner, sandbox, path))
            assert.equal(0, status, output)
            assert.matches(": 5 lines by field 3\n         3  GET\n", output, 1, true)
            assert.is_nil(output:find("PUT", 1, true))
        end)
    end

    example("logstat.lua", "says what is wrong with its arguments", function(runner)
        local status, output = run(runner .. " examples/logstat.lua --field nonsense")
        assert.equal(1, status)
        assert.matches("usage: logstat.lua", output, 1, true)
    end)

    it("is run here, whatever its name", function()
        for path in select(2, run "ls examples"):gmatch "[^\n]+" do
            assert.is_true(covered[path], path .. " has no test in tests/examples_spec.lua")
        end
    end)
end)
