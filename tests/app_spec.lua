-- App mode as a user sees it: programs in a directory of their own, run by bin/ljos.
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local root = assert(io.popen "pwd"):read "*l"

describe("bin/ljos", function()
    local directory

    before_each(function() directory = temporary_directory.make() end)
    after_each(temporary_directory.remove_all)

    --- Writes a file of the program.
    local function write(name, text)
        local folder = name:match "^(.*)/"
        if folder then os.execute(("mkdir -p '%s/%s'"):format(directory, folder)) end
        text_file.write(directory .. "/" .. name, text)
    end

    --- Runs `ljos` with a command line in the program's directory; returns stdout, the status and stderr.
    local function ljos(line, environment)
        local command = "cd '%s' && { env -u LJOS_PATH %s %s/bin/ljos 2>stderr %s; echo status=$?; }"
        local pipe = assert(io.popen(command:format(directory, environment or "", root, line)))
        local output, status = pipe:read("*a"):match "^(.*)status=(%d+)\n$"
        pipe:close()
        local errors = text_file.read(directory .. "/stderr")
        return output, tonumber(status), errors
    end

    --- Runs a program that is one file and expects it to succeed; returns what it printed.
    local function output_of(text, arguments, environment)
        write("main.lua", text)
        local output, status, errors = ljos("main.lua " .. (arguments or ""), environment)
        assert.equal("", errors)
        assert.equal(0, status)
        return output
    end

    it("prints its usage and its version", function()
        local output, status = ljos "--help"
        assert.equal(0, status)
        assert.matches("^Usage: ljos PROGRAM", output)
        output, status = ljos "--version"
        assert.equal(0, status)
        assert.matches("^ljos %d+%.%d+%.%d+, LuaJIT 2%.1", output)
    end)

    it("needs a program", function()
        local output, status, errors = ljos ""
        assert.equal("", output)
        assert.equal(1, status)
        assert.matches("^ljos: which program%?\nUsage: ljos", errors)
        assert.matches("^ljos: unknown option %-x\n", (select(3, ljos "-x")))
    end)

    it("ends with status 1 and a message when the program cannot be read", function()
        local output, status, errors = ljos "nope.lua"
        assert.equal("", output)
        assert.equal(1, status)
        assert.equal("ljos: cannot read nope.lua: No such file or directory\n", errors)
        assert.equal("ljos: cannot read .: Is a directory\n", (select(3, ljos ".")))
    end)

    it("ends with status 1 and the compiler's message for a syntax error", function()
        write("main.lua", "print 'not reached'\nx = = 1")
        local output, status, errors = ljos "main.lua"
        assert.equal("", output)
        assert.equal(1, status)
        assert.equal("ljos: main.lua:2: unexpected symbol near '='\n", errors)
    end)

    it("runs a program as the main fiber", function()
        local text = [[print("Hello World", nil, 1.5, this_fiber.is_main, _CONTEXT, _FILE)]]
        assert.equal(("Hello World\tnil\t1.5\ttrue\tmain\t%s/main.lua\n"):format(directory), output_of(text))
    end)

    it("runs a program that a pipe or a symbolic link names", function()
        write("real/main.lua", "print(require('./x').v)")
        write("real/x.lua", "v = 1")
        os.execute(("ln -s real/main.lua '%s/link.lua'"):format(directory))
        assert.equal("1\n", (ljos "link.lua"))
        write("main.lua", "print 'piped'")
        assert.equal("piped\n", (ljos "/dev/stdin <main.lua"))
    end)

    it("runs what comes on the standard input, which finds modules in the current directory", function()
        write("greeting.lua", "text = 'hello'")
        write("main.lua", "print(require('./greeting').text, ...)")
        local output, status, errors = ljos "- a -- b <main.lua"
        assert.equal("", errors)
        assert.equal(0, status)
        assert.equal("hello\ta\t--\tb\n", output)
    end)

    it("runs a program whose name looks like an option after a --", function()
        write("--help.lua", "print(...)")
        assert.equal("a\n", (ljos "-- --help.lua -- a"))
    end)

    it("runs to the end of all fibers, not of the main one only", function()
        local text = [[
            local sleep = require("time").sleep
            for n = 1, 3 do
                spawn(function()
                    sleep(n / 100)
                    print(n)
                end):detach()
            end
            print "main"]]
        assert.equal("main\n1\n2\n3\n", output_of(text))
    end)

    it("hands over the arguments, without a leading --", function()
        local text = "print(...) print(select('#', ...))"
        assert.equal("a\t--\tb c\n3\n", output_of(text, "a -- 'b c'"))
        assert.equal("-x\t--\n2\n", output_of(text, "-- -x --"))
        assert.equal("\n0\n", output_of(text))
    end)

    it("lists itself, the program and the arguments in system.arguments", function()
        local text = "local a = require('system').arguments print(a[1]:match '[^/]*$', a[2], a[3], #a)"
        assert.equal("ljos\tmain.lua\ta b\t3\n", output_of(text, "'a b'"))
        write("plain.lua", "local a = require('ljos.system').arguments print(a[1], a[2], a[3], #a)")
        local command = "cd '%s' && LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua' luajit -O2 plain.lua x"
        local pipe = assert(io.popen(command:format(directory, root, root)))
        assert.equal("luajit\tplain.lua\tx\t3\n", pipe:read "*a")
        pipe:close()
    end)

    it("passes a line of print on at once, in order with the descriptor", function()
        local text = [[
            local system = require "system"
            print "1"
            system.out:write_some(byte_span.append "2\n")
            print "3"]]
        assert.equal("1\n2\n3\n", output_of(text))
    end)

    it("keeps the numbers of standard streams that it was started without from becoming other files", function()
        write(
            "main.lua",
            [[
            local fs, system, byte_span = require "filesystem", require "system", require "byte_span"
            local file = fs.open(fs.path.new "log", { "write_only", "create" }, fs.mode(6, 4, 4))
            local _, reading = pcall(system.in_.read_some, system.in_, byte_span.new(1))
            local _, writing = pcall(system.out.write_some, system.out, byte_span.append "not for the log")
            print "nor this"
            system.err:write_some(byte_span.append(tostring(reading.EBADF) .. " " .. tostring(writing.EBADF)))
        ]]
        )
        local _, _, errors = ljos "main.lua <&- >&-"
        assert.equal("true true", errors)
        assert.equal("", assert(io.open(directory .. "/log")):read "*a")
    end)

    it("reports an uncaught error of the main fiber after the output, with status 1", function()
        write("main.lua", "print 'before'\nrequire './x'")
        write("x.lua", "\nerror 'boom'")
        local output, status, errors = ljos "main.lua"
        assert.equal("before\n", output)
        assert.equal(1, status)
        assert.matches(
            "^Main fiber from VM %S+ panicked: 'x%.lua:2: boom'\nstack traceback:\n.*\tx%.lua:2:.*\tmain%.lua:2:",
            errors
        )
    end)

    it("ends by SIGINT, without a word, also where it waits or has had a set for it", function()
        local raise = "local signal = require 'system'.signal\nlocal sleep = require 'time'.sleep\n"
        local waiting = "spawn(function() signal.raise(signal.SIGINT) end)\nsleep(60)"
        for _, text in ipairs {
            "signal.raise(signal.SIGINT)",
            "signal.set.new(signal.SIGINT):clear()\n" .. waiting,
            waiting,
        } do
            write("main.lua", raise .. text)
            local output, status, errors = ljos "main.lua"
            assert.same({ "", 130, "" }, { output, status, errors })
        end
    end)

    it("takes no file of its own for the place that error(message, 2) means", function()
        write("main.lua", "local f = spawn(function() error('a', 2) end)\nprint(pcall(f.join, f))\nerror('b', 2)")
        local output, status, errors = ljos "main.lua"
        assert.equal("false\ta\n", output)
        assert.equal(1, status)
        assert.matches("^Main fiber from VM %S+ panicked: 'b'\n", errors)
    end)

    it("says in one line that LJOS_ENGINE names no engine, before the program begins", function()
        write("main.lua", "print 'begun'")
        for _, argument in ipairs { "main.lua", "--version" } do
            local output, status, errors = ljos(argument, "LJOS_ENGINE=kqueue")
            assert.equal("", output)
            assert.equal(1, status)
            assert.equal('ljos: LJOS_ENGINE is "kqueue"; it takes io_uring or epoll\n', errors)
        end
    end)

    it("ends with status 1 when nobody can read its --help", function()
        local _, status, errors = ljos "--help >/dev/full"
        assert.equal(1, status)
        assert.equal("ljos: cannot write to the standard output\n", errors)
    end)

    it("keeps the order of stdout and stderr on one descriptor", function()
        write("main.lua", "print 'before'\nerror 'boom'")
        local output = ljos "main.lua 2>&1"
        assert.matches("^before\nMain fiber from VM %S+ panicked: 'main%.lua:2: boom'\n", output)
    end)

    it("reports an Error by its message, and its context on a line of its own", function()
        write("main.lua", "print(select(2, pcall(function() require './x' end)))\nrequire './x'")
        local output, status, errors = ljos "main.lua"
        assert.equal("Module not found\n", output)
        assert.equal(1, status)
        local report = "panicked: 'Module not found'\nstack traceback:\n\tModule not found %(%./x: tried /"
        assert.matches(report, errors)
    end)

    it("ends with status 0 when only another fiber failed", function()
        write("main.lua", "spawn(function() error 'boom' end):detach()")
        local output, status, errors = ljos "main.lua"
        assert.equal("", output)
        assert.equal(0, status)
        assert.matches("^Fiber %S+ panicked: 'main%.lua:1: boom'\nstack traceback:", errors)
    end)

    it("reports a failed fiber nobody joined when the program ends, whatever its status", function()
        for _, row in ipairs { { "", 0 }, { "error 'main'", 1 } } do
            write("main.lua", "f = spawn(function() error 'boom' end) this_fiber.yield() print 'end' " .. row[1])
            local output, status, errors = ljos "main.lua"
            assert.equal("end\n", output)
            assert.equal(row[2], status)
            assert.matches("Fiber %S+ panicked: 'main%.lua:1: boom'\n", errors)
        end
    end)

    it("runs the clean-up handlers of the root module", function()
        write(
            "main.lua",
            "scope_cleanup_push(function() print 'handler' end) print 'body' if ... then error 'boom' end"
        )
        assert.equal("body\nhandler\n", (ljos "main.lua"))
        assert.equal("body\nhandler\n", (ljos "main.lua x"))
    end)

    it("finds modules beside the program, whatever the current directory", function()
        write("tree/init.lua", "print(require('./a').v, require('/a/b').v)")
        write("tree/a/init.lua", "v = require('./b').v + 1")
        write("tree/a/b.lua", "v = 1")
        assert.equal("2\t1\n", (ljos "tree/init.lua"))
        assert.equal("2\t1\n", (ljos(("'%s/tree/init.lua'"):format(directory))))
    end)

    it("finds external packages in the directories of LJOS_PATH, in order", function()
        write("main.lua", "print(require('one').v, require('two').v)")
        write("p/one.lua", "v = 1")
        write("q/one.lua", "v = 'hidden'")
        write("q/two/init.lua", "v = require('./half').v * 2")
        write("q/two/half.lua", "v = 1")
        assert.equal("1\t2\n", (ljos("main.lua", ("LJOS_PATH=p::'%s/q'"):format(directory))))
        assert.equal(1, (select(2, ljos "main.lua")))
    end)

    it("says that descriptors have run out, not that a module is missing", function()
        write("other.lua", "v = 1")
        write(
            "main.lua",
            [[
            local system, held, ok, fd = require "system", {}, true, nil
            while ok do
                ok, fd = pcall(system.out.dup, system.out)
                held[#held + 1] = ok and fd or nil
            end
            print(fd, pcall(function() return require "serial_port" end))
            print(pcall(function() return require "./other" end))
            for _, each in ipairs(held) do each:close() end
            print(require "serial_port".new().is_open, require "./other".v)
            print(pcall(function() return require "nonsense" end))]]
        )
        local output, status = ljos("main.lua", [[sh -c 'ulimit -n 256; exec "$@"' sh]])
        local line = "false\tToo many open files\n"
        assert.equal("Too many open files\t" .. line .. line .. "false\t1\nfalse\tModule not found\n", output)
        assert.equal(0, status)
    end)

    it("shows the messages of an error category in the environment's language", function()
        write(
            "eggs.ttl",
            [[
            @prefix cat: <https://schema.emilua.org/error_category/0/#>.
            <about:emilua-module>
              a <https://schema.emilua.org/error_category/0/>;
              cat:error [
                cat:code 2;
                cat:alias "EGREGIOUS";
                cat:message "You really blew it this time", "Você realmente se superou dessa vez"@pt-BR
              ].]]
        )
        local text = "print(require('/eggs').EGREGIOUS)"
        assert.equal("You really blew it this time\n", output_of(text, nil, "LC_ALL=C"))
        local portuguese = output_of(text, nil, "-u LC_ALL LC_MESSAGES=pt_BR.UTF-8 LANG=de_DE.UTF-8")
        assert.equal("Você realmente se superou dessa vez\n", portuguese)
    end)

    it("names the class of every object by getmetatable, also where it is a C type", function()
        local code = [[
            local ip, regex = require "ip", require "regex"
            print(getmetatable(byte_span.new(1)), getmetatable(ip.address.new()), getmetatable(require "mutex".new()))
            print(getmetatable(regex.new { pattern = "a", grammar = "ecma" }), getmetatable(require "ffi".new "int[1]"))
            print(getmetatable({}), getmetatable("").__index == string)
        ]]
        assert.equal("byte_span\tip.address\tmutex\nregex\tffi\nnil\ttrue\n", output_of(code))
    end)

    it("leaves nothing of the host's globals to the program but what it should see", function()
        local text = [[
            local names = {}
            for _, name in ipairs {
                "arg", "io", "os", "debug", "package", "module", "_FILE", "ffi", "spawn", "print", "undefined",
            } do
                names[#names + 1] = _G[name] ~= nil and name or nil
            end
            print(table.concat(names, " "))]]
        assert.equal("_FILE spawn print\n", output_of(text))
    end)
end)

describe("ljos.app", function()
    it("leaves the globals of the host alone", function()
        local command = [[cd /tmp && LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua' luajit -e '
            local before, count = { pcall = pcall, require = require, print = print, coroutine = coroutine }, 0
            local app = require "ljos.app"
            local status = app.run("/dev/stdin", { "a" })
            for name, value in pairs(before) do assert(_G[name] == value, name) end
            print(status, rawget(_G, "spawn"), rawget(_G, "x"))' 2>&1]]
        local pipe = assert(io.popen("echo 'x = ... print(x)' | { " .. command:format(root, root) .. "; }"))
        assert.equal("a\n0\tnil\tnil\n", pipe:read "*a")
        pipe:close()
    end)
end)
