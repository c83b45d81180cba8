local c_program = require "ipc.c_program"
local collect = require "collect"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local other_process = require "ipc.other_process"
local sem = require "ljos.ipc.sem"
local temporary_directory = require "temporary_directory"
local time = require "ljos.time"

local number = 0
local function new_name()
    number = number + 1
    return ("ljos-sem-%s-%d"):format(tostring {}:match "0x(%x+)", number)
end

local function exists(name)
    local file = io.open("/dev/shm/sem." .. name)
    if file then file:close() end
    return file ~= nil
end

describe("sem.open", function()
    it("creates with a value and opens without one", function()
        local name = new_name()
        local creator = assert(sem.open(name, 2.9))
        local other = assert(sem.open(name))
        assert.is_true(other:dec(0))
        assert.is_true(creator:dec(0))
        assert.is_false(other:dec(0))
        assert.is_true(creator:inc())
        assert.is_true(other:dec())
        assert.is_true(other:close())
        assert.is_true(exists(name))
        assert.is_true(creator:close())
        assert.is_false(exists(name))
    end)

    it("gives nil, message and code for what the system refuses", function()
        local name = new_name()
        assert.are.same({ nil, "No such file or directory", 2 }, { sem.open(name) })
        assert.are.same({ nil, "No such file or directory", 2 }, { sem.open(name, 0) })
        assert.are.same({ nil, "No such file or directory", 2 }, { sem.open(name, 0.9) })
        local creator = assert(sem.open(name, 1))
        assert.are.same({ nil, "File exists", 17 }, { sem.open(name, 1) })
        creator:close()
        assert.are.same({ nil, "File name too long", 36 }, { sem.open("", 1) })
        assert.are.same({ nil, "File name too long", 36 }, { sem.open(("x"):rep(251), 1) })
        for _, bad in ipairs { "a/b", "a\0b" } do
            assert.are.same({ nil, "Invalid argument", 22 }, { sem.open(bad, 1) })
        end
        for _, n in ipairs { -1, 2 ^ 31, 1 / 0 } do
            assert.are.same({ nil, "Invalid argument", 22 }, { sem.open(name, n) })
        end
        name = name .. ("x"):rep(250 - #name)
        assert(sem.open(name, 1)):close()
    end)

    it("raises for wrong types", function()
        assert.error_matches(function() sem.open() end, "bad argument #1 to 'open' %(string expected")
        assert.error_matches(function() sem.open("x", {}) end, "bad argument #2 to 'open' %(number expected")
    end)

    it("gives the name back when the creator is collected", function()
        local name = new_name()
        sem.open(name, 1)
        collect()
        assert.is_false(exists(name))
    end)
end)

describe("a semaphore's dec", function()
    it("returns false when the time is over", function()
        local name = new_name()
        local handle = assert(sem.open(name, 1))
        assert.is_true(handle:dec "0.001")
        assert.is_false(handle:dec(0.001))
        assert.is_false(handle:dec(1e-9))
        assert.error_matches(function() handle:dec {} end, "bad argument #1 to 'dec' %(number expected")
        handle:close()
    end)

    it("is woken by another process", function()
        local name = new_name()
        local handle = assert(sem.open(name, 1))
        handle:dec()
        local other = other_process.start(([[
            local handle = assert(require("ljos.ipc.sem").open %q)
            print "open"
            io.read()
            for i = 1, 3 do handle:inc() end
        ]]):format(name))
        assert.are.equal("open", other:line())
        other:send "go"
        assert.is_true(handle:dec())
        assert.is_true(handle:dec(-1))
        assert.is_true(handle:dec(1e300))
        other:finish()
        handle:close()
    end)

    it("raises when closed, as the other methods do", function()
        local handle = assert(sem.open(new_name(), 1))
        handle:close()
        for _, method in ipairs { "inc", "dec", "close" } do
            assert.error_matches(function() handle[method](handle) end, "attempt to use invalid semaphore object")
            assert.error_matches(function() handle[method]() end, "attempt to use invalid semaphore")
        end
    end)
end)

describe("a semaphore's dec in a fiber", function()
    local handle
    before_each(function()
        handle = assert(sem.open(new_name(), 1))
        handle:dec()
    end)
    after_each(function() pcall(handle.close, handle) end)

    it("lets the other fibers run", function()
        local log = {}
        local waiter = fiber.spawn(function()
            local taken = handle:dec()
            log[#log + 1] = taken
        end)
        local other = fiber.spawn(function()
            time.sleep(0)
            log[#log + 1] = "other"
            handle:inc()
        end)
        other:join()
        waiter:join()
        assert.are.same({ "other", true }, log)
    end)

    it("keeps its deadline", function()
        local ticks = 0
        local ticker = fiber.spawn(function()
            while true do
                time.sleep(0.001)
                ticks = ticks + 1
            end
        end)
        -- Not where the machine keeps all of us waiting just then.
        for _ = 1, 100 do
            assert.is_false(fiber.spawn(function() return handle:dec(0.02) end):join())
            if ticks > 0 then break end
        end
        assert.is_true(ticks > 0)
        ticker:cancel()
        ticker:join()
    end)

    it("lets the main chunk wait while fibers run", function()
        local poster = fiber.spawn(function()
            time.sleep(0.001)
            handle:inc()
        end)
        assert.is_true(handle:dec())
        poster:join()
    end)

    it("gives each post to one of many fibers", function()
        local taken, waiters = 0, {}
        for i = 1, 8 do
            waiters[i] = fiber.spawn(function()
                assert(handle:dec())
                taken = taken + 1
            end)
        end
        fiber.this_fiber.yield()
        for posted = 1, 8 do
            handle:inc()
            repeat
                fiber.this_fiber.yield()
            until taken == posted
        end
        for _, waiter in ipairs(waiters) do
            waiter:join()
        end
        assert.is_false(handle:dec(0))
    end)

    it("passes a post on that came to a fiber when it was canceled", function()
        local canceled = fiber.spawn(function() handle:dec() end)
        local waiter = fiber.spawn(function() return handle:dec() end)
        fiber.this_fiber.yield()
        handle:inc()
        canceled:cancel()
        canceled:join()
        -- One of the two has it; if it was not the canceled one, the other ends now.
        if not canceled.cancellation_caught then handle:inc() end
        assert.is_true(waiter:join())
        assert.is_false(handle:dec(0))
    end)

    it("can be canceled, and then has taken nothing", function()
        local waiter = fiber.spawn(function() handle:dec() end)
        local canceler = fiber.spawn(function() waiter:cancel() end)
        canceler:join()
        waiter:join()
        assert.is_true(waiter.cancellation_caught)
        handle:inc()
        assert.is_true(handle:dec(0))
    end)

    it("ends with an error when the handle is closed", function()
        local waiter = fiber.spawn(function() return handle:dec() end)
        fiber.spawn(function() handle:close() end):join()
        assert.are.same({ nil, "Operation canceled", error_.errno_of.ECANCELED }, { waiter:join() })
    end)
end)

describe("a semaphore and a C program", function()
    teardown(temporary_directory.remove_all)

    it("wake each other", function()
        if not c_program.has_compiler() then return pending "no C compiler" end
        local program = c_program.compile [[
            #include <fcntl.h>
            #include <semaphore.h>
            #include <stdio.h>
            int main(int argc, char **argv) {
                sem_t *there = sem_open(argv[1], 0), *back = sem_open(argv[2], 0);
                if (there == SEM_FAILED || back == SEM_FAILED) return perror("sem_open"), 1;
                int value;
                sem_getvalue(there, &value);
                printf("%d\n", value);
                fflush(stdout);
                for (int i = 0; i < 1000; i++) {
                    sem_wait(there);
                    sem_post(back);
                }
            }
        ]]
        local there_name, back_name = new_name(), new_name()
        local there, back = assert(sem.open(there_name, 3)), assert(sem.open(back_name, 1))
        back:dec()
        for _ = 1, 3 do
            there:dec()
        end
        local pipe = io.popen(("%s /%s /%s"):format(program, there_name, back_name))
        assert.are.equal("0", pipe:read())
        for _ = 1, 1000 do
            there:inc()
            back:dec()
        end
        pipe:close()
        assert.is_false(back:dec(0))
        there:close()
        back:close()
    end)
end)
