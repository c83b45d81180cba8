local error_ = require "ljos.error"
local path = require "ljos.filesystem.path"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local function fails(name, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.is_true(error_.is_error(err), tostring(err))
    assert.are.equal(error_.generic(name), err)
    return err
end

-- The oracle: std::filesystem, by g++, compiled here

local here = debug.getinfo(1, "S").source:match "^@(.*)path_spec%.lua$"

local function run_oracle(lines)
    local directory = temporary_directory.make()
    local compile = ("g++ -std=c++17 -o %s/oracle %spath/std_filesystem.cpp"):format(directory, here)
    assert(os.execute(compile) == 0, compile)
    text_file.write(directory .. "/input", table.concat(lines, "\n"), "\n")
    local output = assert(io.popen(("%s/oracle < %s/input"):format(directory, directory)))
    local answers = {}
    for line in output:lines() do
        answers[#answers + 1] = line
    end
    output:close()
    temporary_directory.remove_all()
    return answers
end

local properties = {
    "root_name",
    "root_directory",
    "root_path",
    "relative_path",
    "parent_path",
    "filename",
    "stem",
    "extension",
    "empty",
    "has_root_path",
    "has_root_name",
    "has_root_directory",
    "has_relative_path",
    "has_parent_path",
    "has_filename",
    "has_stem",
    "has_extension",
    "is_absolute",
    "is_relative",
}

local function unary(text)
    local p = path.new(text)
    local fields = {}
    for _, name in ipairs(properties) do
        fields[#fields + 1] = tostring(p[name])
    end
    fields[#fields + 1] = p:to_generic()
    fields[#fields + 1] = tostring(p:make_preferred())
    fields[#fields + 1] = tostring(p:remove_filename())
    fields[#fields + 1] = tostring(p:replace_extension())
    fields[#fields + 1] = tostring(p:lexically_normal())
    local parts = {}
    for part in p:iterator() do
        parts[#parts + 1] = part .. "\1"
    end
    fields[#fields + 1] = table.concat(parts)
    return table.concat(fields, "\t") .. "\t"
end

local function binary(left, right)
    local a, b = path.new(left), path.new(right)
    local fields = {
        tostring(a / b),
        tostring(a .. b),
        tostring(a:replace_filename(b)),
        tostring(a:replace_extension(b)),
        tostring(a:lexically_relative(b)),
        tostring(a:lexically_proximate(b)),
        tostring(a == b),
        tostring(a < b),
        tostring(a <= b),
    }
    return table.concat(fields, "\t") .. "\t"
end

-- All texts of up to four of these pieces, so that every neighbourhood of slashes, dots and names occurs.
local pieces = { "/", "//", ".", "..", "a", "b", ".hidden", "a.b.c", "a.", "..." }

local function some_texts(count)
    local texts =
        { "", "/", "//", "///", "a", "a/", "a//b/", "/a/../b", "a/../../b", " ", "é/ü.ö", "a/b/../../..", "/../.." }
    while #texts < count do
        local text = ""
        for _ = 1, math.random(1, 6) do
            text = text .. pieces[math.random(#pieces)]
        end
        texts[#texts + 1] = text
    end
    return texts
end

describe("filesystem.path", function()
    it("agrees with std::filesystem::path", function()
        if os.execute "command -v g++ >/dev/null" ~= 0 then
            pending "no g++"
            return
        end
        local seed = os.time()
        math.randomseed(seed)
        local texts = some_texts(500)
        local lines, expected = {}, {}
        for _, text in ipairs(texts) do
            lines[#lines + 1] = "1\t" .. text
            expected[#lines] = unary(text)
        end
        for _ = 1, 4000 do
            local a, b = texts[math.random(#texts)], texts[math.random(#texts)]
            lines[#lines + 1] = "2\t" .. a .. "\t" .. b
            expected[#lines] = binary(a, b)
        end
        local answers = run_oracle(lines)
        assert.are.equal(#lines, #answers)
        for i, answer in ipairs(answers) do
            assert.are.equal(answer, expected[i], ("%q, seed %d"):format(lines[i], seed))
        end
    end)

    it("is empty without text", function()
        assert.are.equal("", tostring(path.new()))
        assert.is_true(path.new().empty)
    end)

    it("prefers the slash", function() assert.are.equal("/", path.preferred_separator) end)

    it("reads the generic format", function() assert.is_true(path.from_generic "a/b" == path.new "a/b") end)

    it("composes with strings on either side", function()
        assert.are.equal("a/b.txt", tostring(path.new "a" / "b" .. ".txt"))
        assert.are.equal("a/b", tostring("a" / path.new "b"))
        assert.are.equal("ab", tostring("a" .. path.new "b"))
        assert.are.equal("a/c", tostring(path.new("a/b"):replace_filename "c"))
        assert.are.equal("a.c", tostring(path.new("a.b"):replace_extension(path.new ".c")))
    end)

    it("cannot be changed", function()
        local p = path.new "a"
        fails("EPERM", function() p.filename = "b" end)
        fails("EPERM", function() p[1] = "b" end)
        local q = p / "b"
        assert.are.equal("a", tostring(p))
        assert.are.equal("a/b", tostring(q))
        assert.are.equal("filesystem.path", getmetatable(p))
    end)

    it("raises bad_index for an unknown key", function()
        local ok, err = pcall(function() return path.new().nothing end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "bad_index"))
    end)

    it("is made of a path as of a string", function()
        local p = path.new "a/b"
        assert.is_true(path.new(p) == p)
        assert.are.equal("a/b", tostring(path.new(p)))
    end)

    it("refuses what is no path, naming the argument", function()
        for _, bad in ipairs { 1, true, {}, "a\0b", print } do
            assert.are.equal(1, fails("EINVAL", path.new, bad).arg)
            assert.are.equal(1, fails("EINVAL", path.from_generic, bad).arg)
            assert.are.equal("target", fails("EINVAL", path.string_of, bad, "target").arg)
            local p = path.new "a"
            assert.are.equal(2, fails("EINVAL", function() return p / bad end).arg)
            assert.are.equal(1, fails("EINVAL", function() return bad .. p end).arg)
            for _, method in ipairs {
                "replace_filename",
                "replace_extension",
                "lexically_relative",
                "lexically_proximate",
            } do
                assert.are.equal(2, fails("EINVAL", p[method], p, bad).arg)
            end
        end
        fails("EINVAL", path.from_generic, nil)
        fails("EINVAL", path.new("a").to_generic, "a")
        fails("EINVAL", path.new("a").replace_filename, path.new "a", nil)
    end)

    it("is told apart from a string", function()
        assert.is_true(path.is(path.new "a"))
        assert.is_false(path.is "a")
        assert.is_false(path.is {})
        assert.is_false(path.new "a" == "a")
        assert.is_false(path.new "a" == nil)
    end)
end)
