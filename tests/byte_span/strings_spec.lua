local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local ffi = require "ffi"

local span_of = byte_span.append
-- The two kinds of arguments: a string as it is, a span of it (a slice of something longer).
local KINDS = { tostring, function(text) return span_of("a", text, "b"):sub(2, #text + 1) end }

local function fails(name, arg, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.is_true(error_.is_error(err), tostring(err))
    assert.are.equal(error_.generic(name), err)
    assert.are.equal(arg, err.arg, tostring(err))
end

-- The naive oracles: on strings, byte by byte.
local oracle = {}

function oracle.starts_with(text, prefix) return text:sub(1, #prefix) == prefix end

function oracle.ends_with(text, suffix) return #suffix <= #text and text:sub(#text - #suffix + 1) == suffix end

function oracle.find(text, target, start)
    for at = start or 1, #text - #target + 1 do
        if text:sub(at, at + #target - 1) == target then return at end
    end
end

function oracle.rfind(text, target, end_)
    for at = math.min(end_ or #text + 1, #text - #target + 1), 1, -1 do
        if text:sub(at, at + #target - 1) == target then return at end
    end
end

local function has(set, text, at) return set:find(text:sub(at, at), 1, true) ~= nil end

function oracle.find_first_of(text, set, start)
    for at = start or 1, #text do
        if has(set, text, at) then return at end
    end
end

function oracle.find_first_not_of(text, set, start)
    for at = start or 1, #text do
        if not has(set, text, at) then return at end
    end
end

function oracle.find_last_of(text, set, end_)
    for at = math.min(end_ or #text, #text), 1, -1 do
        if has(set, text, at) then return at end
    end
end

function oracle.find_last_not_of(text, set, end_)
    for at = math.min(end_ or #text, #text), 1, -1 do
        if not has(set, text, at) then return at end
    end
end

function oracle.trimmed(text, set)
    local first = oracle.find_first_not_of(text, set or " \f\n\r\t\v")
    if not first then return "" end
    return text:sub(first, oracle.find_last_not_of(text, set or " \f\n\r\t\v"))
end

local SEARCHES = { "find", "rfind", "find_first_of", "find_last_of", "find_first_not_of", "find_last_not_of" }

local function result_of(span, name, ...)
    local result = span[name](span, ...)
    return byte_span.is(result) and tostring(result) or result
end

-- A comparison by luassert costs 50 microseconds: it is asked only when there is a difference to show.
local function agrees(name, text, argument, position, context)
    local expected = oracle[name](text, argument, position)
    for _, kind in ipairs(KINDS) do
        local result = result_of(KINDS[2](text), name, kind(argument), position)
        if result ~= expected then
            local call = ("%s(%q, %q, %s) %s"):format(name, text, argument, tostring(position), context or "")
            assert.are.equal(expected, result, call)
        end
    end
end

describe("the string algorithms of byte_span", function()
    it("do what is expected of known cases", function()
        local cases = {
            { "starts_with", "abc", "", nil, true },
            { "starts_with", "abc", "ab", nil, true },
            { "starts_with", "abc", "abc", nil, true },
            { "starts_with", "abc", "abcd", nil, false },
            { "starts_with", "abc", "b", nil, false },
            { "starts_with", "", "", nil, true },
            { "ends_with", "abc", "", nil, true },
            { "ends_with", "abc", "bc", nil, true },
            { "ends_with", "abc", "abc", nil, true },
            { "ends_with", "abc", "xabc", nil, false },
            { "ends_with", "abc", "b", nil, false },
            { "find", "abcabc", "bc", nil, 2 },
            { "find", "abcabc", "bc", 2, 2 },
            { "find", "abcabc", "bc", 3, 5 },
            { "find", "abcabc", "bc", 6, nil },
            { "find", "abcabc", "bc", 7, nil },
            { "find", "abc", "", nil, 1 },
            { "find", "abc", "", 3, 3 },
            { "find", "abc", "", 4, 4 },
            { "find", "", "", nil, 1 },
            { "find", "", "x", nil, nil },
            { "find", "a\0b", "\0", nil, 2 },
            { "find", "a\0b", "\0b", nil, 2 },
            { "rfind", "abcabc", "bc", nil, 5 },
            { "rfind", "abcabc", "bc", 5, 5 },
            { "rfind", "abcabc", "bc", 4, 2 },
            { "rfind", "abcabc", "bc", 1, nil },
            { "rfind", "abcabc", "abc", 7, 4 },
            { "rfind", "abc", "", nil, 4 },
            { "rfind", "abc", "", 2, 2 },
            { "rfind", "abc", "abcd", nil, nil },
            { "find_first_of", "abcabc", "cb", nil, 2 },
            { "find_first_of", "abcabc", "cb", 4, 5 },
            { "find_first_of", "abcabc", "xyzvw", nil, nil },
            { "find_first_of", "abc", "", nil, nil },
            { "find_first_of", "abc", "c", 4, nil },
            { "find_last_of", "abcabc", "ba", nil, 5 },
            { "find_last_of", "abcabc", "ba", 4, 4 },
            { "find_last_of", "abcabc", "c", 2, nil },
            { "find_last_of", "abcabc", "c", 7, 6 },
            { "find_first_not_of", "  x ", " ", nil, 3 },
            { "find_first_not_of", "  x ", " ", 4, nil },
            { "find_first_not_of", "  x ", "", nil, 1 },
            { "find_last_not_of", "  x ", " ", nil, 3 },
            { "find_last_not_of", "  x ", " ", 2, nil },
            { "find_last_not_of", "\255x\255", "\255", nil, 2 },
            { "trimmed", " \f\n\r\t\vx y \f\n\r\t\v", nil, nil, "x y" },
            { "trimmed", "  \t", nil, nil, "" },
            { "trimmed", "", nil, nil, "" },
            { "trimmed", "xxaxbxx", "x", nil, "axb" },
            { "trimmed", " a ", "", nil, " a " },
        }
        for _, case in ipairs(cases) do
            local name, text, argument, position, expected = case[1], case[2], case[3], case[4], case[5]
            assert.are.equal(expected, oracle[name](text, argument, position), "the oracle: " .. name)
            for _, kind in ipairs(KINDS) do
                local result = result_of(KINDS[2](text), name, argument and kind(argument), position)
                assert.are.equal(expected, result, ("%s(%q, %q)"):format(name, text, tostring(argument)))
            end
        end
    end)

    it("agree with the oracle for short texts of few letters, at every position", function()
        local texts = { "" }
        for length = 1, 4 do
            for n = 0, 2 ^ length - 1 do
                local text = ""
                for k = 0, length - 1 do
                    text = text .. (math.floor(n / 2 ^ k) % 2 == 0 and "a" or "b")
                end
                texts[#texts + 1] = text
            end
        end
        for _, text in ipairs(texts) do
            for _, argument in ipairs(texts) do
                agrees("starts_with", text, argument)
                agrees("ends_with", text, argument)
                agrees("trimmed", text, argument)
                for _, name in ipairs(SEARCHES) do
                    agrees(name, text, argument)
                    for position = 1, #text + 1 do
                        agrees(name, text, argument, position)
                    end
                end
            end
        end
    end)

    it("agree with the oracle for random bytes", function()
        local seed = os.time()
        math.randomseed(seed)
        local function random_text(longest, letters)
            local out = {}
            for i = 1, math.random(0, longest) do
                out[i] = string.char((math.random(letters) * 97) % 256)
            end
            return table.concat(out)
        end
        for _ = 1, 1500 do
            local letters = math.random(2, 200)
            local text = random_text(math.random(1, 300), letters)
            local target = random_text(6, letters)
            if math.random(2) == 1 and #text > 0 then
                local at = math.random(#text)
                target = text:sub(at, at + math.random(0, 40))
            end
            local position = math.random(2) == 1 and math.random(#text + 1) or nil
            local context = "seed " .. seed
            for _, name in ipairs(SEARCHES) do
                agrees(name, text, target, position, context)
            end
            agrees("starts_with", text, target, nil, context)
            agrees("ends_with", text, target, nil, context)
            agrees("trimmed", text, target, nil, context)
        end
    end)

    it("search the span itself and slices of it", function()
        local span = span_of "abcabc"
        assert.are.equal(1, span:find(span))
        assert.are.equal(4, span:rfind(span:sub(1, 3)))
        assert.are.equal(4, span:find(span:sub(4), 2))
        assert.is_true(span:ends_with(span))
        assert.are.equal("", tostring(span:trimmed(span)))
    end)

    it("never look beyond the length", function()
        local span = span_of("abcdef"):first(3)
        assert.is_nil(span:find "d")
        assert.is_nil(span:find "cd")
        assert.is_nil(span:rfind "cd")
        assert.is_nil(span:find_first_of "def")
        assert.is_false(span:starts_with "abcd")
        span:inplace_upper()
        assert.are.equal("ABCdef", tostring(span:first(6)))
    end)

    it("give slices that share memory, with the capacity that is left", function()
        local span = span_of("  ab  ", "xyz"):first(6)
        local inner = span:trimmed()
        inner[1] = 0x58
        assert.are.equal("  Xb  ", tostring(span))
        assert.are.equal(7, inner.capacity)
        local none = span_of("    ", "xyz"):first(4):trimmed()
        assert.are.same({ 0, 3 }, { #none, none.capacity })
    end)

    it("read the number that tonumber reads in the same text", function()
        local texts = { "", " ", "-", "+", ".", "-.", "e5", "1e", "1e+", "12a", "0x10", "-0x1p4", "inf", "-nan" }
        for _, text in ipairs { " 7 ", "\t7", "1\0", "0", "-0", "+0.0", ".5", "5.", "1LL", "1i" } do
            texts[#texts + 1] = text
        end
        for _, text in ipairs { "1e400", "1e-400", "0e99999", "9007199254740993", ("1"):rep(400) } do
            texts[#texts + 1] = text
        end
        local random = math.random
        math.randomseed(7)
        local alphabet = "0123456789012345678901234567890123456789..-+eEx "
        for _ = 1, 20000 do
            local text = {}
            for i = 1, random(24) do
                local at = random(#alphabet)
                text[i] = alphabet:sub(at, at)
            end
            texts[#texts + 1] = table.concat(text)
            texts[#texts + 1] = ("%.17g"):format((random(2 ^ 30) - 2 ^ 29) * 10 ^ (random(40) - 20))
        end
        for _, text in ipairs(texts) do
            local expected, number = tonumber(text), span_of(text, "9"):first(#text):tonumber()
            if expected == nil or expected == expected then
                assert.are.equal(expected, number, text)
                if expected == 0 then assert.are.equal(1 / expected, 1 / number, text) end
            else
                assert.is_true(number ~= number, text)
            end
        end
    end)

    it("change the case of ASCII letters only, in place", function()
        local every = {}
        for i = 0, 255 do
            every[i + 1] = string.char(i)
        end
        local text = table.concat(every)
        local lower = text:gsub("[A-Z]", function(c) return string.char(c:byte() + 32) end)
        local upper = text:gsub("[a-z]", function(c) return string.char(c:byte() - 32) end)
        local span = span_of(text)
        assert.are.equal(0, select("#", span:inplace_lower()))
        assert.are.equal(lower, tostring(span))
        span:copy(text)
        assert.are.equal(0, select("#", span:inplace_upper()))
        assert.are.equal(upper, tostring(span))
        byte_span.new(0):inplace_lower()
        byte_span.new(0):inplace_upper()
    end)
end)

describe("a wrong argument of the string algorithms", function()
    local int64 = ffi.new("int64_t", 1)

    it("is no string and no span: EINVAL", function()
        local span = span_of "abc"
        for _, name in ipairs(SEARCHES) do
            fails("EINVAL", 2, span[name], span)
            for _, value in ipairs { 1, true, {}, print, int64 } do
                fails("EINVAL", 2, span[name], span, value)
            end
        end
        for _, value in ipairs { 1, true, {}, print, int64 } do
            fails("EINVAL", 2, span.starts_with, span, value)
            fails("EINVAL", 2, span.ends_with, span, value)
            fails("EINVAL", 2, span.trimmed, span, value)
        end
        fails("EINVAL", 2, span.starts_with, span)
        fails("EINVAL", 2, span.ends_with, span)
    end)

    it("is a position outside of 1..length+1: ERANGE", function()
        for _, name in ipairs(SEARCHES) do
            for _, text in ipairs { "", "abc" } do
                local span = span_of(text)
                for _, value in ipairs { 0, -1, #text + 2, 2 ^ 31, 2 ^ 32 + 1, 1e300, 1 / 0, -1 / 0 } do
                    fails("ERANGE", 3, span[name], span, "a", value)
                end
            end
        end
    end)

    it("is a position that is no integer: EINVAL", function()
        local span = span_of "abc"
        for _, name in ipairs(SEARCHES) do
            for _, value in ipairs { 1.5, 0 / 0, "1", true, {}, int64 } do
                fails("EINVAL", 3, span[name], span, "a", value)
            end
        end
    end)
end)
