local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local c_program = require "ipc.c_program"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local loop = require "ljos.loop"
local mock_loop = require "ljos.mock_loop"
local pipe = require "ljos.pipe"
local raised = require "raised"
local raises = require "raises"
local serial_port = require "ljos.serial_port"
local settle = require "settle"
local stream = require "ljos.stream"
local time = require "ljos.time"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield
local span = byte_span.append

local function read(port, size)
    local buffer = byte_span.new(size or 100)
    return tostring(buffer:first(port:read_some(buffer)))
end

-- Reads so many bytes as a text has, in as many pieces as the kernel likes.
local function expect(text, port)
    local buffer = byte_span.new(#text)
    stream.read_all(port, buffer)
    assert.equal(text, tostring(buffer))
end

describe("a pseudoterminal", function()
    local master, slave
    before_each(function()
        master, slave = serial_port.ptypair()
    end)
    after_each(function()
        master:close()
        slave:close()
    end)

    -- The slave as a port of its own, raw.
    local function raw_slave()
        local name = require("ljos.filesystem").read_symlink("/proc/self/fd/" .. tostring(slave):match "%d+$")
        local port = serial_port.new()
        port:open(tostring(name))
        return port
    end

    it("is a terminal with two ends", function()
        assert.equal("serial_port", getmetatable(master))
        assert.equal("file_descriptor", getmetatable(slave))
        assert.is_true(master.is_open)
        assert.is_true(master:isatty())
        assert.equal("character", slave.type)
        assert.is_false(slave.non_blocking)
    end)

    it("carries bytes both ways, unchanged when raw", function()
        local port = raw_slave()
        assert.equal(7, master:write_some(span "in\r\n\3\4x"))
        expect("in\r\n\3\4x", port)
        port:write_some(span "out\n")
        expect("out\n", master)
        port:close()
    end)

    it("has the line discipline that a shell expects before that", function()
        local port = serial_port.new(slave)
        port:write_some(span "line\n")
        expect("line\r\n", master)
        master:write_some(span "typed\n")
        expect("typed\r\n", master) -- the echo
        assert.equal("typed\n", read(port))
        slave = port:release()
    end)

    it("is read by a waiting fiber; canceled, it takes nothing", function()
        local port = raw_slave()
        local canceled = spawn(function() return read(master) end)
        yield()
        canceled:cancel()
        canceled:join()
        assert.is_true(canceled.cancellation_caught)
        local f = spawn(function() expect("kept", master) end)
        yield()
        port:write_some(span "kept")
        f:join()
        port:close()
        assert.equal(0, (loop.load()))
    end)

    it("ends waiting reads and writes with ECANCELED on cancel, release and close", function()
        local port = raw_slave()
        local chunk, sent = byte_span.with_zeros(4096), 0
        local filling = spawn(function()
            while true do
                sent = sent + port:write_some(chunk)
            end
        end)
        settle(function() return sent end)
        filling:cancel()
        filling:join()
        for _, how in ipairs { "cancel", "release", "close" } do
            local reading = spawn(function() return raises.raised(read, port) end)
            local writing = spawn(function()
                return raises.raised(function()
                    while true do
                        port:write_some(chunk)
                    end
                end)
            end)
            settle(function() return 0 end)
            local fd = port[how](port)
            assert.equal(error_.system "ECANCELED", reading:join())
            assert.equal(error_.system "ECANCELED", writing:join())
            if how == "release" then port:assign(fd) end
        end
    end)

    it("suspends only the fiber that writes while nobody reads", function()
        local port = raw_slave()
        local size = 300000
        local writing = spawn(function() return stream.write_all(port, byte_span.with_zeros(size)) end)
        settle(function() return 0 end)
        local back = byte_span.new(size)
        stream.read_all(master, back)
        assert.equal(size, writing:join())
        port:close()
    end)

    it("is EIO for its master once the slave is closed everywhere", function()
        local f = spawn(function() return raises.raised(read, master) end)
        yield()
        slave:close()
        assert.equal(error_.system "EIO", f:join())
    end)

    it("is what a child gets as its controlling terminal", function()
        local system = require "ljos.system"
        local child = system.spawn {
            program = "/bin/sh",
            arguments = { "sh", "-c", "tty >/dev/null && read line && echo got $line && read line" },
            stdin = slave,
            stdout = slave,
            stderr = slave,
            set_ctty = slave,
            start_new_session = true,
        }
        slave:close()
        master:write_some(span "hello\n")
        local output = ""
        while not output:find "got hello" do
            output = output .. read(master)
        end
        assert.equal(child.pid, master:tcgetpgrp())
        master:write_some(span "\n")
        child:wait()
        assert.equal(0, child.exit_code)
    end)

    it("knows process groups only as a controlling terminal", function()
        local port = serial_port.new(slave:dup())
        raised("ENOTTY", port.tcgetpgrp, port)
        raised("ENOTTY", port.tcsetpgrp, port, 1)
        assert.equal(2, raised("EINVAL", port.tcsetpgrp, port, "group").arg)
        assert.equal(2, raised("EINVAL", port.tcsetpgrp, port, -1).arg)
        port:close()
    end)

    it("goes through file_descriptor and back, blocking as before", function()
        local fd = master:release()
        assert.is_false(fd.non_blocking)
        assert.is_false(master.is_open)
        fd.non_blocking = true
        local again = serial_port.new(fd)
        raised("EBADF", fd.dup, fd)
        assert.equal(asio_error.misc.already_open, raises.raised(again.assign, again, slave))
        assert.equal("character", slave.type) -- a failed assign takes nothing
        fd = again:release()
        assert.is_true(fd.non_blocking)
        master:assign(fd)
        assert.is_true(master:isatty())
    end)

    it("has settings that can be read and written", function()
        local port = raw_slave()
        for _, rate in ipairs { 9600, 115200, 300, 4000000, 12345 } do
            port.baud_rate = rate
            assert.equal(rate, port.baud_rate)
        end
        assert.is_nil(port.flow_control)
        for _, kind in ipairs { "software", "hardware" } do
            port.flow_control = kind
            assert.equal(kind, port.flow_control)
        end
        port.flow_control = nil
        assert.is_nil(port.flow_control)
        assert.equal("one", port.stop_bits)
        port.stop_bits = "two"
        assert.equal("two", port.stop_bits)
        port.stop_bits = "one"
        raised("ENOTSUP", function() port.stop_bits = "one_point_five" end)
        assert.equal("one", port.stop_bits)
        assert.equal(8, port.character_size)
        port.character_size = 8
        assert.is_nil(port.parity)
        port.parity = nil
        port:close()
    end)

    it("says that it takes neither parity nor other sizes, and stays as it was", function()
        local port = raw_slave()
        port.baud_rate = 9600
        assert.equal("parity", raised("EINVAL", function() port.parity = "even" end).arg)
        assert.equal("parity", raised("EINVAL", function() port.parity = "odd" end).arg)
        assert.equal("character_size", raised("EINVAL", function() port.character_size = 7 end).arg)
        assert.is_nil(port.parity)
        assert.equal(8, port.character_size)
        assert.equal(9600, port.baud_rate)
        port:close()
    end)

    it("refuses values that no port has", function()
        for name, bad in pairs {
            baud_rate = { 0, -1, 2 ^ 32, 9600.5, "9600", 0 / 0 },
            flow_control = { "both", 1, true },
            parity = { "mark", 1, false },
            stop_bits = { "three", 1, 2 },
            character_size = { 4, 9, "8", -8, 2 ^ 40 },
        } do
            for _, value in ipairs(bad) do
                assert.equal(name, raised("EINVAL", function() master[name] = value end).arg)
            end
        end
        local err = raised("EINVAL", function() master.parity = "none" end)
        assert.equal('"odd", "even" or nil expected, got none', err.detail)
        raised("EPERM", function() master.is_open = false end)
        raised("EPERM", function() master.anything = 1 end)
        raises.core("bad_index", function() return master.anything end)
    end)
end)

-- Writes down what is asked of a line, and pretends twice that there is something unsent.
local SHIM = [[
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static int looked, began;
static void note(const char *what) { fputs(what, stderr); }
int shim_began(void) { return began; }

int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    int result = real(fd, request, argument);
    if (request == TIOCCBRK) { note("end "); looked = began = 0; }
    if (request == TIOCOUTQ) {
        note(looked < 2 ? "unsent " : "sent ");
        *(int *)argument = looked++ < 2 ? 1 : 0;
    }
    return result;
}

long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    long (*real)(long, ...) = dlsym(RTLD_NEXT, "syscall");
    long result = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (number == SYS_ioctl && a[1] == TIOCSBRK) { note("begin "); began = 1; }
    return result;
}
]]

describe("a break", function()
    it("holds the line for a quarter to half a second, while others run", function()
        mock_loop.run({}, function()
            local master, slave = serial_port.ptypair()
            local breaking = spawn(function() master:send_break() end)
            repeat -- no time passes in this
                yield()
            until fiber.dump():find "send_break fd %d+"
            local began, ran = time.steady_clock.now(), 0
            local other = spawn(function()
                for _ = 1, 5 do
                    time.sleep(0.04)
                    ran = ran + 1
                end
            end)
            breaking:join()
            local seconds = time.steady_clock.now() - began
            assert.is_true(seconds >= 0.25 and seconds <= 0.5, seconds)
            assert.equal(5, ran)
            other:join()
            master:close()
            slave:close()
        end)
    end)

    it("ends at once when the fiber is canceled, and when the port is", function()
        for _, how in ipairs { "fiber", "cancel", "close" } do
            mock_loop.run({}, function()
                local master, slave = serial_port.ptypair()
                local f = spawn(function()
                    if how == "fiber" then return master:send_break() end
                    return raised("ECANCELED", master.send_break, master)
                end)
                repeat
                    time.sleep(0.001)
                until fiber.dump():find "send_break fd %d+" -- it has begun
                if how == "fiber" then
                    f:cancel()
                else
                    master[how](master)
                end
                f:join()
                assert.equal(how == "fiber", f.cancellation_caught)
                master:close()
                slave:close()
            end)
        end
    end)

    it("ends when the port is canceled while the break begins", function()
        for _, how in ipairs { "cancel", "close" } do
            local master, slave = serial_port.ptypair()
            local f = spawn(function() return raised("ECANCELED", master.send_break, master) end)
            yield() -- the call that begins it is in the pool
            master[how](master)
            f:join()
            master:close()
            slave:close()
        end
    end)

    it("waits for what was written, and always lets the line go", function()
        if not c_program.has_compiler() then return pending "no C compiler" end
        local library = c_program.compile(SHIM, "-shared -fPIC")
        local program = [[
            local ffi, ljos = require "ffi", require "ljos"
            ffi.cdef "int shim_began(void);"
            ljos.run(function()
                for _, how in ipairs { "wait", "fiber", "cancel", "close" } do
                    local port, slave = require("ljos.serial_port").ptypair()
                    local f = ljos.fiber.spawn(function() port:send_break() end)
                    while how ~= "wait" and ffi.C.shim_began() == 0 do ljos.time.sleep(0.001) end
                    if how == "fiber" then f:cancel() elseif how ~= "wait" then port[how](port) end
                    ljos.fiber.pcall(f.join, f)
                    io.stderr:write(how, "; ")
                    port:close()
                    slave:close()
                end
            end)]]
        local command = "LD_PRELOAD=%s LUA_PATH='lua/?.lua;lua/?/init.lua;;' timeout 60 luajit -e '%s' 2>&1"
        local output_pipe = assert(io.popen(command:format(library, program)))
        local output = output_pipe:read "*a"
        output_pipe:close()
        local once = "unsent unsent sent begin end "
        assert.equal(once .. "wait; " .. once .. "fiber; " .. once .. "cancel; " .. once .. "close; ", output)
    end)
end)
describe("a serial port", function()
    it("is no file, directory or pipe", function()
        local port = serial_port.new()
        raised("ENOTTY", port.open, port, "/dev/null")
        raised("ENOENT", port.open, port, "/dev/no-such-port")
        assert.equal(2, raised("EINVAL", port.open, port, 5).arg)
        assert.equal(2, raised("EINVAL", port.open, port).arg)
        assert.is_false(port.is_open)
        local reader, writer = pipe.pair()
        port:assign(reader:release())
        assert.is_false(port:isatty())
        raised("ENOTTY", function() return port.baud_rate end)
        raised("ENOTTY", function() port.baud_rate = 9600 end)
        raised("ENOTTY", port.send_break, port)
        port:close()
        port:close()
        writer:close()
    end)

    it("is EBADF when closed", function()
        local port = serial_port.new()
        for _, name in ipairs { "cancel", "release", "send_break", "isatty", "tcgetpgrp" } do
            raised("EBADF", port[name], port)
        end
        raised("EBADF", port.read_some, port, byte_span.new(1))
        raised("EBADF", port.write_some, port, byte_span.new(1))
        raised("EBADF", port.tcsetpgrp, port, 1)
        for _, name in ipairs { "baud_rate", "flow_control", "parity", "stop_bits", "character_size" } do
            raised("EBADF", function() return port[name] end)
            raised("EBADF", function() port[name] = nil end)
        end
        assert.equal(1, raised("EINVAL", serial_port.new, 5).arg)
    end)
end)

describe("standard streams on a terminal", function()
    local system = require "ljos.system"

    local function start(program, options)
        local environment = { LJOS_ENGINE = os.getenv "LJOS_ENGINE", LUA_PATH = "lua/?.lua;lua/?/init.lua;;" }
        environment.PATH, environment.LJOS_LIB = os.getenv "PATH", os.getenv "LJOS_LIB"
        options.program = "luajit"
        options.arguments = { "luajit", "-e", 'local ljos = require "ljos" ljos.run(function() ' .. program .. " end)" }
        options.environment = environment
        return system.spawn(options)
    end

    local function read_all(port)
        local text = ""
        pcall(function()
            while true do
                text = text .. read(port, 10000)
            end
        end)
        return text
    end

    it("suspend only the fiber that writes while nobody reads, and leave the terminal in blocking mode", function()
        local master, slave = serial_port.ptypair()
        local reader, writer = pipe.pair()
        local stderr = writer:release()
        local child = start(
            [[
                local lines = ljos.byte_span.append((("x"):rep(77) .. "\n"):rep(2000))
                local writing = ljos.fiber.spawn(function() ljos.stream.write_all(ljos.system.out, lines) end)
                ljos.time.sleep(0.01)
                ljos.stream.write_all(ljos.system.err, writing.joinable and "others run")
                writing:join()
                ljos.stream.write_all(ljos.system.err, ", done")
            ]],
            { stdout = slave, stderr = stderr }
        )
        stderr:close()
        assert.equal("others run", read(reader))
        assert.is_false(slave.non_blocking)
        slave:close()
        assert.equal(2000 * 79, #read_all(master))
        assert.equal(", done", read(reader))
        child:wait()
        assert.equal(0, child.exit_code)
        reader:close()
        master:close()
    end)

    it("read lines, and follow dup_from to another one", function()
        local first, first_slave = serial_port.ptypair()
        local second, second_slave = serial_port.ptypair()
        local child = start(
            [[
                local system, buffer = ljos.system, ljos.byte_span.new(100)
                system.out:write_some(buffer:first(system.in_:read_some(buffer)))
                system.out:dup_from(system.get_lowfd(3))
                system.out:write_some(ljos.byte_span.append "elsewhere")
            ]],
            { stdin = first_slave, stdout = first_slave, extra_fds = { [3] = second_slave } }
        )
        first_slave:close()
        second_slave:close()
        first:write_some(span "typed\n")
        assert.equal("typed\r\ntyped\r\n", read_all(first)) -- the echo, and the answer
        assert.equal("elsewhere", read_all(second))
        child:wait()
        assert.equal(0, child.exit_code)
        first:close()
        second:close()
    end)
end)
