local fiber = require "ljos.fiber"
local file = require "ljos.file"
local fs = require "ljos.filesystem"
local raised = require "raised"
local stream = require "ljos.stream"
local text_file = require "text_file"

local spawn, yield = fiber.spawn, fiber.this_fiber.yield

describe("file sync_all and sync_data", function()
    local path
    before_each(function() path = os.tmpname() end)
    after_each(function() os.remove(path) end)

    for _, kind in ipairs { "stream", "random_access" } do
        for _, name in ipairs { "sync_all", "sync_data" } do
            it(("suspend only the fiber: %s of %s"):format(name, kind), function()
                local f = file[kind].new()
                text_file.write(path, "text")
                f:open(path, { "read_write" })
                local turns, is_done = 0, false
                local other = spawn(function()
                    repeat
                        turns = turns + 1
                        yield()
                    until is_done
                end)
                f[name](f)
                is_done = true
                other:join()
                assert.is_true(turns > 0)
                f:close()
            end)
        end
    end

    it("end well where the file is closed meanwhile, and its number is another's", function()
        local f = file.stream.new()
        f:open(path, { "write_only" })
        stream.write_all(f, "text")
        local syncing = spawn(function() f:sync_all() end)
        yield()
        f:close()
        local fifo = path .. ".fifo"
        fs.mkfifo(fifo, fs.mode(6, 0, 0))
        local other = file.stream.new()
        other:open(fifo, { "read_write" }) -- which cannot be synchronised
        syncing:join()
        other:close()
        os.remove(fifo)
    end)

    it("raise what the kernel says, and EBADF for a closed file", function()
        local f = file.stream.new()
        raised("EBADF", f.sync_all, f)
        raised("EBADF", f.sync_data, f)
        local fifo = path .. ".fifo"
        fs.mkfifo(fifo, fs.mode(6, 0, 0))
        f:open(fifo, { "read_write" })
        raised("EINVAL", f.sync_all, f)
        f:close()
        os.remove(fifo)
    end)
end)
