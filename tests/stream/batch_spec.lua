local asio_error = require "ljos.asio_error"
local generic_error = require "ljos.generic_error"
local regex = require "ljos.regex"
local scanner = require("ljos.stream").scanner

-- A stream that gives `size` bytes at a time.
local function source(text, size)
    local input = { at = 0 }
    function input:read_some(buffer)
        if self.at == #text then error(asio_error.misc.eof, 0) end
        local count = buffer:copy(text:sub(self.at + 1, self.at + (size or #text)))
        self.at = self.at + count
        return count
    end
    return input
end

local function awk(text, size) return scanner.with_awk_defaults(source(text, size)) end

local function caught(f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    return err
end

local function first_batch(s)
    local step, batch = s:each_batch()
    return assert(step(batch))
end

describe("each_batch", function()
    it("counts all records, the last without a terminator too", function()
        for size = 1, 20 do
            local s = awk("a\nbb\n\nccc\nd", size)
            local count = 0
            for batch in s:each_batch() do
                assert.is_true(batch.count > 0)
                count = count + batch.count
            end
            assert.equal(5, count)
            assert.equal(5, s.record_number)
            assert.equal("", s.record_terminator)
        end
    end)

    it("does nothing for an empty stream", function()
        for _ in awk(""):each_batch() do
            error "a batch of nothing"
        end
    end)

    it("sums a column of long input as AWK would", function()
        local lines, sum = {}, 0
        for i = 1, 20000 do
            local value = (i * 7919) % 100003 - 50000
            lines[i] = ("  %d word%d %d.25 more words here \n"):format(i, i, value)
            sum = sum + tonumber(value .. ".25")
        end
        local s, got, count = awk(table.concat(lines), 10000), 0, 0
        for batch in s:each_batch() do
            got, count = got + batch:sum(3), count + batch.count
        end
        assert.equal(sum, got)
        assert.equal(20000, count)
    end)

    it("goes on after get_line, and get_line after it", function()
        local s = awk("1 a\n2 b\n3 c\n4 d\n5", 8)
        assert.equal("1", tostring(s:get_line()[1]))
        local batch = first_batch(s)
        assert.equal(1, batch.count)
        assert.equal("2", batch:text(1, 1))
        assert.equal("\n", s.record_terminator)
        assert.is_true(caught(s.buffered_line, s) == generic_error.EINVAL)
        assert.equal("3", tostring(s:get_line()[1]))
        assert.equal(3, s.record_number)
        local rest = {}
        for more in s:each_batch() do
            for i = 1, more.count do
                rest[#rest + 1] = more:text(i, 1)
            end
        end
        assert.same({ "4", "5" }, rest)
    end)

    it("follows the options when they change between two batches", function()
        local s = scanner.new { stream = source("a b\nc,d\n", 4), field_separator = " " }
        local step, batch = s:each_batch()
        assert.equal("b", assert(step(batch)):text(1, 2))
        s.field_separator = ","
        assert.equal("d", assert(step(batch)):text(1, 2))
        assert.is_nil(step(batch))
    end)

    it("passes errors on and loses nothing", function()
        local calls = 0
        local stream = {
            read_some = function(_, buffer)
                calls = calls + 1
                if calls == 2 then error(asio_error.basic.timed_out, 0) end
                if calls == 4 then error(asio_error.misc.eof, 0) end
                return buffer:copy(calls == 1 and "one\ntw" or "o\n")
            end,
        }
        local step, batch = scanner.new({ stream = stream }):each_batch()
        assert.equal("one", assert(step(batch)):text(1, 0))
        assert.is_true(caught(step, batch) == asio_error.basic.timed_out)
        assert.equal("two", assert(step(batch)):text(1, 0))
        assert.is_nil(step(batch))
    end)

    it("raises EMSGSIZE at a record that is too long, after the records before it", function()
        local s = scanner.new { stream = source "a\nbb\n123456\nc\n", max_record_size = 5 }
        local step, batch = s:each_batch()
        assert.equal(2, assert(step(batch)).count)
        assert.is_true(caught(step, batch) == generic_error.EMSGSIZE)
        s.max_record_size = 6
        assert.equal(2, assert(step(batch)).count)
    end)

    it("says so where the native tokeniser cannot", function()
        local digits = regex.new { pattern = "[0-9]", grammar = "extended" }
        local s = scanner.new { stream = source "a1b\n", record_separator = digits }
        assert.is_true(caught(first_batch, s) == generic_error.ENOTSUP)
        s = scanner.new { stream = source "a1b\n", field_separator = digits }
        local batch = first_batch(s)
        assert.equal("a1b", batch:text(1, 0))
        assert.is_true(caught(batch.sum, batch, 1) == generic_error.ENOTSUP)
        batch = first_batch(scanner.new { stream = source "a\n" })
        assert.is_true(caught(batch.text, batch, 1, 1) == generic_error.ENOTSUP)
    end)
end)

describe("a batch", function()
    it("gives fields as strings, the trimmed record as column 0, nothing for a field that is not there", function()
        local batch = first_batch(awk " a  b \nc\n\n")
        assert.equal(3, batch.count)
        assert.same({ "a  b", "a", "b", "" }, {
            batch:text(1, 0),
            batch:text(1, 1),
            batch:text(1, 2),
            batch:text(1, 3),
        })
        assert.same({ "c", "c", "" }, { batch:text(2, 0), batch:text(2, 1), batch:text(2, 2) })
        assert.same({ "", "" }, { batch:text(3, 0), batch:text(3, 1) })
    end)

    it("reads numbers as AWK does", function()
        local batch =
            first_batch(scanner.new { stream = source "x,12\nx,-1.5e1z\nx,abc\nx\nx, +.5\n", field_separator = "," })
        local numbers = batch:numbers(2)
        local list = {}
        for i = 1, batch.count do
            list[i] = numbers[i - 1]
        end
        assert.same({ 12, -15, 0, 0, 0.5 }, list)
        assert.equal(-2.5, batch:sum(2))
        assert.equal(0, batch:sum(99))
    end)

    it("reads exponents, and digits of any number, as Lua does", function()
        local texts, expected = {}, {}
        local function add(text, value)
            texts[#texts + 1], expected[#expected + 1] = text, value or tonumber(text)
        end
        for _, text in ipairs { "1e2", "1E2", "1e+2", "1e-2", "-2.5e-3", "+1e0", "1e400", "1e-400", ".5e1", "5.e1" } do
            add(text)
        end
        for text, value in pairs { ["1e"] = 1, ["1e+"] = 1, ["1e-x"] = 1, ["2.5e3x"] = 2500, ["1e5.5"] = 1e5 } do
            add(text, value)
        end
        local seed = tonumber(os.getenv "LJOS_SEED") or os.time()
        math.randomseed(seed)
        for _ = 1, 300 do
            local digits = {}
            for i = 1, math.random(1, 30) do
                digits[i] = math.random(0, 9)
            end
            local text = table.concat(digits)
            local point = math.random(0, #text)
            text = text:sub(1, point) .. "." .. text:sub(point + 1)
            add(("%s%se%d"):format(math.random(2) == 1 and "-" or "", text, math.random(-320, 320)))
        end
        local done = 0
        for batch in scanner.new({ stream = source(table.concat(texts, "\n") .. "\n") }):each_batch() do
            local numbers = batch:numbers(0)
            for i = 1, batch.count do
                done = done + 1
                assert.equal(expected[done], numbers[i - 1], texts[done] .. ", seed " .. seed)
            end
        end
        assert.equal(#texts, done)
    end)

    it("is over once the scanner moves on", function()
        local s = awk "1\n2\n"
        local batch = first_batch(s)
        caught(s.get_line, s)
        for _, call in ipairs { "sum", "numbers" } do
            assert.is_true(caught(batch[call], batch, 1) == generic_error.EINVAL)
        end
        assert.is_true(caught(batch.text, batch, 1, 1) == generic_error.EINVAL)
    end)

    it("names the argument that is wrong", function()
        local batch = first_batch(awk "1\n2\n")
        for _, column in ipairs { -1, "1", 2 ^ 31, 0 / 0 } do
            assert.equal("column", caught(batch.sum, batch, column).arg)
        end
        for _, i in ipairs { 0, 3, "1", 0 / 0 } do
            assert.equal("i", caught(batch.text, batch, i, 1).arg)
        end
    end)
end)
