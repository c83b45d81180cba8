-- What a container's seccomp filter of an older day refuses, and what does not need it.
local S = require "ljos.syscall"
local file_descriptor = require "ljos.file_descriptor"
local fs = require "ljos.filesystem"
local in_child = require "in_child"
local process = require "ljos.process"
local spawn = require("ljos.fiber").spawn
local temporary_directory = require "temporary_directory"

local c, t = S.c, S.t

-- From now on, every one of these calls fails with `errno`.
local function forbid(errno, ...)
    local list = { { "LD,W,ABS", 0 } }
    for _, name in ipairs { ... } do
        list[#list + 1] = { "JMP,JEQ,K", c.SYS[name], 0, 1 }
        list[#list + 1] = { "RET,K", c.SECCOMP_RET.ERRNO + c.E[errno] }
    end
    list[#list + 1] = { "RET,K", c.SECCOMP_RET.ALLOW }
    assert(S.prctl("set_no_new_privs", true))
    assert(S.prctl("set_seccomp", "filter", t.sock_fprog1 { { #list, t.sock_filters(#list, list) } }))
end

for _, errno in ipairs { "PERM", "NOSYS" } do
    describe("a filter that answers E" .. errno, function()
        it("to close_range(2): a child has the descriptors it is told and no others", function()
            in_child(function()
                forbid(errno, "close_range")
                local _, _, r, w = assert(S.pipe())
                for _ = 1, 200 do -- more than one call of getdents64 lists
                    assert(S.dup2(0, 100 + _))
                end
                local child = process.start {
                    paths = { "/bin/sh" },
                    arguments = { "sh", "-c", "echo /proc/$$/fd/*" },
                    fds = { [1] = w:getfd() },
                }
                w:close()
                local output = r:read(nil, 10000)
                process.wait(child)
                assert(output:gsub("/proc/%d+/fd/", ""):match "^1 %d+\n$" or output:match "/fd/1\n$", output)
            end)
        end)

        it("to openat2(2): files are opened where no rule of it was asked for", function()
            local fifo = temporary_directory.make() .. "/fifo"
            fs.mkfifo(fifo, fs.mode(6, 0, 0))
            in_child(function()
                forbid(errno, "openat2", "close_range")
                local reader = spawn(function() return fs.open(fifo, { "read_only" }) end)
                local writer = fs.open(fifo, { "write_only" })
                assert(writer.type == "fifo" and reader:join().type == "fifo")
                local directory = fs.open("/", { "directory" })
                assert(file_descriptor.is(directory:openat("proc", { "directory" })))
                local ok, err = pcall(directory.openat, directory, "proc", { "directory", "resolve_beneath" })
                assert(not ok and err.sym == errno)
            end)
            temporary_directory.remove_all()
        end)
    end)
end
