-- What is chosen, in processes of their own.
local temporary_directory = require "temporary_directory"

local PATH = "LUA_PATH='lua/?.lua;lua/?/init.lua;;'"

local function run(environment, code)
    local pipe = assert(io.popen(("%s %s luajit -e '%s' 2>&1; echo status $?"):format(PATH, environment, code)))
    local output = pipe:read "*a"
    pipe:close()
    return output
end

local name = 'print(require("ljos").engine())'

describe("the engine", function()
    it("is the one that LJOS_ENGINE names", function() assert.matches("^epoll\n", run("LJOS_ENGINE=epoll", name)) end)

    it("of a wrong name is an error that says what there is", function()
        local output = run("LJOS_ENGINE=kqueue", name)
        assert.matches("LJOS_ENGINE", output)
        assert.matches("io_uring or epoll", output)
        assert.matches("status 1", output)
    end)

    it("has none of the numbers of the standard streams, where these are missing", function()
        local code = [[
            local ljos = require "ljos"
            ljos.time.sleep(0)
            print(require("ljos.syscall").fcntl(0, "getfd"))
            print(pcall(ljos.system.in_.read_some, ljos.system.in_, ljos.byte_span.new(1)))
        ]]
        local answer = "nil\tBad file descriptor\nfalse\tBad file descriptor\nstatus 0\n"
        assert.equal(answer, run("<&-", code))
    end)

    it("is made by the next call where there were no descriptors; what has failed does not end what follows", function()
        local code = [[
            local ljos, S = require "ljos", require "ljos.syscall"
            local reader, writer = ljos.pipe.pair()
            local sleep, spawn, limit = ljos.time.sleep, ljos.fiber.spawn, S.getrlimit "nofile"
            S.setrlimit("nofile", { cur = 0, max = limit.max })
            print(pcall(sleep, 0.001))
            S.setrlimit("nofile", { cur = limit.cur, max = limit.max })
            spawn(function()
                sleep(0.02)
                ljos.stream.write_all(writer, "x")
            end)
            print(pcall(reader.read_some, reader, ljos.byte_span.new(9)))]]
        assert.equal("false\tToo many open files (cannot make an engine)\ntrue\t1\nstatus 0\n", run("", code))
    end)

    it("does not end a call of the main fiber by what an interrupted one has waited for", function()
        local code = [[
            local ljos, loop = require "ljos", require "ljos.loop"
            local reader, writer = ljos.pipe.pair()
            local sleep, buffer = ljos.time.sleep, ljos.byte_span.new(9)
            local function interrupted(f, ...)
                loop.instrument { idle = function() error("interrupted!", 0) end }
                print(pcall(f, ...))
                loop.instrument {}
            end
            interrupted(sleep, 0.001)
            interrupted(reader.read_some, reader, buffer)
            ljos.fiber.spawn(function()
                sleep(0.02)
                ljos.stream.write_all(writer, "x")
            end)
            sleep(0.04)
            interrupted(sleep, 0.001)
            print(reader:read_some(buffer))]]
        local interruption = "false\tinterrupted!\n"
        assert.equal(interruption:rep(3) .. "1\nstatus 0\n", run("", code))
    end)

    for _, fork in ipairs { "fork()", "clone()", "clone3({})" } do
        it(("of a child by %s is its own: parent and child go on, each with its loop"):format(fork), function()
            local output = run(
                "",
                ([[
                local ljos, S = require "ljos", require "ljos.syscall"
                local reader, writer = ljos.pipe.pair()
                ljos.time.sleep(0)
                local pid = assert(S.%s)
                if pid == 0 then
                    local fiber = ljos.fiber.spawn(function() ljos.time.sleep(0.001) return "child" end)
                    ljos.stream.write_all(writer, fiber:join())
                    S._exit(0)
                end
                local buffer = ljos.byte_span.new(9)
                print(tostring(buffer:first(reader:read_some(buffer))))
                assert(S.waitpid(pid))
                ljos.time.sleep(0.001)
                print "parent"]]):format(fork)
            )
            -- As seccomp filters do who cannot read its flags.
            if fork:find "clone3" and output:find "not implemented" then
                return pending "clone3(2) is forbidden here"
            end
            assert.equal("child\nparent\nstatus 0\n", output)
        end)
    end

    it("is epoll where RLIMIT_MEMLOCK leaves no room for a ring; asked for io_uring, it says so", function()
        local code = [[
            local engine, S = require "ljos.loop.engine", require "ljos.syscall"
            assert(S.capset { permitted = "", effective = "", inheritable = "" })
            assert(S.setrlimit("memlock", 0))
            local ok, err = pcall(engine.handle)
            print(ok and engine.name() or err)]]
        assert.equal("epoll\nstatus 0\n", run("LJOS_ENGINE=", code))
        local output = run("LJOS_ENGINE=io_uring", code)
        if output:find("not permitted", 1, true) or output:find("not implemented", 1, true) then
            return pending(output)
        end
        assert.matches("RLIMIT_MEMLOCK may be too low", output, 1, true)
    end)

    -- Compiles a program that runs another one under a seccomp filter, which answers io_uring_setup(2) with EPERM, as
    -- Docker's default profile does, and where OLD is defined epoll_pwait2(2) with that error, as older profiles do.
    local function forbid(flags)
        local directory = temporary_directory.make()
        local file = assert(io.open(directory .. "/forbid.c", "w"))
        file:write [[
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define FORBID(nr, errno) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errno)
int main(int argc, char **argv) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        FORBID(SYS_io_uring_setup, EPERM),
#ifdef OLD
        FORBID(SYS_epoll_pwait2, OLD),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 9;
    execvp(argv[1], argv + 1);
    return 8;
}
]]
        file:close()
        local program = directory .. "/forbid"
        assert.equal(0, os.execute(("cc %s -o %s %s.c"):format(flags, program, program)))
        return program
    end

    -- What a program prints under `forbid`.
    local function output_under(program, engine, code)
        local pipe = assert(io.popen(("%s LJOS_ENGINE=%s %s luajit -e '%s' 2>&1"):format(PATH, engine, program, code)))
        local output = pipe:read "*a"
        pipe:close()
        return output
    end

    it("is epoll, silently, where the kernel forbids io_uring", function()
        local program = forbid ""
        assert.equal("epoll\n", output_under(program, "", 'require("ljos.time").sleep(0.001) ' .. name))
        assert.matches("Operation not permitted", output_under(program, "io_uring", name))
        temporary_directory.remove_all()
    end)

    it("waits in milliseconds, and never too short, where epoll_pwait2 is not to be had", function()
        for _, errno in ipairs { "ENOSYS", "EPERM" } do
            local program = forbid("-DOLD=" .. errno)
            local output = output_under(
                program,
                "",
                [[
                local ljos = require "ljos"
                local now = ljos.time.steady_clock.now
                for _, seconds in ipairs { 0, 0.0001, 0.0023 } do
                    local began = now()
                    ljos.time.sleep(seconds)
                    assert(now() - began >= seconds)
                end
                local reader, writer = ljos.pipe.pair()
                local f = ljos.fiber.spawn(function() return reader:read_some(ljos.byte_span.new(9)) end)
                ljos.fiber.this_fiber.yield()
                ljos.stream.write_all(writer, "six   ")
                print(f:join(), ljos.engine())]]
            )
            assert.equal("6\tepoll\n", output)
        end
        temporary_directory.remove_all()
    end)
end)
