local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local chunk = require "ljos.stream.chunk"
local scanner = require("ljos.stream").scanner

local function collect()
    for _ = 1, 4 do
        collectgarbage()
        chunk.retire(chunk.take(1)) -- takes notice of the cycle
    end
end

-- Takes chunks of `size` until none comes from the pool, and overwrites them all.
local function spoil(size)
    for _ = 1, 40 do
        chunk.slice(chunk.take(size), 0, size, size):fill(0xee)
    end
end

local function lend_text(text, size)
    local c = chunk.take(size)
    chunk.slice(c, 0, size, size):copy(text)
    return chunk.lend(c, 0, #text), c
end

local function endless_lines()
    local number = 0
    return {
        read_some = function(_, buffer)
            number = number + 1
            return buffer:copy(("line %06d\n"):format(number))
        end,
    }
end

describe("a lent span", function()
    it("keeps its bytes when nobody else holds the chunk", function()
        local span = lend_text("precious", 4096)
        collect()
        spoil(4096)
        assert.equal("precious", tostring(span))
    end)

    it("keeps its bytes when the chunk is retired", function()
        local span, c = lend_text("precious", 4096)
        chunk.retire(c)
        collect()
        spoil(4096)
        assert.equal("precious", tostring(span))
    end)

    it("passes this on to what is made of it", function()
        local piece
        do
            local span, c = lend_text("precious", 4096)
            piece = span:sub(4, 8)
            chunk.retire(c)
        end
        collect()
        spoil(4096)
        assert.equal("cious", tostring(piece))
    end)

    it("has no room", function()
        local span = lend_text("precious", 4096)
        assert.equal(8, span.capacity)
    end)
end)

describe("a retired chunk", function()
    it("is used again once its spans are dead, and not before", function()
        collect()
        local span, c = lend_text("x", 12345)
        chunk.retire(c)
        assert.is_false(rawequal(c, chunk.take(12345)))
        collect()
        assert.is_false(rawequal(c, chunk.take(12345)))
        assert.equal("x", tostring(span))
        span = nil -- luacheck: ignore
        collectgarbage()
        assert.is_true(rawequal(c, chunk.take(12345)))
    end)

    it("is used again at once when it lent nothing", function()
        local c = chunk.take(54321)
        chunk.retire(c)
        assert.is_true(rawequal(c, chunk.take(54321)))
    end)

    it("is never used again when its memory came from elsewhere", function()
        local span = byte_span.new(777)
        local c = chunk.adopt(span)
        chunk.retire(c)
        assert.is_false(rawequal(c, chunk.take(777)))
    end)

    it("is dropped when it is needed no more", function()
        local weak = setmetatable({}, { __mode = "v" })
        do
            local s = scanner.new { stream = endless_lines(), buffer_size_hint = 999 }
            for _ = 1, 1000 do
                s:get_line()
            end
            weak[1] = s.tokens_.chunk
        end
        for _ = 1, 6 do
            collectgarbage()
        end
        assert.is_nil(weak[1])
    end)
end)

describe("memory", function()
    it("stays bounded while records are read and dropped", function()
        local s = scanner.new { stream = endless_lines() }
        local function run(count)
            for _ = 1, count do
                s:get_line()
            end
        end
        -- Memory goes one collection after the last span on it has died.
        local function collected()
            for _ = 1, 4 do
                collectgarbage()
            end
            return collectgarbage "count"
        end
        -- The collector lets more garbage pile up the larger the heap is, so it is run now and then.
        local function steps(count)
            for _ = 1, count do
                run(10000)
                collectgarbage()
            end
        end
        steps(10)
        local before = collected()
        steps(30)
        assert.is_true(collected() < before + 2048)
    end)

    it("stays bounded while long records are read and dropped", function()
        -- In a process of its own: the collector lets more garbage pile up the larger the heap is.
        local pipe = assert(io.popen [[LUA_PATH="lua/?.lua;lua/?/init.lua;;" luajit -e '
            local record = ("x"):rep(100000) .. "\n"
            local stream = { read_some = function(_, buffer) return buffer:copy(record) end }
            local s = require("ljos.stream").scanner.new { stream = stream }
            local function resident()
                local file = io.open "/proc/self/status"
                local kb = file:read("*a"):match "VmRSS:%s*(%d+)"
                file:close()
                return tonumber(kb)
            end
            for _ = 1, 200 do s:get_line() end
            local before = resident()
            for _ = 1, 3000 do s:get_line() end
            io.write(resident() - before)' ]])
        local grown = tonumber(pipe:read "*a")
        pipe:close()
        assert.is_true(grown < 65536, grown .. " KB")
    end)

    it("is let go when a scanner ends, whatever its lines do", function()
        local kept = {}
        for i = 1, 200 do
            local s = scanner.new { stream = endless_lines(), buffer_size_hint = 65536 }
            local line = s:get_line()
            if i % 50 == 0 then kept[#kept + 1] = line end
        end
        for _ = 1, 6 do
            collectgarbage()
        end
        for _, line in ipairs(kept) do
            assert.equal("line 000001", tostring(line))
        end
    end)
end)

describe("the end of the stream", function()
    it("leaves the last lines alive", function()
        local text, lines = ("some line\n"):rep(3000), {}
        local input = { at = 0 }
        function input:read_some(buffer)
            if self.at == #text then error(asio_error.misc.eof, 0) end
            local count = buffer:copy(text:sub(self.at + 1))
            self.at = self.at + count
            return count
        end
        pcall(function()
            local s = scanner.new { stream = input }
            while true do
                lines[#lines + 1] = s:get_line()
            end
        end)
        collect()
        spoil(4096)
        assert.equal(3000, #lines)
        for _, line in ipairs(lines) do
            assert.equal("some line", tostring(line))
        end
    end)
end)

describe("the end of a scanner", function()
    it("that the collector finds in the middle of another clean-up leaves that alone", function()
        local anchor = require "ljos.byte_span.anchor"
        collect()
        local guard = chunk.guard()
        local function lend_and_retire()
            local _, c = lend_text("text", 5000)
            chunk.retire(c)
        end
        lend_and_retire()
        lend_and_retire()
        local owns_others, nested = anchor.owns_others, false
        -- Asked for each dead chunk that is looked at.
        function anchor.owns_others(...)
            if guard then
                guard, nested = nil, true
                collectgarbage()
                collectgarbage()
            end
            return owns_others(...)
        end
        local ok, err = pcall(collect)
        anchor.owns_others = owns_others
        assert(ok, err)
        assert.is_true(nested)
    end)
end)
