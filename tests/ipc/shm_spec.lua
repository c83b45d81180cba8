local c_program = require "ipc.c_program"
local collect = require "collect"
local ffi = require "ffi"
local other_process = require "ipc.other_process"
local shm = require "ljos.ipc.shm"
local temporary_directory = require "temporary_directory"

local number = 0
local function new_name()
    number = number + 1
    return ("ljos-shm-%s-%d"):format(tostring {}:match "0x(%x+)", number)
end

local function exists(name)
    local file = io.open("/dev/shm/" .. name)
    if file then file:close() end
    return file ~= nil
end

describe("shm.create", function()
    it("makes zeroed memory of exactly the size, readable and writable by the owner alone", function()
        local name = new_name()
        local memory = assert(shm.create(name, 10000.7))
        assert.are.equal(10000, memory:size())
        assert.are.equal(("\0"):rep(10000), memory:read "*a")
        assert.is_true(memory:flush())
        local pipe = io.popen("stat -c '%a %s' /dev/shm/" .. name)
        assert.are.equal("600 10000", pipe:read())
        pipe:close()
        assert.is_true(memory:close())
        assert.is_false(exists(name))
    end)

    it("takes over no memory that exists", function()
        local name = new_name()
        local memory = assert(shm.create(name, 1))
        assert.are.same({ nil, "File exists", 17 }, { shm.create(name, 1) })
        memory:close()
    end)

    it("gives back nothing when there is no room, instead of a SIGBUS later", function()
        local name = new_name()
        assert.are.same({ nil, "No space left on device", 28 }, { shm.create(name, 2 ^ 50) })
        assert.is_false(exists(name))
    end)

    it("names what is wrong with names and sizes", function()
        assert.are.same({ nil, "File name too long", 36 }, { shm.create("", 1) })
        assert.are.same({ nil, "File name too long", 36 }, { shm.create(("x"):rep(254), 1) })
        assert.are.same({ nil, "File name too long", 36 }, { shm.attach "" })
        for _, name in ipairs { "a/b", "/a", "..", ".", "a\0b" } do
            assert.are.same({ nil, "Invalid argument", 22 }, { shm.create(name, 1) })
            assert.are.same({ nil, "Invalid argument", 22 }, { shm.attach(name) })
        end
        for _, size in ipairs { 0, -1, 0.5, 0 / 0, 1 / 0, -1 / 0 } do
            assert.are.same({ nil, "Invalid argument", 22 }, { shm.create("x", size) })
        end
        assert.error_matches(function() shm.create() end, "bad argument #1 to 'create' %(string expected")
        assert.error_matches(
            function() shm.create "x" end,
            "bad argument #2 to 'create' %(number expected, got no value"
        )
        assert.error_matches(
            function() shm.create("x", {}) end,
            "bad argument #2 to 'create' %(number expected, got table"
        )
        assert.error_matches(function() shm.attach() end, "bad argument #1 to 'attach'")
    end)

    it("takes names of 253 bytes", function()
        local name = new_name()
        name = name .. ("x"):rep(253 - #name)
        assert(shm.create(name, 1)):close()
    end)

    it("gives the name back when the creator is collected", function()
        local name = new_name()
        shm.create(name, 1)
        collect()
        assert.is_false(exists(name))
    end)
end)

describe("shm.attach", function()
    it("shares the bytes", function()
        local name = new_name()
        local creator = assert(shm.create(name, 100))
        local other = assert(shm.attach(name))
        assert.are.equal(100, other:size())
        creator:write "hello"
        assert.are.equal("hello", other:read(5))
        other:write "world"
        assert.are.equal("world", creator:read(5))
        other:close()
        assert.is_true(exists(name))
        creator:close()
    end)

    it("keeps the memory when the creator has gone", function()
        local name = new_name()
        local creator = assert(shm.create(name, 100))
        local other = assert(shm.attach(name))
        creator:write "still here"
        creator:close()
        assert.are.equal("still here", other:read(10))
        assert.are.same({ nil, "No such file or directory", 2 }, { shm.attach(name) })
        other:close()
    end)

    it("refuses an empty object", function()
        local name = new_name()
        assert(io.open("/dev/shm/" .. name, "w")):close()
        assert.are.same({ nil, "Invalid argument", 22 }, { shm.attach(name) })
        os.remove("/dev/shm/" .. name)
    end)

    it("leaves sizes of other handles alone when one is truncated", function()
        local name = new_name()
        local creator = assert(shm.create(name, 100))
        local other = assert(shm.attach(name))
        other:truncate(10)
        assert.are.equal(100, creator:size())
        assert.are.equal(100, assert(shm.attach(name)):size())
        creator:close()
    end)

    it("reaches another process", function()
        local name = new_name()
        local creator = assert(shm.create(name, 100))
        local other = other_process.start(([[
            local memory = assert(require("ljos.ipc.shm").attach %q)
            memory:write "from the other side"
            print(memory:size())
            io.read()
        ]]):format(name))
        assert.are.equal("100", other:line())
        assert.are.equal("from the other side", creator:read(19))
        other:finish()
        assert.is_true(exists(name))
        creator:close()
    end)
end)

describe("shared memory and a C program", function()
    teardown(temporary_directory.remove_all)

    it("see the same object under shm_open's name", function()
        if not c_program.has_compiler() then return pending "no C compiler" end
        local program = c_program.compile [[
            #include <fcntl.h>
            #include <stdio.h>
            #include <sys/mman.h>
            #include <sys/stat.h>
            int main(int argc, char **argv) {
                struct stat about;
                int fd = shm_open(argv[1], O_RDWR, 0);
                if (fd < 0 || fstat(fd, &about) < 0) return perror("shm_open"), 1;
                int *numbers = mmap(0, about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                numbers[1] = numbers[0] * 2;
                printf("%ld", (long)about.st_size);
            }
        ]]
        local name = new_name()
        local memory = assert(shm.create(name, 4096))
        local numbers = ffi.cast("int *", memory:addr())
        numbers[0] = 21
        assert.are.equal("4096", c_program.run(program, "/" .. name))
        assert.are.equal(42, numbers[1])
        memory:close()
    end)
end)
