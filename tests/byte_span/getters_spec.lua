local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local ffi = require "ffi"

local SIZES = { i8 = 1, f32 = 4, f64 = 8 }
for bits = 16, 48, 8 do
    SIZES["u" .. bits], SIZES["i" .. bits] = bits / 8, bits / 8
end

-- The naive oracle: byte by byte, most significant first.
local function integer(bytes, signed)
    local n = 0
    for i = 1, #bytes do
        n = n * 256 + bytes:byte(i)
    end
    if signed and bytes:byte(1) >= 128 then n = n - 256 ^ #bytes end
    return n
end

-- Sign, exponent and fraction, put together by arithmetic.
local function float(bytes)
    local exponent_bits = #bytes == 4 and 8 or 11
    local fraction_bits = #bytes * 8 - 1 - exponent_bits
    local bias = 2 ^ (exponent_bits - 1) - 1
    -- 64 bits do not fit a double: the first two bytes and the rest apart.
    local head, rest = integer(bytes:sub(1, 2)), integer(bytes:sub(3))
    local rest_bits = (#bytes - 2) * 8
    local sign = head >= 0x8000 and -1 or 1
    head = head % 0x8000
    local head_fraction_bits = 15 - exponent_bits
    local exponent = math.floor(head / 2 ^ head_fraction_bits)
    local fraction = (head % 2 ^ head_fraction_bits) * 2 ^ rest_bits + rest
    if exponent == 2 ^ exponent_bits - 1 then return fraction ~= 0 and 0 / 0 or sign / 0 end
    if exponent == 0 then return sign * math.ldexp(fraction, 1 - bias - fraction_bits) end
    return sign * math.ldexp(2 ^ fraction_bits + fraction, exponent - bias - fraction_bits)
end

local function expected(name, bytes)
    local kind = name:sub(1, 1)
    if kind == "f" then return float(bytes) end
    return integer(bytes, kind == "i")
end

local function same(a, b) return a == b and 1 / a == 1 / b or a ~= a and b ~= b end

local function check(name, bytes, context)
    local n = expected(name, bytes)
    local orders = name == "i8" and { [""] = bytes } or { be = bytes, le = bytes:reverse() }
    for order, stored in pairs(orders) do
        -- Unaligned, and with neighbours that must not count.
        local span = byte_span.append("\255", stored, "\255"):sub(2, #stored + 1)
        local got = span["get_" .. name .. order](span)
        if type(got) ~= "number" or not same(n, got) then
            error(("%s%s of %q: %.17g, not %.17g %s"):format(name, order, stored, got, n, context or ""))
        end
    end
end

describe("the getters of byte_span", function()
    it("read known values", function()
        local span = byte_span.append
        assert.are.equal(0x0102, span("\1\2"):get_u16be())
        assert.are.equal(0x0201, span("\1\2"):get_u16le())
        assert.are.equal(0x010203, span("\1\2\3"):get_u24be())
        assert.are.equal(0x030201, span("\1\2\3"):get_u24le())
        assert.are.equal(0xfffefdfc, span("\255\254\253\252"):get_u32be())
        assert.are.equal(0xfcfdfeff, span("\255\254\253\252"):get_u32le())
        assert.are.equal(0x0102030405, span("\1\2\3\4\5"):get_u40be())
        assert.are.equal(0x0504030201, span("\1\2\3\4\5"):get_u40le())
        assert.are.equal(2 ^ 48 - 1, span("\255\255\255\255\255\255"):get_u48be())
        assert.are.equal(0x060504030201, span("\1\2\3\4\5\6"):get_u48le())
        assert.are.equal(-1, span("\255"):get_i8())
        assert.are.equal(-128, span("\128"):get_i8())
        assert.are.equal(127, span("\127"):get_i8())
        assert.are.equal(-2, span("\255\254"):get_i16be())
        assert.are.equal(-257, span("\255\254"):get_i16le())
        assert.are.equal(-2 ^ 47, span("\128\0\0\0\0\0"):get_i48be())
        assert.are.equal(128, span("\128\0\0\0\0\0"):get_i48le())
        assert.are.equal(1.5, span("\63\192\0\0"):get_f32be())
        assert.are.equal(-0.1, span("\154\153\153\153\153\153\185\191"):get_f64le())
    end)

    it("agree with the oracle at the edges of each byte", function()
        local edges = { "\0", "\1", "\127", "\128", "\254", "\255" }
        for name, size in pairs(SIZES) do
            for _, first in ipairs(edges) do
                for _, rest in ipairs(edges) do
                    for _, last in ipairs(edges) do
                        check(name, (first .. rest:rep(size - 2) .. last):sub(1, size))
                    end
                end
            end
        end
    end)

    it("agree with the oracle for random bytes", function()
        local seed = os.time()
        math.randomseed(seed)
        for _ = 1, 500 do
            for name, size in pairs(SIZES) do
                local bytes = {}
                for i = 1, size do
                    bytes[i] = string.char(math.random(0, 255))
                end
                check(name, table.concat(bytes), "seed " .. seed)
            end
        end
    end)

    it("read every nan as a number, whatever its payload", function()
        local edges = { "\0", "\1", "\7", "\128", "\248", "\252", "\254", "\255" }
        for _, sign in ipairs { "\127", "\255" } do
            for _, second in ipairs { "\240", "\248", "\249", "\252", "\254", "\255" } do
                for _, third in ipairs(edges) do
                    for _, rest in ipairs(edges) do
                        check("f64", sign .. second .. third .. rest:rep(5))
                        check("f32", sign .. second .. third .. rest)
                    end
                end
            end
        end
    end)

    it("compile: the result is the same in a loop", function()
        local span = byte_span.append("\129\2\3\4\5\246", "\192\2\3\4\5\6\7\8")
        local whole, half, double = span:first(6), span:sub(7, 10), span:last(8)
        local sum = 0
        for _ = 1, 1000 do
            sum = sum + whole:get_i48be() + whole:get_u48le() + half:get_f32be() + double:get_f64be() + half:get_u32be()
        end
        local once = integer("\129\2\3\4\5\246", true)
            + integer "\246\5\4\3\2\129"
            + float "\192\2\3\4"
            + float "\192\2\3\4\5\6\7\8"
            + integer "\192\2\3\4"
        assert.is_true(math.abs(sum - 1000 * once) <= 1e-12 * math.abs(sum))
    end)

    it("raise EINVAL for a span of another size", function()
        for name, size in pairs(SIZES) do
            for _, order in ipairs(name == "i8" and { "" } or { "be", "le" }) do
                for _, length in ipairs { 0, size - 1, size + 1, size + 8 } do
                    local span = byte_span.new(length, 64)
                    local ok, err = pcall(span["get_" .. name .. order], span)
                    assert.is_false(ok)
                    assert.are.equal(error_.generic "EINVAL", err)
                    assert.are.equal(1, err.arg)
                end
            end
        end
        assert.is_false(pcall(function() return ffi.new("struct ljos_span").get_u8 end))
    end)
end)
