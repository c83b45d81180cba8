local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local ffi = require "ffi"

local INTEGERS = { "i8" }
for bits = 16, 48, 8 do
    for _, kind in ipairs { "u", "i" } do
        INTEGERS[#INTEGERS + 1] = kind .. bits
    end
end

local function bits_of(name) return tonumber(name:sub(2)) end

local function limits(name)
    local bits = bits_of(name)
    if name:sub(1, 1) == "u" then return 0, 2 ^ bits - 1 end
    return -2 ^ (bits - 1), 2 ^ (bits - 1) - 1
end

local function orders_of(name) return name == "i8" and { "" } or { "be", "le" } end

-- The naive oracle: most significant byte first.
local function bytes_of(n, size)
    local out = {}
    if n < 0 then n = n + 256 ^ size end
    for i = size, 1, -1 do
        out[i] = string.char(n % 256)
        n = math.floor(n / 256)
    end
    return table.concat(out)
end

-- Sets in the middle of something longer; returns what is there then.
local function stored(name, order, size, n)
    local whole = byte_span.append "0123456789"
    local span = whole:sub(2, size + 1)
    span["set_" .. name .. order](span, n)
    local kept = ("0123456789"):sub(1, 1) .. tostring(span) .. ("0123456789"):sub(size + 2)
    if tostring(whole) ~= kept then error(name .. " wrote outside of its span") end
    return tostring(span), span
end

local function check(name, n, context)
    local size = bits_of(name) / 8
    for _, order in ipairs(orders_of(name)) do
        local bytes = bytes_of(n, size)
        if order == "le" then bytes = bytes:reverse() end
        local got, span = stored(name, order, size, n)
        if got ~= bytes or span["get_" .. name .. order](span) ~= n then
            error(("%s%s(%.17g) gave %q, not %q %s"):format(name, order, n, got, bytes, context or ""))
        end
    end
end

local function fails(errno, arg, name, span, ...)
    local before = tostring(span)
    local ok, err = pcall(span[name], span, ...)
    assert.is_false(ok)
    assert.is_true(error_.is_error(err), tostring(err))
    assert.are.equal(error_.generic(errno), err)
    assert.are.equal(arg, err.arg)
    assert.are.equal(before, tostring(span))
end

describe("the setters of byte_span", function()
    it("write known values", function()
        assert.are.equal("\1\2", (stored("u16", "be", 2, 0x0102)))
        assert.are.equal("\2\1", (stored("u16", "le", 2, 0x0102)))
        assert.are.equal("\255\254\253\252", (stored("u32", "be", 4, 0xfffefdfc)))
        assert.are.equal("\1\2\3\4\5", (stored("u40", "be", 5, 0x0102030405)))
        assert.are.equal("\6\5\4\3\2\1", (stored("u48", "le", 6, 0x010203040506)))
        assert.are.equal("\255\255\255\255\255\254", (stored("i48", "be", 6, -2)))
        assert.are.equal("\128", (stored("i8", "", 1, -128)))
        assert.are.equal("\63\192\0\0", (stored("f32", "be", 4, 1.5)))
        assert.are.equal("\154\153\153\153\153\153\185\191", (stored("f64", "le", 8, -0.1)))
        assert.are.equal("\127\128\0\0", (stored("f32", "be", 4, 1e300)))
        assert.are.equal("\255\240\0\0\0\0\0\0", (stored("f64", "be", 8, -1 / 0)))
        assert.are.equal("\128\0\0\0", (stored("f32", "be", 4, -0.0 * 1)))
    end)

    it("agree with the oracle around every power of two", function()
        for _, name in ipairs(INTEGERS) do
            local low, high = limits(name)
            for power = 0, 48 do
                for delta = -1, 1 do
                    for _, n in ipairs { 2 ^ power + delta, -(2 ^ power) + delta } do
                        if n >= low and n <= high then check(name, n) end
                    end
                end
            end
        end
    end)

    it("agree with the oracle for random numbers", function()
        local seed = os.time()
        math.randomseed(seed)
        for _ = 1, 300 do
            for _, name in ipairs(INTEGERS) do
                local low, high = limits(name)
                check(name, math.floor(low + math.random() * (high - low)), "seed " .. seed)
            end
        end
    end)

    it("write floating point numbers that the getters read back", function()
        local seed = os.time()
        math.randomseed(seed)
        local numbers = { 0, 1, -1, 0.1, 2 ^ -1074, 2 ^ -1022, 2 ^ 1023, 1 / 0, -1 / 0, 2 ^ 53, -2 ^ 63 }
        for _ = 1, 500 do
            numbers[#numbers + 1] = math.ldexp(math.random() - 0.5, math.random(-1070, 1023))
        end
        local single = ffi.new "float[1]"
        for _, n in ipairs(numbers) do
            single[0] = n
            for _, order in ipairs { "be", "le" } do
                local bytes, span = stored("f64", order, 8, n)
                assert.are.equal(n, span["get_f64" .. order](span), "seed " .. seed)
                local swapped = byte_span.append(bytes:reverse())
                assert.are.equal(n, swapped["get_f64" .. (order == "be" and "le" or "be")](swapped))
                _, span = stored("f32", order, 4, n)
                assert.are.equal(tonumber(single[0]), span["get_f32" .. order](span), "seed " .. seed)
            end
        end
        local _, span = stored("f64", "be", 8, 0 / 0)
        local nan = span:get_f64be()
        assert.is_true(nan ~= nan)
    end)

    it("raise ERANGE for a number that does not fit", function()
        for _, name in ipairs(INTEGERS) do
            local low, high = limits(name)
            for _, order in ipairs(orders_of(name)) do
                local span = byte_span.with_zeros(bits_of(name) / 8)
                for _, n in ipairs { low - 1, high + 1, 2 ^ 53, -2 ^ 53, 1e300, -1e300, 1 / 0, -1 / 0 } do
                    fails("ERANGE", 2, "set_" .. name .. order, span, n)
                end
            end
        end
    end)

    it("raise EINVAL for what is no integer, or no number", function()
        local int64 = ffi.new("int64_t", 1)
        for _, name in ipairs(INTEGERS) do
            for _, order in ipairs(orders_of(name)) do
                local span = byte_span.with_zeros(bits_of(name) / 8)
                fails("EINVAL", 2, "set_" .. name .. order, span)
                for _, n in ipairs { 1.5, 0 / 0, "1", true, {}, print, int64 } do
                    fails("EINVAL", 2, "set_" .. name .. order, span, n)
                end
            end
        end
        for _, name in ipairs { "f32be", "f32le", "f64be", "f64le" } do
            local span = byte_span.with_zeros(name:sub(1, 3) == "f32" and 4 or 8)
            fails("EINVAL", 2, "set_" .. name, span)
            for _, n in ipairs { "1", true, {}, print, int64 } do
                fails("EINVAL", 2, "set_" .. name, span, n)
            end
        end
    end)

    it("raise EINVAL for a span of another size", function()
        local names = { f32be = 4, f32le = 4, f64be = 8, f64le = 8 }
        for _, name in ipairs(INTEGERS) do
            for _, order in ipairs(orders_of(name)) do
                names[name .. order] = bits_of(name) / 8
            end
        end
        for name, size in pairs(names) do
            for _, length in ipairs { 0, size - 1, size + 1, size + 8 } do
                fails("EINVAL", 1, "set_" .. name, byte_span.with_zeros(length, 64), 1)
            end
        end
    end)
end)
