local byte_span = require "ljos.byte_span"
local collect = require "collect"
local error_ = require "ljos.error"
local ffi = require "ffi"

local int64 = ffi.new("int64_t", 1)
local new, append = byte_span.new, byte_span.append

local function fails(name, arg, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.is_true(error_.is_error(err), tostring(err))
    assert.are.equal(error_.generic(name), err)
    assert.are.equal(arg, err.arg, tostring(err))
    return err
end

local function set(span, key, value) span[key] = value end
local function get(span, key) return span[key] end

-- No integer from 0 to 2^31-1.
local NO_LENGTH = { -1, 0.5, -0.5, 2 ^ 31, 2 ^ 53, 1e300, -1e300, 1 / 0, -1 / 0, 0 / 0, "1", true, {}, print, int64 }
-- No span.
local NO_SPAN = { "abc", 1, true, {}, print, coroutine.create(print), int64, ffi.new "uint8_t[4]" }
NO_SPAN[#NO_SPAN + 1] = ffi.new "struct ljos_completion"

describe("byte_span.new", function()
    it("gives length and capacity", function()
        local cases = { { 0, nil, 0, 0 }, { 0, 5, 0, 5 }, { 3, nil, 3, 3 }, { 3, 3, 3, 3 }, { 3, 10, 3, 10 } }
        for _, make in ipairs { new, byte_span.with_zeros } do
            for _, case in ipairs(cases) do
                local span = make(case[1], case[2])
                assert.are.equal(case[3], #span)
                assert.are.equal(case[4], span.capacity)
            end
        end
    end)

    it("wants integers from 0 to 2^31-1, the capacity not below the length", function()
        for _, make in ipairs { new, byte_span.with_zeros } do
            fails("EINVAL", 1, make)
            fails("EINVAL", 2, make, 3, 2)
            for _, value in ipairs(NO_LENGTH) do
                fails("EINVAL", 1, make, value)
                fails("EINVAL", 1, make, value, 10)
                fails("EINVAL", 2, make, 0, value)
            end
        end
    end)

    it(
        "with_zeros clears the whole capacity",
        function() assert.are.equal(("\0"):rep(40), tostring(byte_span.with_zeros(3, 40):first(40))) end
    )
end)

describe("the type of spans", function()
    it(
        "has its own text",
        function() assert.equal("ctype<struct ljos_span>", tostring(require("ffi").typeof(byte_span.new(1)))) end
    )
end)

describe("byte_span.sub", function()
    it("takes what Go's slices take", function()
        local span = append("abcdef"):sub(1, 4) -- length 4, capacity 6
        local cases = {
            { nil, nil, "abcd", 6 },
            { 1, nil, "abcd", 6 },
            { nil, 2, "ab", 6 },
            { 2, 3, "bc", 5 },
            { 2, nil, "bcd", 5 },
            { 1, 0, "", 6 },
            { 4, 3, "", 3 },
            { 5, nil, "", 2 },
            { 5, 4, "", 2 },
            { 5, 6, "ef", 2 },
            { 1, 6, "abcdef", 6 },
            { 7, 6, "", 0 },
        }
        for _, case in ipairs(cases) do
            local result = span:sub(case[1], case[2])
            assert.are.equal(case[3], tostring(result))
            assert.are.equal(#case[3], #result)
            assert.are.equal(case[4], result.capacity)
        end
    end)

    it("raises EINVAL outside of the capacity", function()
        local span = new(4, 6)
        fails("EINVAL", 2, span.sub, span, 0)
        fails("EINVAL", 2, span.sub, span, 6)
        fails("EINVAL", 2, span.sub, span, 3, 1)
        fails("EINVAL", 2, span.sub, span, 8, 6)
        fails("EINVAL", 3, span.sub, span, 1, 7)
        for _, value in ipairs(NO_LENGTH) do
            fails("EINVAL", 2, span.sub, span, value)
            fails("EINVAL", 3, span.sub, span, 1, value)
        end
    end)

    it("shares memory", function()
        local span = append "abcdef"
        local slice = span:sub(3, 4)
        slice[1] = 0x58
        span[4] = 0x59
        assert.are.equal("abXYef", tostring(span))
        assert.are.equal("XY", tostring(slice))
    end)

    it("makes a new object each time", function()
        local span = new(4)
        assert.is_false(rawequal(span, span:sub()))
        local t = { [span] = 1, [span:sub()] = 2 }
        assert.are.equal(1, t[span])
    end)
end)

describe("byte_span.first and last", function()
    it("give the ends of the span; first grows to the capacity", function()
        local span = append("abcdef"):sub(1, 4)
        for count = 0, 6 do
            assert.are.equal(("abcdef"):sub(1, count), tostring(span:first(count)))
            assert.are.equal(6, span:first(count).capacity)
        end
        for count = 0, 4 do
            assert.are.equal(("abcd"):sub(5 - count), tostring(span:last(count)))
            assert.are.equal(2 + count, span:last(count).capacity)
        end
    end)

    it("raise EINVAL for any other count", function()
        local span = new(4, 6)
        fails("EINVAL", 2, span.first, span)
        fails("EINVAL", 2, span.last, span)
        fails("EINVAL", 2, span.first, span, 7)
        fails("EINVAL", 2, span.last, span, 5)
        for _, value in ipairs(NO_LENGTH) do
            fails("EINVAL", 2, span.first, span, value)
            fails("EINVAL", 2, span.last, span, value)
        end
    end)
end)

describe("byte_span.copy", function()
    it("copies the smaller number of bytes", function()
        for _, source in ipairs { "", "x", "xyz", "vwxyz" } do
            for _, make in ipairs { tostring, append } do
                local span = append("abc"):first(3)
                local count = math.min(3, #source)
                assert.are.equal(count, span:copy(make(source)))
                assert.are.equal(source:sub(1, count) .. ("abc"):sub(count + 1), tostring(span))
            end
        end
    end)

    it("never touches what lies beyond the length", function()
        local span = append "abcdef"
        assert.are.equal(2, span:first(2):copy "XYZ")
        assert.are.equal("XYcdef", tostring(span))
    end)

    it("copies overlapping spans as if through another buffer", function()
        for from = 1, 9 do
            for to = 1, 9 do
                local span = append "12345678"
                local source = tostring(span:sub(from))
                local count = span:sub(to):copy(span:sub(from))
                assert.are.equal(math.min(9 - from, 9 - to), count)
                assert.are.equal(
                    ("12345678"):sub(1, to - 1) .. source:sub(1, count) .. ("12345678"):sub(to + count),
                    tostring(span)
                )
            end
        end
    end)

    it("wants a string or a span", function()
        for _, value in ipairs { 1, true, {}, print, int64 } do
            fails("EINVAL", 2, append("x").copy, append "x", value)
        end
        fails("EINVAL", 2, append("x").copy, append "x")
    end)
end)

describe("byte_span.append", function()
    it("makes a span of strings and spans, without a first one", function()
        assert.are.equal("", tostring(append()))
        assert.are.equal("", tostring(append(nil)))
        assert.are.equal("", tostring(append(nil, "")))
        assert.are.equal("abc", tostring(append "abc"))
        assert.are.equal("0 17 1\n", tostring(append("0 ", tostring(17), " 1\n")))
        assert.are.equal("abcd", tostring(append(nil, "ab", nil, append "cd", nil)))
    end)

    it("writes in place where the capacity holds it, visible to others", function()
        local span = byte_span.with_zeros(2, 6)
        local longer = span:append "abc"
        assert.are.equal("\0\0abc", tostring(longer))
        assert.are.equal(6, longer.capacity)
        assert.are.equal(2, #span)
        assert.are.equal("\0\0abc\0", tostring(span:first(6)))
        span:append("XYZ", append "!")
        assert.are.equal("\0\0XYZ", tostring(longer))
        assert.are.equal("\0\0XYZ!", tostring(longer:first(6)))
    end)

    it("leaves its span alone where it has to grow", function()
        local span = append "ab"
        local longer = span:append("c", append "d")
        longer[1] = 0x58
        assert.are.equal("ab", tostring(span))
        assert.are.equal("Xbcd", tostring(longer))
        assert.is_true(longer.capacity >= 4)
    end)

    it("gives another object on the same memory when there is nothing to append", function()
        for _, same in ipairs { append("ab"):append(), append("ab"):append(nil), append("ab"):append(nil, nil) } do
            assert.are.equal("ab", tostring(same))
        end
        local span = append "ab"
        for _, other in ipairs { span:append(), span:append(nil), span:append "", span:append("", nil) } do
            assert.is_false(rawequal(span, other))
            other[1] = other[1] + 1
        end
        assert.are.equal("eb", tostring(span))
    end)

    it("takes its sources as they were before the call, wherever they lie", function()
        local function fresh() return append("abcdefghijkl"):first(4) end
        local span = fresh()
        assert.are.equal("abcdabcd", tostring(span:append(span)))
        span = fresh()
        assert.are.equal("abcdfghi", tostring(span:append(span:sub(6, 9))))
        span = fresh()
        assert.are.equal("abcdbcdexy", tostring(span:append(span:sub(2, 5), "xy")))
        span = fresh()
        assert.are.equal("abcdxyef", tostring(span:append("xy", span:sub(5, 6))))
        span = fresh()
        assert.are.equal("abcdefghabcd", tostring(span:append(span:sub(5, 8), span)))
        span = fresh()
        assert.are.equal("abcdklefcd", tostring(span:append(span:sub(11, 12), span:sub(5, 6), span:sub(3, 4))))
        span = append "abc"
        assert.are.equal("abcabcabcabc", tostring(span:append(span, span, span)))
    end)

    it("takes any number of arguments", function()
        for count = 0, 40 do
            local sources, expected = {}, {}
            for i = 1, count do
                if i % 5 ~= 0 then
                    expected[#expected + 1] = ("%d,"):format(i)
                    sources[i] = i % 2 == 0 and append(expected[#expected]) or expected[#expected]
                end
            end
            local text = table.concat(expected)
            assert.are.equal(text, tostring(append(unpack(sources, 1, count))))
            assert.are.equal("x" .. text, tostring(append("x"):append(unpack(sources, 1, count))))
            local span = new(200):first(1):fill(0x78)
            assert.are.equal("x" .. text, tostring(span:append(unpack(sources, 1, count))))
            assert.are.equal("x" .. text, tostring(span:first(1 + #text)))
        end
        local span = append("abcdefghijklmnopqrstuvwxyz"):first(1)
        local z, b = span:sub(26, 26), span:sub(2, 2)
        assert.are.equal("azbzbzbzbzb", tostring(span:append(z, b, z, b, z, b, z, b, z, b)))
    end)

    it("names the argument of a wrong type among many", function()
        for _, at in ipairs { 2, 7, 8, 9, 15, 16, 17, 30 } do
            local sources = { append "abc" }
            for i = 2, 30 do
                sources[i] = i == at and 1 or "x"
            end
            fails("EINVAL", at, append, unpack(sources))
            sources[1] = "abc"
            fails("EINVAL", at, append, unpack(sources))
        end
    end)

    it("names the argument of a wrong type and writes nothing", function()
        local span = append("abcdef"):first(2)
        for _, value in ipairs { 1, true, {}, print, int64, ffi.new "uint8_t[4]" } do
            fails("EINVAL", 1, append, value)
            fails("EINVAL", 2, append, span, value)
            fails("EINVAL", 2, append, nil, value)
            fails("EINVAL", 3, append, span, "xy", value)
            fails("EINVAL", 4, span.append, span, "xy", nil, value, "z")
        end
        assert.are.equal("abcdef", tostring(span:first(6)))
    end)

    it("refuses a sum beyond 2^31-1", function()
        -- Its memory is never touched.
        local byte = ffi.new "uint8_t[1]"
        local big = byte_span.slice(byte, byte, 2 ^ 30, 2 ^ 30)
        fails("EINVAL", "total length", append, nil, big, big)
        fails("EINVAL", "total length", big.append, big, big)
        fails("EINVAL", "total length", big.append, big, "", big)
    end)

    it("costs a logarithmic number of copies in a loop", function()
        local span, moves = new(0), 0
        for i = 1, 10000 do
            local before = span.capacity
            span = span:append(string.char(i % 256))
            if span.capacity ~= before then moves = moves + 1 end
        end
        assert.are.equal(10000, #span)
        assert.is_true(moves < 20)
        for i = 1, 10000 do
            assert.are.equal(i % 256, span[i])
        end
    end)
end)

describe("byte_span.fill", function()
    it("sets the length, not the capacity, and returns the span", function()
        local span = byte_span.with_zeros(2, 4)
        assert.is_true(rawequal(span, span:fill(0x61)))
        assert.are.equal("aa\0\0", tostring(span:first(4)))
        assert.are.equal("\255\255", tostring(span:fill(255)))
        assert.are.equal("\0\0", tostring(span:fill(0)))
        assert.are.equal("", tostring(new(0):fill(1)))
    end)

    it("wants an integer from 0 to 255", function()
        local span = append "ab"
        fails("EINVAL", 2, span.fill, span)
        fails("EINVAL", 2, span.fill, span, 256)
        for _, value in ipairs(NO_LENGTH) do
            fails("EINVAL", 2, span.fill, span, value)
        end
        assert.are.equal("ab", tostring(span))
    end)
end)

describe("the bytes of a span", function()
    it("are read and written by position", function()
        local span = byte_span.with_zeros(3, 5)
        span[1], span[2], span[3] = 0, 128, 255
        assert.are.same({ 0, 128, 255 }, { span[1], span[2], span[3] })
        assert.are.equal("number", type(span[1]))
        span[1], span[2] = 65.9, -0.5
        assert.are.same({ 65, 0 }, { span[1], span[2] })
    end)

    it("lie within 1..length: else ERANGE", function()
        local span = new(3, 5)
        for _, key in ipairs { 0, 4, 5, -1, 2 ^ 31, 2 ^ 32 + 1, 1e300, 1 / 0, -1 / 0 } do
            fails("ERANGE", 2, get, span, key)
            fails("ERANGE", 2, set, span, key, 1)
        end
        fails("ERANGE", 2, get, new(0), 1)
        fails("ERANGE", 2, set, new(0, 3), 1, 1)
        for _, key in ipairs { 1.5, 2.999, 0 / 0 } do
            fails("EINVAL", 2, get, span, key)
            fails("EINVAL", 2, set, span, key, 1)
        end
    end)

    it("are numbers within 0..255: else ERANGE, and EINVAL for what is no number", function()
        local span = append "abc"
        for _, value in ipairs { 256, -1, 1e300, -1e300, 1 / 0, 2 ^ 32 } do
            fails("ERANGE", 3, set, span, 1, value)
        end
        for _, value in ipairs { "1", "x", true, {}, print, int64, 0 / 0 } do
            fails("EINVAL", 3, set, span, 1, value)
        end
        fails("EINVAL", 3, set, span, 1, nil)
        assert.are.equal("abc", tostring(span))
    end)
end)

describe("the fields of a span", function()
    it("are its methods and its capacity: else bad_index", function()
        local span = append "abc"
        assert.are.equal(3, span.capacity)
        for _, key in ipairs { "foo", "new", "with_zeros", "slice", "", true, print, int64 } do
            local ok, err = pcall(get, span, key)
            assert.is_false(ok)
            assert.is_true(error_.is_core(err, "bad_index"))
            assert.are.equal(2, err.index)
        end
    end)

    it("cannot be written", function()
        local span = append "abc"
        for _, key in ipairs { "foo", "capacity", "sub", "1", true, int64 } do
            local ok, err = pcall(set, span, key, 1)
            assert.is_false(ok)
            assert.are.equal(error_.generic "EPERM", err)
        end
        for _, key in ipairs { "ptr", "len", "cap" } do
            assert.is_false((pcall(set, span, key, 1)))
        end
        assert.are.equal("abc", tostring(span))
        assert.are.equal(3, span.capacity)
    end)
end)

describe("==", function()
    it("compares content and length, of spans only", function()
        assert.is_true(append "abc" == append "abc")
        assert.is_true(append "" == new(0))
        assert.is_true(append("xabcx"):sub(2, 4) == append "abc")
        assert.is_false(append "abc" == append "abd")
        assert.is_false(append "abc" == append "ab")
        assert.is_false(append "abc" == append "abcd")
        for _, value in ipairs(NO_SPAN) do
            assert.is_false(append "abc" == value)
            assert.is_true(append "abc" ~= value)
        end
        assert.is_false(append "abc" == nil)
        assert.is_false(nil == append "abc")
    end)
end)

describe("tostring", function()
    it("gives the bytes", function()
        local every = {}
        for i = 0, 255 do
            every[i + 1] = string.char(i)
        end
        local text = table.concat(every)
        assert.are.equal(text, tostring(append(text)))
        assert.are.equal("", tostring(new(0)))
        assert.are.equal("", tostring(new(0, 9)))
    end)
end)

describe("is and check", function()
    it("know a span from anything else", function()
        local span = new(1)
        assert.is_true(byte_span.is(span))
        assert.is_true(rawequal(span, byte_span.check(span, 1)))
        for _, value in ipairs(NO_SPAN) do
            assert.is_false(byte_span.is(value))
            local err = fails("EINVAL", 7, byte_span.check, value, 7)
            assert.are.equal("byte_span expected, got " .. type(value), err.detail)
        end
        assert.is_false(byte_span.is(nil))
        fails("EINVAL", "buffer", byte_span.check, nil, "buffer")
    end)
end)

describe("spans and a naive model of shared memory", function()
    -- A model span is {bytes, offset, len, cap}; `bytes` is a table that model spans share.
    local function model_text(m)
        local out = {}
        for i = 1, m.len do
            out[i] = string.char(m.bytes[m.offset + i])
        end
        return table.concat(out)
    end

    local function model_write(m, at, text)
        for i = 1, #text do
            m.bytes[m.offset + at + i - 1] = text:byte(i)
        end
    end

    local function random_text(longest)
        local out = {}
        for i = 1, math.random(0, longest) do
            out[i] = string.char(math.random(0, 255))
        end
        return table.concat(out)
    end

    -- Each applies one random operation to a span and to its model, and returns the new pair.
    local operations = {
        function(span, m)
            local last = math.random(0, m.cap)
            local first = math.random(1, last + 1)
            local model =
                { bytes = m.bytes, offset = m.offset + first - 1, len = last - first + 1, cap = m.cap - first + 1 }
            return span:sub(first, last), model
        end,
        function(span, m)
            local count = math.random(0, m.len)
            local skipped = m.len - count
            local model = { bytes = m.bytes, offset = m.offset + skipped, len = count, cap = m.cap - skipped }
            return span:last(count), model
        end,
        function(span, m)
            local text = random_text(8)
            span:copy(text)
            model_write(m, 1, text:sub(1, m.len))
            return span, m
        end,
        function(span, m, other, other_model)
            assert.are.equal(math.min(m.len, other_model.len), span:copy(other))
            model_write(m, 1, model_text(other_model):sub(1, m.len))
            return span, m
        end,
        function(span, m)
            local byte = math.random(0, 255)
            span:fill(byte)
            model_write(m, 1, string.char(byte):rep(m.len))
            return span, m
        end,
        function(span, m)
            if m.len == 0 then return span, m end
            local at, byte = math.random(1, m.len), math.random(0, 255)
            span[at] = byte
            model_write(m, at, string.char(byte))
            return span, m
        end,
        function(span, m, other, other_model)
            local text = random_text(4)
            local added = model_text(other_model) .. text .. model_text(m)
            local before = model_text(m)
            local result = span:append(other, text, nil, span)
            local len = m.len + #added
            if len <= m.cap then
                model_write(m, m.len + 1, added)
                return result, { bytes = m.bytes, offset = m.offset, len = len, cap = m.cap }
            end
            local fresh = { bytes = {}, offset = 0, len = len, cap = result.capacity }
            for i = 1, fresh.cap do
                fresh.bytes[i] = 0
            end
            model_write(fresh, 1, before .. added)
            return result, fresh
        end,
    }

    it("agree after any sequence of operations", function()
        local seed = os.time()
        math.randomseed(seed)
        for _ = 1, 300 do
            local spans, models = {}, {}
            for i = 1, 3 do
                local text = random_text(20)
                spans[i], models[i] =
                    append(text), { bytes = { text:byte(1, -1) }, offset = 0, len = #text, cap = #text }
            end
            for _ = 1, 30 do
                local i, j = math.random(#spans), math.random(#spans)
                local span, m = operations[math.random(#operations)](spans[i], models[i], spans[j], models[j])
                if #span < 200 then
                    local slot = math.random(1, 8)
                    if slot > #spans then slot = #spans + 1 end
                    spans[slot], models[slot] = span, m
                end
                for k = 1, #spans do
                    local same = model_text(models[k]) == tostring(spans[k]) and models[k].cap == spans[k].capacity
                    if not same then error(("span %d differs, seed %d"):format(k, seed)) end
                end
            end
        end
    end)
end)

describe("every method", function()
    it("names argument 1 when it is called on something else", function()
        local methods = 0
        for name, method in pairs(byte_span) do
            -- These have no self, or take anything for it.
            local free = name == "new" or name == "with_zeros" or name == "append"
            local internal = name == "slice" or name == "allocate" or name == "is" or name == "check"
            if not free and not internal then
                methods = methods + 1
                fails("EINVAL", 1, method)
                for _, value in ipairs(NO_SPAN) do
                    fails("EINVAL", 1, method, value, 1, 1)
                end
            end
        end
        assert.are.equal(67, methods)
    end)
end)

describe("the memory of a span", function()
    it("lives as long as any span on it", function()
        local slices, expected = {}, {}
        for i = 1, 200 do
            local owner = append(("%06d"):format(i):rep(50))
            local slice = owner:sub(7):sub(7, 12):first(6)
            slices[i], expected[i] = slice, ("%06d"):format(i)
        end
        for _ = 1, 3 do
            collectgarbage()
            for i = 1, 2000 do
                new(300):fill(i % 256) -- reuse what was freed
            end
        end
        for i = 1, 200 do
            assert.are.equal(expected[i], tostring(slices[i]))
        end
    end)

    it("is freed with the last of them, however long the chain of slices was", function()
        local span = new(1000)
        for _ = 1, 500 do
            local buffer = new(1000)
            span = buffer:append(nil):sub(2):sub(1, 10)
        end
        for _ = 1, 500 do
            span = span:sub(1, 10)
        end
        local alive = setmetatable({}, { __mode = "v" })
        local buffer = ffi.new("uint8_t[?]", 100)
        alive[1] = buffer
        span = byte_span.slice(buffer, buffer, 100, 100)
        buffer = nil -- luacheck: ignore
        for _ = 1, 50 do
            span = span:sub(1)
        end
        collectgarbage()
        assert.is_truthy(alive[1])
        span = nil -- luacheck: ignore
        collect()
        assert.is_nil(alive[1])
    end)

    it("may belong to any object, through slice", function()
        local buffer = ffi.new("uint8_t[?]", 4, 1, 2, 3, 4)
        local span = byte_span.slice(buffer, buffer + 1, 2, 3)
        assert.are.same({ 2, 3, 2, 3 }, { span[1], span[2], #span, span.capacity })
        local inner = byte_span.slice(span, span.ptr + 1, 1, 2)
        buffer, span = nil, nil -- luacheck: ignore
        collect()
        assert.are.equal(4, inner:first(2)[2])
    end)
end)
