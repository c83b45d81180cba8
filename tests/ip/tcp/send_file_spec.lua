local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local connection = require "connection"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local file = require "ljos.file"
local loop = require "ljos.loop"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local pair = connection.tcp_pair
local raised = require("raises").raised
local settle = require "settle"
local spawn, yield = fiber.spawn, fiber.this_fiber.yield
local bytes = byte_span.append

-- Everything until the end of the stream.
local function read_all(socket)
    local parts, buffer = {}, byte_span.new(100000)
    while true do
        local ok, n = pcall(socket.read_some, socket, buffer)
        if not ok then
            assert(n == asio_error.misc.eof, tostring(n))
            return table.concat(parts)
        end
        parts[#parts + 1] = tostring(buffer:first(n))
    end
end

local content = {}
for i = 1, 60000 do
    content[i] = ("%07d,"):format(i)
end
content = table.concat(content) -- 480,000 bytes: more than one chunk

local opened

local function open(text)
    local path = temporary_directory.make() .. "/file"
    text_file.write(path, text or content)
    opened = file.random_access.new()
    opened:open(path, { "read_only" })
    return opened, path
end

describe("send_file", function()
    after_each(function()
        if opened then opened:close() end
        opened = nil
        temporary_directory.remove_all()
    end)

    -- Sends with these arguments and returns the result and what arrived.
    local function sent(f, ...)
        local a, b = pair()
        local reader = spawn(function() return read_all(b) end)
        local n = a:send_file(f, ...)
        a:close()
        local got = reader:join()
        b:close()
        return n, got
    end

    it("sends a range of a file between a head and a tail", function()
        local f = open()
        local n, got = sent(f, 8, 16, bytes "head ", bytes " tail")
        assert.equal("head 0000002,0000003, tail", got)
        assert.equal(#got, n)
        assert.same({ 16, content:sub(1, 16) }, { sent(f, 0, 16) })
    end)

    it("sends up to the end of the file where the size is 0", function()
        local f = open()
        local n, got = sent(f, 0, 0)
        assert.equal(#content, n)
        assert.is_true(got == content)
        n, got = sent(f, #content - 8, 0, nil, bytes ".")
        assert.same({ 9, "0060000,." }, { n, got })
        assert.same({ 1, "h" }, { sent(f, #content + 5, 0, bytes "h") })
    end)

    it("sends an empty file as its head and tail", function()
        assert.same({ 2, "ht" }, { sent(open "", 0, 0, bytes "h", bytes "t") })
        assert.same({ 0, "" }, { sent(opened, 0, 0) })
    end)

    it("sends in pieces of any size", function()
        local n, got = sent(open(), 0, 0, nil, nil, 4999)
        assert.equal(#content, n)
        assert.is_true(got == content)
    end)

    it("suspends the fiber alone while the peer does not read", function()
        local f = open()
        local a, b = pair()
        a:set_option("send_buffer_size", 65536)
        b:set_option("receive_buffer_size", 65536)
        local order = {}
        local sender = spawn(function()
            for _ = 1, 30 do
                a:send_file(f, 0, 0)
            end
            order[#order + 1] = "sent"
            a:close()
        end)
        yield()
        order[#order + 1] = "others ran"
        assert.is_true(#read_all(b) == 30 * #content)
        sender:join()
        assert.same({ "others ran", "sent" }, order)
        b:close()
    end)

    it("raises eof where the file turns out to be shorter", function()
        local a, b = pair()
        assert.equal(asio_error.misc.eof, raised(a.send_file, a, open "short", 0, 6))
        a:close()
        assert.equal("short", read_all(b))
        b:close()
    end)

    it("raises EPIPE or ECONNRESET, and no SIGPIPE, when the peer is gone", function()
        local f = open()
        local a, b = pair()
        b:close()
        local ok, err
        repeat
            ok, err = pcall(a.send_file, a, f, 0, 0)
        until not ok
        assert.is_true(err.EPIPE or err.ECONNRESET)
        a:close()
    end)

    it("can be canceled, or ended by closing the socket, while it waits", function()
        local f = open()
        for _, how in ipairs { "cancel", "close" } do
            local a, b = pair()
            local count = 0
            local sender = spawn(function()
                while true do
                    count = count + a:send_file(f, 0, 0)
                end
            end)
            settle(function() return count end)
            if how == "cancel" then
                sender:cancel()
                sender:join()
                assert.is_true(sender.cancellation_caught)
                a:close()
            else
                a:close()
                assert.is_true(raised(sender.join, sender).ECANCELED)
            end
            b:close()
        end
        assert.equal(0, (loop.load()))
    end)

    it("reads what is not in the page cache, and sends it", function()
        local f, path = open()
        -- dd writes the file to the disk and drops it from the cache.
        assert(0 == os.execute("dd of=" .. path .. " oflag=nocache conv=notrunc,fdatasync count=0 status=none"))
        local n, got = sent(f, 0, 0)
        assert.equal(#content, n)
        assert.is_true(got == content)
    end)

    it("names the argument that is wrong, and sends nothing then", function()
        local f = open()
        local a, b = pair()
        for _, case in ipairs {
            { 2, nil, 0, 0 },
            { 2, "path", 0, 0 },
            { 3, f, -1, 0 },
            { 3, f, 1.5, 0 },
            { 3, f, 2 ^ 60, 0 },
            { 4, f, 0, -1 },
            { 4, f, 0, nil },
            { 5, f, 0, 1, "head" },
            { 6, f, 0, 1, bytes "head", "tail" },
            { 7, f, 0, 1, bytes "head", nil, -1 },
            { 7, f, 0, 1, bytes "head", nil, 2 ^ 31 },
        } do
            local err = raised(a.send_file, a, unpack(case, 2, 7))
            assert.equal(error_.generic "EINVAL", err)
            assert.equal(case[1], err.arg)
        end
        f:close()
        local err = raised(a.send_file, a, f, 0, 1, bytes "head")
        assert.is_true(err.EBADF)
        assert.equal(2, err.arg)
        a:close()
        assert.equal("", read_all(b))
        assert.is_true(raised(a.send_file, a, open(), 0, 1).EBADF)
        b:close()
    end)
end)
