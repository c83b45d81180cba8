-- The memory file's methods, over strings and over writable memory.
local ffi = require "ffi"
local memory_file = require "ljos.ipc.memory_file"
local strfile = require "ljos.ipc.strfile"
local temporary_directory = require "temporary_directory"

local function writable(text)
    local memory = ffi.new("uint8_t[?]", #text + 1, text) -- the NUL of the string is copied, too
    return memory_file.new {
        base = ffi.cast("uint8_t *", memory),
        length = #text,
        readable = true,
        writable = true,
        release = function() end,
        anchor = memory,
    }
end

local function content(file)
    file:seek "set"
    return file:read "*a"
end

describe("a memory file's read", function()
    it("reads lines by default and drops the CR of a CRLF", function()
        local file = strfile.open "one\r\ntwo\n\nfo\rur\r"
        assert.are.equal("one", file:read())
        assert.are.equal("two\n", file:read "*L")
        assert.are.equal("", file:read "l")
        assert.are.equal("fo\rur\r", file:read "*line")
        assert.is_nil(file:read())
    end)

    it("gives nil at the end for a number and for lines, and an empty string for the rest", function()
        local file = strfile.open "abc"
        assert.are.equal("", file:read(0))
        assert.are.equal("ab", file:read(2))
        assert.are.equal("c", file:read(2))
        assert.is_nil(file:read(0))
        assert.is_nil(file:read(2))
        assert.is_nil(file:read "*l")
        assert.are.equal("", file:read "*a")
    end)

    it("stops at the first nil of several formats", function()
        local file = strfile.open "a\nb"
        local results =
            { n = select("#", file:read("l", "l", "l", "a")), strfile.open("a\nb"):read("l", "l", "l", "a") }
        assert.are.same({ n = 3, "a", "b" }, results)
        assert.are.same({ "a", "\nb" }, { strfile.open("a\nb"):read(1, "a") })
    end)

    it("takes NUL for a byte like others", function() assert.are.equal("a\0b", strfile.open("a\0b\nc"):read()) end)

    it("refuses what is no format before it reads", function()
        local file = strfile.open "abc"
        for _, format in ipairs { "3", "x", "*x", "", "*", -1, 1.5, {}, true, 0 / 0 } do
            local ok, message = pcall(file.read, file, 1, format)
            assert.is_false(ok)
            assert.is_truthy(message:find("bad argument #2 to 'read' (invalid format)", 1, true), message)
        end
        assert.are.equal("abc", file:read "*a")
    end)

    it("blames the caller's line", function()
        local ok, message = pcall(function() strfile.open("a"):read "x" end)
        assert.is_false(ok)
        assert.is_truthy(message:find "memory_file_spec.lua:%d+:")
    end)
end)

describe("the format *n", function()
    local path
    setup(function() path = temporary_directory.make() .. "/numbers" end)
    teardown(temporary_directory.remove_all)

    local function with_lua(text)
        local file = assert(io.open(path, "w+"))
        file:write(text)
        file:seek "set"
        local value = file:read "*n"
        local position = file:seek()
        file:close()
        return value, position
    end

    local function assert_same(text, message)
        local file = strfile.open(text)
        local value = file:read "*n"
        local position = file:seek()
        local expected_value, expected_position = with_lua(text)
        message = ("%s of %q"):format(message or "", text)
        if expected_value ~= expected_value then
            assert.is_true(value ~= value, message)
        else
            assert.are.equal(expected_value, value, message)
        end
        assert.are.equal(expected_position, position, message)
    end

    it("reads what Lua's files read, and leaves the same behind", function()
        for _, text in ipairs {
            "",
            " \t\n\v\f\r12 x",
            "-1.5e3,",
            "+.5.",
            "5.",
            ".",
            "-",
            "1e",
            "1e+x",
            "0x",
            "0x.",
            "0xfFp-1z",
            "0x1g",
            "nan",
            "nax",
            "inf",
            "infi",
            "-infinityx",
            "abc",
            "1\0002",
            ("9"):rep(500) .. " ",
        } do
            assert_same(text)
        end
    end)

    it("does so for random text", function()
        local seed = os.time()
        math.randomseed(seed)
        local alphabet =
            { "0", "1", "9", "x", ".", "e", "E", "+", "-", "p", "a", "f", " ", "i", "n", "nan", "inf", "0x" }
        for _ = 1, 300 do
            local parts = {}
            for i = 1, math.random(9) do
                parts[i] = alphabet[math.random(#alphabet)]
            end
            assert_same(table.concat(parts), "seed " .. seed)
        end
    end)

    it("goes with other formats", function()
        assert.are.same({ 1, 2.5, "\nrest" }, { strfile.open("1 2.5\nrest"):read("*n", "*n", "*a") })
        local sum = 0
        for number in strfile.open("1 2 3\n4 x 5"):lines "*n" do
            sum = sum + number
        end
        assert.are.equal(10, sum)
    end)
end)

describe("a memory file's lines", function()
    it("iterates by any format and leaves the file open", function()
        local file, lines = strfile.open "a\nb\r\nc", {}
        for line in file:lines() do
            lines[#lines + 1] = line
        end
        assert.are.same({ "a", "b", "c" }, lines)
        file:seek "set"
        local pairs_read = {}
        for first, second in file:lines(1, "L") do
            pairs_read[#pairs_read + 1] = first .. "|" .. tostring(second)
        end
        assert.are.same({ "a|\n", "b|\r\n", "c|nil" }, pairs_read)
    end)

    it("looks at its formats at each step", function()
        local step = strfile.open("a"):lines "x"
        assert.error_matches(step, "invalid format")
    end)

    it("does not go on when the file is closed", function()
        local file = strfile.open "a\nb"
        local step = file:lines()
        step()
        file:close()
        assert.error_matches(step, "attempt to use closed in%-memory file")
    end)
end)

describe("a memory file's write", function()
    it("writes strings and numbers at the position and returns the file", function()
        local file = writable "----------"
        assert.are.equal(file, file:write("ab", 12, 0.5))
        assert.are.equal(file, file:write())
        assert.are.equal(7, file:seek())
        assert.are.equal("ab120.5---", content(file))
    end)

    it("writes the part that fits", function()
        local file = writable "-----"
        file:seek("set", 2)
        assert.are.same({ nil, "not enough space" }, { file:write("abcdef", "x") })
        assert.are.equal(5, file:seek())
        assert.are.equal("--abc", content(file))
        assert.are.equal(file, file:write "")
    end)

    it("refuses other values before it writes", function()
        local file = writable "-----"
        for _, value in ipairs { {}, true, print } do
            assert.error_matches(function() file:write("a", value) end, "bad argument #2 to 'write' %(string expected")
        end
        assert.error_matches(function() file:write(nil) end, "bad argument #1 to 'write' %(string expected")
        assert.are.equal("-----", content(file))
    end)

    it("is not allowed on a string", function()
        local file = strfile.open "abc"
        assert.are.same({ nil, "permission denied" }, { file:write "x" })
        assert.are.same({ nil, "permission denied" }, { file:flush() })
    end)
end)

describe("a memory file's position and size", function()
    it("stays within the file", function()
        local file = strfile.open "0123456789"
        assert.are.equal(0, file:seek())
        assert.are.equal(3, file:seek("set", 3))
        assert.are.equal(5, file:seek("cur", 2.9))
        assert.are.equal(9, file:seek("end", -1))
        assert.are.equal(10, file:seek "end")
        assert.are.same({ nil, "invalid offset" }, { file:seek("cur", 1) })
        assert.are.same({ nil, "invalid offset" }, { file:seek("set", -1) })
        assert.are.same({ nil, "invalid offset" }, { file:seek("set", 1e300) })
        assert.are.equal(10, file:seek())
        assert.error_matches(function() file:seek "begin" end, "bad argument #1 to 'seek'")
        assert.error_matches(function() file:seek("set", {}) end, "bad argument #2 to 'seek'")
    end)

    it("can be lowered only", function()
        local file = strfile.open "0123456789"
        file:seek "end"
        assert.is_true(file:truncate(4))
        assert.are.equal(4, file:size())
        assert.are.equal(4, file:seek())
        assert.are.same({ nil, "new size too large" }, { file:truncate(5) })
        assert.are.same({ nil, "new size too large" }, { file:truncate(-1) })
        assert.are.equal("0123", content(file))
        assert.is_true(file:truncate(0))
        assert.are.equal("", content(file))
        assert.error_matches(function() file:truncate() end, "bad argument #1 to 'truncate'")
    end)

    it("has an address", function()
        local file = writable "abc"
        ffi.cast("char *", file:addr())[1] = 66
        assert.are.equal("aBc", content(file))
    end)

    it("has no buffer to set", function()
        local file = strfile.open "abc"
        assert.is_true(file:setvbuf "no")
        assert.is_true(file:setvbuf("full", 100))
        assert.is_true(file:setvbuf "line")
        assert.error_matches(function() file:setvbuf "all" end, "bad argument #1 to 'setvbuf'")
        assert.error_matches(function() file:setvbuf() end, "bad argument #1 to 'setvbuf'")
    end)
end)

describe("a closed memory file", function()
    it("raises from every method", function()
        local file = strfile.open "abc"
        assert.is_true(file:close())
        local methods = { "read", "lines", "write", "seek", "setvbuf", "flush", "size", "addr", "truncate", "close" }
        for _, name in ipairs(methods) do
            assert.error_matches(function() file[name](file) end, "attempt to use closed in%-memory file")
            assert.error_matches(function() file[name]() end, "in%-memory file expected, got nil")
        end
    end)
end)
