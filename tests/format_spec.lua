local ffi = require "ffi"
local error = require "ljos.error"
local format = require "ljos.format"

local UINT64_MAX = ffi.cast("uint64_t", ffi.cast("int64_t", -1))
local INT64_MIN = ffi.cast("int64_t", -2 ^ 63)

--- One row: the format string, the expected text, the arguments.
local function rows(list)
    for _, row in ipairs(list) do
        it(("%q gives %q"):format(row[1], row[2]), function() assert.equal(row[2], format(row[1], unpack(row, 3))) end)
    end
end

--- One row: the format string, the position of the wrong argument, a part of the detail, the arguments.
local function refusals(list)
    for _, row in ipairs(list) do
        it(("%q is refused: %s"):format(row[1], row[3]), function()
            local ok, err = pcall(format, row[1], unpack(row, 4))
            assert.is_false(ok)
            assert.is_true(error.is_error(err))
            assert.equal(error.generic "EINVAL", err)
            assert.equal(row[2], err.arg)
            assert.truthy(err.detail:find(row[3], 1, true), err.detail)
        end)
    end
end

describe(
    "format: the seed's examples",
    function()
        rows {
            { "{0}, {1}, {2}", "a, b, c", "a", "b", "c" },
            { "{}, {}, {}", "a, b, c", "a", "b", "c" },
            { "{2}, {1}, {0}", "c, b, a", "a", "b", "c" },
            { "{0}{1}{0}", "abracadabra", "abra", "cad" },
            { "{:.{}f}", "3.1", 3.14, 1 },
            { "Elapsed time: {s:.2f} seconds", "Elapsed time: 1.23 seconds", { "s", 1.23 } },
        }
    end
)

describe("format: replacement fields", function()
    rows {
        { "", "" },
        { "no field", "no field", 1 },
        { "{{}}", "{}" },
        { "{{{}}}", "{1}", 1 },
        { "a{{b}}c{}", "a{b}cx", "x" },
        { "{:}", "1", 1 },
        { "{0:}", "1", 1 },
        { "{a}{b}{a}", "121", { "a", 1 }, { "b", 2 } },
        { "{_x1}", "v", { "_x1", "v" } },
        { "{0} {n}", "v v", { "n", "v" } },
        { "{} {n} {}", "1 v v", 1, { "n", "v" } },
        { "{n}", "first", { "n", "first" }, { "n", "second" } },
        { "{10}", "k", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k" },
        { "{}", "true", true },
        { "{} {}", "false text", false, "text" },
        { "{}", "a\0b", "a\0b" },
    }
    refusals {
        { "{", 1, "column 2: missing '}'", 1 },
        { "{0", 1, "column 3: missing '}'", 1 },
        { "{:5", 1, "column 4: missing '}'", 1 },
        { "{:d", 1, "column 4: missing '}'", 1 },
        { "ab}", 1, "column 3: a lone '}'" },
        { "{ }", 1, "column 2: an index, a name, ':' or '}' expected", 1 },
        { "{0 }", 1, "column 3: '}' expected", 1 },
        { "{-1}", 1, "column 2:", 1 },
        { "{00}", 1, "column 2: an index has no leading zero", 1 },
        { "{99999999999}", 1, "too big", 1 },
        { "{0}{}", 1, "column 5: cannot switch from manual to automatic argument indexing", 1, 2 },
        { "{}{0}", 1, "column 5: cannot switch from automatic to manual argument indexing", 1, 2 },
        { "{:{0}}", 1, "cannot switch", 1, 2 },
        { "{1}", 3, "got nil or nothing", 1 },
        { "{} {}", 3, "got nil or nothing", 1 },
        { "{}", 2, "boolean, number, string or {name, value} expected, got nil", nil },
        { "{missing}", 1, "column 1: no argument is named 'missing'", { "n", 1 } },
        { "{}", 2, "got table of another form", {} },
        { "{}", 2, "got table of another form", { 1, 2 } },
        { "{}", 2, "got function", print },
        { "{:y}", 1, "column 3: unknown format specifier 'y'", 1 },
        { "{:dd}", 1, "column 4: '}' expected", 1 },
    }

    it("refuses a format string that is no string", function()
        local ok, err = pcall(format, nil)
        assert.is_false(ok)
        assert.equal(1, err.arg)
        assert.equal("string expected, got nil", err.detail)
    end)

    it("takes hundreds of fields", function()
        local numbers = {}
        for i = 1, 500 do
            numbers[i] = i
        end
        assert.equal(table.concat(numbers, ","), format(("{},"):rep(499) .. "{}", unpack(numbers)))
    end)

    it("gives the same text again when its kept strings were replaced", function()
        for _ = 1, 2 do
            for i = 1, 1000 do
                assert.equal(("%d: %d"):format(i, i), format(i .. ": {}", i))
            end
        end
    end)
end)

describe("format: fill, align and width", function()
    rows {
        { "{:5}|", "ab   |", "ab" },
        { "{:5}|", "   42|", 42 },
        { "{:5}|", "true |", true },
        { "{:5d}|", "    1|", true },
        { "{:<5}|", "42   |", 42 },
        { "{:>5}|", "   ab|", "ab" },
        { "{:^5}|", " ab  |", "ab" },
        { "{:^6}|", "  ab  |", "ab" },
        { "{:*<5}|", "ab***|", "ab" },
        { "{:*>5}|", "***ab|", "ab" },
        { "{:*^5}|", "*ab**|", "ab" },
        { "{:<<5}|", "ab<<<|", "ab" },
        { "{:é^6}|", "ééabéé|", "ab" },
        { "{:─^5}|", "─────|", "" },
        { "{:0<5}|", "ab000|", "ab" },
        { "{:^}|", "ab|", "ab" },
        { "{:1}|", "abc|", "abc" },
        { "{:{}}|", "ab   |", "ab", 5 },
        { "{:>{}}|", "   ab|", "ab", 5 },
        { "{0:{1}}|", "ab   |", "ab", 5 },
        { "{v:{w}}|", "ab   |", { "v", "ab" }, { "w", 5 } },
        { "{:{}.{}}|", "ab   |", "abc", 5, 2 },
        { "{:{}}|", "ab|", "ab", 0 },
        { "{:4}|", "日  |", "日" },
        { "{:>4}|", "  日|", "日" },
        { "{:3}|", "é  |", "é" },
        { "{:3}|", "\255  |", "\255" },
        { "{:4}|", "😀  |", "😀" },
        { "{:5c}|", "A    |", 65 },
        { "{:>5c}|", "    A|", 65 },
    }
    refusals {
        { "{:{<5}", 1, "'{' cannot be the fill character", 1 },
        { "{:}<5}", 1, "column 6: a lone '}'", 1 }, -- "{:}" is whole; what follows is text
        { "{:{}}", 3, "the width must be an integer, got 1.5", "a", 1.5 },
        { "{:{}}", 3, "the width must be an integer, got x", "a", "x" },
        { "{:{}}", 3, "the width must be 0 to 2147483647, got -1", "a", -1 },
        { "{:{}}", 3, "the width must be an integer, got nil", "a" },
        { "{:{:}}", 1, "a nested field holds an id alone", "a", 1 },
        { "{:{", 1, "missing '}'", "a", 1 },
        { "{:99999999999}", 1, "the number 99999999999 is too big", 1 },
    }
end)

describe("format: sign, alternate form and zero padding", function()
    rows {
        { "{:+} {:+}", "+1 -1", 1, -1 },
        { "{:-} {:-}", "1 -1", 1, -1 },
        { "{: } {: }", " 1 -1", 1, -1 },
        { "{:+d} {: d}", "+1  1", 1, 1 },
        { "{:+x}", "+ff", 255 },
        { "{:+}", "+0", 0 },
        { "{:+}", "-0", -0.0 },
        { "{:#x} {:#X}", "0xff 0XFF", 255, 255 },
        { "{:#b} {:#B}", "0b101 0B101", 5, 5 },
        { "{:#o} {:#o}", "010 0", 8, 0 },
        { "{:#d}", "8", 8 },
        { "{:#x}", "-0xff", -255 },
        { "{:#}", "42.", 42 },
        { "{:#}", "0.5", 0.5 },
        { "{:#}", "1.e+20", 1e20 },
        { "{:#.0f} {:.0f}", "3. 3", 3, 3 },
        { "{:#.0e}", "3.e+00", 3 },
        { "{:#g} {:g}", "3.00000 3", 3, 3 },
        { "{:#.3g}", "607.", 607 },
        { "{:05}", "00042", 42 },
        { "{:05}", "-0042", -42 },
        { "{:+05}", "+0042", 42 },
        { "{:05.1f}", "003.1", 3.14 },
        { "{:#06x}", "0x00ff", 255 },
        { "{:#04x}", "0x00", 0 },
        { "{:+#010b}", "+0b0000101", 5 },
        { "{:010a}", "0x00001p+0", 1 },
        { "{:02}", "123", 123 },
        { "{:<05}|", "42   |", 42 },
        { "{:^05}|", " 42  |", 42 },
        { "{:06}", "   inf", 1 / 0 },
        { "{:0}", "42", 42 },
        { "{:0{}}", "00042", 42, 5 },
        { "{:+}", "+inf", 1 / 0 },
    }
    refusals {
        { "{:+}", 2, "option '+' does not fit a string", "a" },
        { "{: s}", 2, "option ' ' does not fit a string", "a" },
        { "{:#}", 2, "option '#' does not fit a string", "a" },
        { "{:05}", 2, "option '0' does not fit a string", "a" },
        { "{:L}", 2, "option 'L' does not fit a string", "a" },
        { "{:+}", 2, "option '+' does not fit a boolean", true },
        { "{:#}", 2, "option '#' does not fit a boolean", true },
        { "{:05}", 2, "option '0' does not fit a boolean", true },
        { "{:+d}", 2, "option '+' does not fit an unsigned integer", true },
        { "{:+}", 2, "option '+' does not fit an unsigned integer", UINT64_MAX },
        { "{:+c}", 2, "option '+' does not fit a character", 65 },
        { "{:05p}", 2, "option '0' does not fit a pointer", ffi.cast("void *", 1) },
    }
end)

describe("format: precision", function()
    rows {
        { "{:.2f}", "3.14", 3.14159 },
        { "{:.0f}", "3", 3.14159 },
        { "{:.3}", "3.14", 3.14159 },
        { "{:.3}", "1.23e+05", 123456 },
        { "{:.0}", "1e+05", 123456 },
        { "{:.2}", "ab", "abc" },
        { "{:.0}|", "|", "abc" },
        { "{:.9}", "abc", "abc" },
        { "{:5.2}|", "ab   |", "abc" },
        { "{:.2s}", "日本", "日本語" },
        { "{:.1}", "\255", "\255\254" },
        { "{:.{}}", "ab", "abc", 2 },
        { "{1:.{0}f}", "1.50", 2, 1.5 },
        { "{v:.{p}f}", "1.50", { "v", 1.5 }, { "p", 2 } },
        { "{:.120f}", "1." .. ("0"):rep(120), 1 },
    }
    refusals {
        { "{:.}", 1, "column 4: a precision expected after '.'", 1 },
        { "{:.f}", 1, "a precision expected", 1 },
        { "{:.2d}", 2, "a precision does not fit an integer", 1 },
        { "{:.2c}", 2, "a precision does not fit an integer", 65 },
        { "{:.2}", 2, "a precision does not fit a boolean", true },
        { "{:.2d}", 2, "a precision does not fit a boolean", true },
        { "{:.2p}", 2, "a precision does not fit a pointer", ffi.cast("void *", 1) },
        { "{:.{}}", 3, "the precision must be 0 to 2147483647, got -1", 1.5, -1 },
        { "{:.{}}", 3, "the precision must be an integer, got true", 1.5, true },
    }
end)

describe("format: types of integers", function()
    rows {
        { "{:d}", "42", 42 },
        { "{:d}", "-42", -42 },
        { "{:d}", "0", -0.0 },
        { "{:b} {:B}", "101010 101010", 42, 42 },
        { "{:b}", "0", 0 },
        { "{:b}", "-101", -5 },
        { "{:o}", "52", 42 },
        { "{:x} {:X}", "2a 2A", 42, 42 },
        { "{:x}", "-2a", -42 },
        { "{:c}", "*", 42 },
        { "{:c}", "\255", 255 },
        { "{:d}", "9007199254740992", 2 ^ 53 },
        { "{:d}", "18446744073709549568", 2 ^ 64 - 2048 },
        { "{:d}", "-9223372036854775808", -2 ^ 63 },
        { "{:x}", "8000000000000000", 2 ^ 63 },
        { "{}", "-9223372036854775808", INT64_MIN },
        { "{:x}", "-8000000000000000", INT64_MIN },
        { "{}", "18446744073709551615", UINT64_MAX },
        { "{:b}", ("1"):rep(64), UINT64_MAX },
        { "{:d} {:x}", "1 0", true, false },
        { "{:#b}", "0b1", true },
    }
    refusals {
        { "{:d}", 2, "type 'd' needs an integer, got 1.5", 1.5 },
        { "{:x}", 2, "type 'x' needs an integer, got inf", 1 / 0 },
        { "{:d}", 2, "type 'd' needs an integer, got nan", 0 / 0 },
        { "{:d}", 2, "1e+20 does not fit in 64 bits, which type 'd' needs", 1e20 },
        { "{:d}", 2, "does not fit in 64 bits", -1e19 },
        { "{:c}", 2, "a character is 0 to 255, got 256", 256 },
        { "{:c}", 2, "a character is 0 to 255, got -1", -1 },
        { "{:c}", 2, "type 'c' does not fit a boolean", true },
        { "{:d}", 2, "type 'd' does not fit a string", "1" },
        { "{:s}", 2, "type 's' does not fit a number", 1 },
        { "{:p}", 2, "type 'p' does not fit a number", 1 },
        { "{:f}", 2, "type 'f' does not fit an integer", UINT64_MAX },
    }
end)

describe("format: types of floating-point numbers", function()
    rows {
        { "{}", "0", 0 },
        { "{}", "-0", -0.0 },
        { "{}", "1", 1 },
        { "{}", "0.1", 0.1 },
        { "{}", "0.30000000000000004", 0.1 + 0.2 },
        { "{}", "3.141592653589793", math.pi },
        { "{}", "0.0001", 1e-4 },
        { "{}", "0.00012345678901234567", 1.2345678901234567e-4 },
        { "{}", "1e-05", 1e-5 },
        { "{}", "1000000000000000", 1e15 },
        { "{}", "1e+16", 1e16 },
        { "{}", "1.2345678901234568e+17", 123456789012345678 },
        { "{}", "9007199254740992", 2 ^ 53 },
        { "{}", "5e-324", 5e-324 },
        { "{}", "2.2250738585072014e-308", 2.2250738585072014e-308 },
        { "{}", "1.7976931348623157e+308", 1.7976931348623157e308 },
        { "{}", "5.684341886080802e-14", 2 ^ -44 },
        { "{}", "inf", 1 / 0 },
        { "{}", "-inf", -1 / 0 },
        { "{}", "nan", 0 / 0 },
        { "{}", "nan", -(0 / 0) },
        { "{:a} {:A}", "0x1.91eb851eb851fp+1 0X1.91EB851EB851FP+1", 3.14, 3.14 },
        { "{:.2a}", "0x1.92p+1", 3.14 },
        { "{:a}", "0x0.0000000000001p-1022", 5e-324 },
        { "{:a}", "-0x1p+0", -1 },
        { "{:e} {:E}", "3.140000e+00 3.140000E+00", 3.14, 3.14 },
        { "{:e}", "0.000000e+00", 0 },
        { "{:f} {:F}", "3.140000 3.140000", 3.14, 3.14 },
        { "{:f} {:F}", "inf INF", 1 / 0, 1 / 0 },
        { "{:f} {:F}", "nan NAN", 0 / 0, 0 / 0 },
        { "{:e} {:E}", "-inf -INF", -1 / 0, -1 / 0 },
        { "{:g} {:G}", "3.14 3.14", 3.14, 3.14 },
        { "{:g} {:G}", "1e+06 1E+06", 1e6, 1e6 },
        { "{:.0g}", "3", 3.14 },
        { "{:g}", "0.0001", 1e-4 },
        { "{:f}", "42.000000", 42 },
        { "{:.1g} {:.0f}", "0.2 2", 0.25, 2.5 }, -- an exact tie goes to the even digit
    }
    refusals {
        { "{:f}", 2, "type 'f' does not fit a string", "1" },
        { "{:e}", 2, "type 'e' does not fit a boolean", true },
    }

    it("writes doubles so that they read back, in as few digits as that takes", function()
        local seed = os.time()
        math.randomseed(seed)
        local bits = ffi.new "union { double number; uint32_t word[2]; }"
        for _ = 1, 2000 do
            bits.word[0], bits.word[1] = math.random(0, 2 ^ 32 - 1), math.random(0, 2 ^ 32 - 1)
            -- Never read the bits of a NaN: LuaJIT takes some of them for values of another type.
            if bit.band(bits.word[1], 0x7FF00000) ~= 0x7FF00000 then
                local value = bits.number
                local text = format("{}", value)
                local context = ("seed %d, %.17g"):format(seed, value)
                assert(tonumber(text) == value, context)
                local digits = #text:gsub("e.*", ""):gsub("[-.]", ""):gsub("^0+", ""):gsub("0+$", "")
                assert(digits <= 17, context)
                if digits > 1 then assert(tonumber(("%%.%de"):format(digits - 2):format(value)) ~= value, context) end
            end
        end
    end)
end)

describe("format: types of strings, booleans and pointers", function()
    rows {
        { "{:s}", "text", "text" },
        { "{:s} {:s}", "true false", true, false },
        { "{:?}", [["text"]], "text" },
        { "{:?}", [["a\n\r\t\"\\'"]], "a\n\r\t\"\\'" },
        { "{:?}", [["\x00\x1b\x7f"]], "\0\27\127" },
        { "{:?}", [["é日😀"]], "é日😀" },
        { "{:?}", [["\xff\xc3"]], "\255\195" },
        { "{:?}", [["\xa0\u200b\U000e0001"]], "\194\160\226\128\139\243\160\128\129" },
        { "{:?}", [["\xed\xa0\x80"]], "\237\160\128" }, -- a surrogate is no character
        { "{:7?}|", [["é"    |]], "é" },
        { "{:p}", "0xff", ffi.cast("void *", 255) },
        { "{}", "0xff", ffi.cast("char *", 255) },
        { "{:6}|", "  0xff|", ffi.cast("void *", 255) },
        { "{:<6}|", "0xff  |", ffi.cast("void *", 255) },
    }
    refusals {
        { "{:?}", 2, "type '?' does not fit a number", 1 },
        { "{:?}", 2, "type '?' does not fit a boolean", true },
        { "{:c}", 2, "type 'c' does not fit a string", "a" },
        { "{:x}", 2, "type 'x' does not fit a string", "a" },
        { "{:x}", 2, "type 'x' does not fit a pointer", ffi.cast("void *", 1) },
        { "{}", 2, "got ctype<double>", ffi.new("double", 1) },
    }
end)

describe("format: the L option", function()
    rows {
        { "{:L}", "1234567.5", 1234567.5 }, -- the C locale separates nothing
        { "{:Ld}", "1234567", 1234567 },
        { "{:012Ld}", "000001234567", 1234567 },
        { "{:.1Lf}", "1234567.0", 1234567 },
    }

    it("groups by threes where the locale does", function()
        local before = os.setlocale(nil, "numeric")
        if not os.setlocale("en_US.UTF-8", "numeric") then
            pending "needs the locale en_US.UTF-8"
            return
        end
        local text = format("{:Ld} {:L} {:L} {} {:.1f}", -1234567, 123, 1234.5, 1234.5, 1234.5)
        os.setlocale(before, "numeric")
        assert.equal("-1,234,567 123 1,234.5 1234.5 1234.5", text)
    end)
end)
