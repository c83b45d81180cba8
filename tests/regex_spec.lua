local byte_span = require "ljos.byte_span"
local collect = require "collect"
local error_ = require "ljos.error"
local regex = require "ljos.regex"

local function new(pattern, grammar, options)
    options = options or {}
    options.pattern, options.grammar = pattern, grammar or "ecma"
    return regex.new(options)
end

local function fails(name, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.is_true(error_.is_error(err), tostring(err))
    assert.are.equal(error_.generic(name), err)
    return err
end

local GRAMMARS = { "basic", "extended", "ecma" }

describe("regex.new", function()
    it("names the argument that is wrong", function()
        assert.are.equal(1, fails("EINVAL", regex.new).arg)
        assert.are.equal("pattern", fails("EINVAL", regex.new, { grammar = "ecma" }).arg)
        assert.are.equal("pattern", fails("EINVAL", regex.new, { grammar = "ecma", pattern = 1 }).arg)
        assert.are.equal("grammar", fails("EINVAL", regex.new, { pattern = "a" }).arg)
        assert.are.equal("grammar", fails("EINVAL", regex.new, { pattern = "a", grammar = "perl" }).arg)
        assert.are.equal("nosubs", fails("EINVAL", new, "a", "ecma", { nosubs = 1 }).arg)
        assert.are.equal("icase", fails("EINVAL", new, "a", "ecma", { icase = true }).arg)
        assert.are.equal("multiline", fails("EINVAL", new, "a", "basic", { multiline = true }).arg)
    end)

    it("gives the compiler's message and, from ecma, the offset in the pattern as it was written", function()
        local function offset(pattern)
            local err = fails("EINVAL", new, pattern)
            assert.are.equal("pattern", err.arg)
            assert.is_truthy(err.detail:find("at offset " .. err.offset, 1, true))
            return err.offset
        end
        assert.are.equal(1, offset "(")
        assert.are.equal(2, offset "a**")
        assert.are.equal(6, offset "\\v{\\v(")
        assert.are.equal(1, offset "(*UTF)a")
        assert.are.equal(3, offset "a\\h")
        assert.are.equal(2, offset "\\c1")
        assert.is_truthy(fails("EINVAL", new, "[b-a]", "extended").detail:find "range")
        assert.are.equal(1, fails("EINVAL", new, "a\0b", "basic").offset)
    end)

    it("refuses POSIX patterns that would take gigabytes", function()
        for _, pattern in ipairs {
            "(((a{255}){255}){255})",
            ("a*"):rep(4000),
            ("("):rep(100000),
            ("a"):rep(100000),
            "(a*){20000}",
        } do
            assert.is_truthy(fails("EINVAL", new, pattern, "extended").detail:find "too large")
        end
        fails("EINVAL", new, "\\(\\(\\(a\\{255\\}\\)\\{255\\}\\)\\{255\\}\\)", "basic")
        fails("EINVAL", new, "(((a{255}){255}){255})", "ecma")
    end)

    it("makes an object without unknown fields", function()
        local re = new "(a)(b)"
        assert.are.equal(2, re.mark_count)
        assert.are.equal(0, new("(a)(?<n>b)", "ecma", { nosubs = true }).mark_count)
        assert.are.equal(3, new("((a)|(b))", "extended").mark_count)
        assert.are.equal(1, new("(\\(a\\))", "basic").mark_count)
        local ok, err = pcall(function() return re.marks end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "bad_index"))
        assert.are.equal(2, err.index)
        fails("EPERM", function() re.mark_count = 3 end)
        assert.is_true(regex.is(re))
        assert.is_false(regex.is "a")
        assert.is_false(regex.is(nil))
    end)

    it("frees what it compiled", function()
        local function resident()
            local file = assert(io.open "/proc/self/statm")
            local pages = file:read("*a"):match "%d+ (%d+)"
            file:close()
            return tonumber(pages) * 4096
        end
        local function round()
            for i = 1, 2000 do
                regex.match(new("(a|b" .. i .. ")+", GRAMMARS[i % 3 + 1], { optimize = true }), "ab")
            end
            collect()
        end
        round()
        local before = resident()
        for _ = 1, 5 do
            round()
        end
        -- 10,000 patterns of at least 2 KiB each
        assert.is_true(resident() - before < 8 * 2 ^ 20)
    end)
end)

describe("regex.match", function()
    it("matches the whole subject only", function()
        for _, grammar in ipairs(GRAMMARS) do
            local re = new("b*", grammar)
            assert.are.equal("bb", regex.match(re, "bb"))
            assert.are.equal("", regex.match(re, ""))
            assert.is_nil(regex.match(re, "abb"))
            assert.is_nil(regex.match(re, "bba"))
        end
    end)

    it("backtracks to an alternative that takes the whole subject", function()
        assert.are.equal("ab", regex.match(new "a|ab", "ab"))
        assert.are.equal("aab", regex.match(new "a*?b??", "aab"))
    end)

    it("returns a value for each group, empty for one that took no part", function()
        assert.are.same({ "hello", "world" }, { regex.match(new "(\\w+) (\\w+)", "hello world") })
        assert.are.same({ "a", "", "c" }, { regex.match(new("(a)(b)?(c)", "extended"), "ac") })
        assert.are.same({ "a", "", "c" }, { regex.match(new "(a)(b)?(c)", "ac") })
        assert.are.same({ "a" }, { regex.match(new("\\(a\\)b", "basic"), "ab") })
        assert.are.same({ "ab" }, { regex.match(new("(a)(b)", "ecma", { nosubs = true }), "ab") })
        assert.are.same({ "ab" }, { regex.match(new("(a)(b)", "extended", { nosubs = true }), "ab") })
    end)

    it("returns as many groups as there are", function()
        local count = 400
        local captures = { regex.match(new(("(.)"):rep(count)), ("ab"):rep(count / 2)) }
        assert.are.equal(count, #captures)
        assert.are.equal("b", captures[count])
    end)

    it("returns as many groups as there are in the POSIX grammars, and leaves other memory alone", function()
        for count = 1, 40 do
            local regex_ = new(("(.)"):rep(count), "extended")
            for _ = 1, 20 do
                local captures = { regex.match(regex_, ("ab"):rep(20):sub(1, count)) }
                assert.are.equal(("ab"):rep(20):sub(1, count), table.concat(captures))
            end
        end
    end)

    it("takes the longest alternative in extended", function()
        assert.are.same({ "", '"a,b"' }, { regex.match(new('([^,]+)|("[^"]+")', "extended"), '"a,b"') })
        assert.are.equal(6, regex.search(new("foo|foobar", "extended"), "foobar")[0].end_)
        assert.are.equal(3, regex.search(new("foo|foobar", "ecma"), "foobar")[0].end_)
    end)

    it("ignores case when asked", function()
        for _, grammar in ipairs(GRAMMARS) do
            assert.is_nil(regex.match(new("abc", grammar), "aBC"))
            assert.are.equal("aBC", regex.match(new("abc", grammar, { ignore_case = true }), "aBC"))
        end
    end)

    it("takes NUL for a byte like others", function()
        for _, grammar in ipairs(GRAMMARS) do
            assert.are.equal("a\0b", regex.match(new("a[^x]b", grammar), "a\0b"))
            assert.are.equal(4, regex.search(new("b$", grammar), "a\0bb")[0].start)
        end
    end)

    it("names the argument that is wrong", function()
        assert.are.equal(1, fails("EINVAL", regex.match, nil, "a").arg)
        assert.are.equal(1, fails("EINVAL", regex.match, "a", "a").arg)
    end)

    it("bounds a pattern that explodes", function()
        local subject = ("a"):rep(60) .. "!"
        assert.is_truthy(fails("EOVERFLOW", regex.match, new "(a+)+$", subject).detail:find "match limit")
        fails("EOVERFLOW", regex.search, new "(a|aa)+$", subject)
        fails("EOVERFLOW", regex.split, new "(?:a+)+$", subject)
        fails("EOVERFLOW", regex.match, new "(?R)", subject)
        assert.are.equal("a", regex.match(new "(a+)+", "a"))
    end)

    it("bounds a search that is quadratic in a long subject, and what one place costs there", function()
        local subject = (" "):rep(200000) .. "y"
        fails("EOVERFLOW", regex.search, new [==[\s*\s*[xz]$]==], subject)
        fails("EOVERFLOW", regex.search, new [==[^\s*\s*[xz]$]==], subject)
        fails("EOVERFLOW", regex.match, new [==[\s*\s*[xz]]==], subject)
        fails("EOVERFLOW", regex.split, new [==[(?: | )+[xz]]==], subject)
        fails("EOVERFLOW", regex.search, new("( | )+[xz]", "extended", { nosubs = true }), subject)
        assert.is_true(regex.search(new [==[\s[xz]]==], subject).empty)
        assert.are.equal(200001, regex.search(new "y", subject)[0].start)
        assert.are.equal(200001, regex.search(new("y", "extended"), subject)[0].start)
    end)

    it("follows back-references of the POSIX grammars in subjects of any length, to the longest match", function()
        local function span(pattern, grammar, subject)
            local found = regex.search(new(pattern, grammar), subject)
            return found[0] and { found[0].start, found[0].end_ }
        end
        local long = ("ab"):rep(200000)
        assert.are.same({ 400000, 400001 }, span([==[\(.\)\1]==], "basic", long .. "b"))
        assert.is_nil(span([==[\(.\)\1]==], "basic", long))
        local words = ("one two three "):rep(20000) .. "five five"
        assert.are.same({ 280001, 280009 }, span("\\b([a-z]+) \\1\\b", "extended", words))
        assert.are.same(
            { 1, 108 },
            span("^(.)(.)(.)(.).*\\4\\3\\2\\1$", "extended", "abcd" .. ("x"):rep(100) .. "dcba")
        )
        -- Perl's first match, as "ecma" finds it, is shorter.
        local subject = ("xyz"):rep(40) .. "aabb"
        assert.are.same({ 121, 122 }, span("(a)\\1|(a)\\2bb", "ecma", subject))
        assert.are.same({ 121, 124 }, span("(a)\\1|(a)\\2bb", "extended", subject))
        assert.are.same({ ("abc"):rep(100) }, { regex.match(new([==[\(.*\)\1]==], "basic"), ("abc"):rep(200)) })
        assert.is_nil(regex.match(new("(11+)\\1+", "extended"), ("1"):rep(997)))
        assert.are.same(
            { "a", "b", "c" },
            regex.split(new("[,;]{2}|([.])\\1", "extended", { nosubs = true }), "a,,b..c")
        )
        local doubled = new("(a)\\1", "extended", { ignore_case = true })
        assert.are.equal(101, regex.search(doubled, ("."):rep(100) .. "aA")[0].start)
        assert.are.same({ start = 101, end_ = 101 }, regex.search(doubled, ("."):rep(100) .. "aA")[1])
    end)

    it("bounds back-references of the POSIX grammars", function()
        local repeated = new([==[\(.*\)\1[xz]]==], "basic")
        assert.are.equal(1, regex.search(repeated, "ababx")[0].start)
        fails("EOVERFLOW", regex.search, repeated, ("a"):rep(100000))
        fails("EOVERFLOW", regex.search, new("(.*)(.*)\\1\\2[xz]", "extended"), ("a"):rep(3000))
        -- Only the C library knows what this means.
        local unclear = new("((a)|b)*\\2[xz]", "extended")
        assert.is_false(regex.search(unclear, "aax").empty)
        fails("EOVERFLOW", regex.search, unclear, ("a"):rep(9000))
        assert.are.equal("ab", regex.match(new([==[\(.*\)\1]==], "basic"), "abab"))
    end)

    it("follows a long match", function()
        local subject = ("ab"):rep(200000)
        assert.are.equal(subject, regex.match(new "(?:a|b)*", subject))
        assert.are.equal(subject, regex.match(new("(a|b)*", "extended", { nosubs = true }), subject))
    end)
end)

describe("the grammar ecma", function()
    local function matches(pattern, subject) return regex.match(new(pattern), subject) ~= nil end

    it("reads escapes as ECMAScript does", function()
        assert.is_true(matches("\\v", "\v"))
        assert.is_false(matches("\\v", "\n"))
        assert.is_true(matches("[\\v\\b]+", "\v\b"))
        assert.is_true(matches("\\x41\\u0042\\cA\\0", "AB\1\0"))
        assert.is_true(matches("\\d\\D\\s\\S\\w\\W", "1a b_-"))
        assert.is_true(matches("\\.\\*\\/\\-\\_\\{", ".*/-_{"))
        assert.is_true(matches("a\\b \\Bb?", "a "))
        assert.is_true(matches("(?<x>a)\\k<x>\\1", "aaa"))
    end)

    it("takes braces that are no quantifier for themselves", function()
        assert.is_true(matches("a{,3}{x}{", "a{,3}{x}{"))
        assert.is_true(matches("a{2}b{1,}c{0,2}", "aabbcc"))
        assert.is_true(matches("[{}]+", "{}"))
    end)

    it("has empty classes, lookahead, lazy repetition and unset references", function()
        assert.is_false(matches("[]", "a"))
        assert.is_true(matches("[^]", "\n"))
        assert.is_true(matches("a(?=b)b(?!c).", "abd"))
        assert.are.equal(1, regex.search(new "a+?", "aaa")[0].end_)
        assert.is_true(matches("(?:(a)|b)\\1", "b"))
        assert.is_true(matches("[[:alpha:]_]+", "ab_"))
    end)

    it("does not let the dot match line ends, and lets $ match at the end only", function()
        assert.is_false(matches(".", "\n"))
        assert.is_false(matches(".", "\r"))
        assert.is_true(regex.search(new "a$", "a\n").empty)
        assert.is_false(regex.search(new("a$", "ecma", { multiline = true }), "a\nb").empty)
        assert.is_true(regex.search(new "^b", "a\nb").empty)
        assert.is_false(regex.search(new("^b", "ecma", { multiline = true }), "a\nb").empty)
    end)
end)

describe("regex.search", function()
    it("gives the positions of the match and of its groups", function()
        for _, grammar in ipairs { "extended", "ecma" } do
            local found = regex.search(new("(b)(x)?(c)", grammar), "abcd")
            assert.are.same({
                empty = false,
                [0] = { start = 2, end_ = 3 },
                [1] = { start = 2, end_ = 2 },
                [3] = { start = 3, end_ = 3 },
            }, found)
        end
    end)

    it("gives an empty result when nothing matches", function()
        for _, grammar in ipairs(GRAMMARS) do
            assert.are.same({ empty = true }, regex.search(new("x", grammar), "abc"))
            assert.are.same({ empty = true }, regex.search(new("x", grammar), ""))
        end
    end)

    it("finds empty matches", function()
        for _, grammar in ipairs(GRAMMARS) do
            local found = regex.search(new("x*", grammar), "abc")
            assert.are.same({ empty = false, [0] = { start = 1, end_ = 0 } }, found)
        end
    end)
end)

local SPLITS = {
    -- subject, fields between commas, matches of [^,]*
    { "", { "" }, {} },
    { "a", { "a" }, { "a" } },
    { ",", { "" }, { "", "" } },
    { ",a", { "", "a" }, { "", "a" } },
    { "a,", { "a" }, { "a", "" } },
    { "a,b", { "a", "b" }, { "a", "b" } },
    { "a,,b", { "a", "", "b" }, { "a", "", "b" } },
    { "a,,", { "a", "" }, { "a", "", "" } },
    { ",,", { "", "" }, { "", "", "" } },
}

describe("regex.split", function()
    it("keeps empty fields but for one at the end", function()
        for _, grammar in ipairs(GRAMMARS) do
            for _, case in ipairs(SPLITS) do
                assert.are.same(case[2], regex.split(new(",", grammar), case[1]))
            end
        end
    end)

    it("does not split at an empty match", function()
        for _, grammar in ipairs(GRAMMARS) do
            assert.are.same({ "a", "b" }, regex.split(new(",*", grammar), "a,,b"))
            assert.are.same({ "abc" }, regex.split(new("x*", grammar), "abc"))
            assert.are.same({ "" }, regex.split(new("x*", grammar), ""))
        end
    end)

    it("lets ^ match at the subject's beginning only", function()
        for _, grammar in ipairs(GRAMMARS) do
            assert.are.same({ "", "b,c" }, regex.split(new("^.,", grammar), "a,b,c"))
        end
    end)

    it("refuses a pattern with groups, and takes it with nosubs", function()
        for _, f in ipairs { regex.split, regex.patsplit } do
            assert.are.equal(1, fails("ENOTSUP", f, new "(,)", "a,b").arg)
            f(new("(,)", "ecma", { nosubs = true }), "a,b")
        end
    end)

    it("gives the fields that a plain search for the separator gives", function()
        local seed = os.time()
        math.randomseed(seed)
        local alphabet = { "a", "b", ",", ";", "\0", "\n", "\200" }
        for round = 1, 300 do
            local parts = {}
            for i = 1, math.random(0, round * 4) do
                parts[i] = alphabet[math.random(#alphabet)]
            end
            local subject, expected, from = table.concat(parts), {}, 1
            while true do
                local first, last = subject:find("[,;]+", from)
                if not first then break end
                expected[#expected + 1] = subject:sub(from, first - 1)
                from = last + 1
            end
            if from <= #subject or from == 1 then expected[#expected + 1] = subject:sub(from) end
            for grammar, pattern in pairs { basic = "[,;][,;]*", extended = "[,;]+", ecma = "[,;]+" } do
                assert.are.same(expected, regex.split(new(pattern, grammar), subject), "seed " .. seed)
            end
        end
    end)
end)

describe("regex.patsplit", function()
    it("gives the matches, empty ones too, but not right behind another", function()
        for _, grammar in ipairs(GRAMMARS) do
            for _, case in ipairs(SPLITS) do
                assert.are.same(case[3], regex.patsplit(new("[^,]*", grammar), case[1]))
            end
        end
    end)

    it("gives quoted fields whole", function()
        local re = new('([^,]+)|("[^"]+")', "extended", { nosubs = true })
        assert.are.same({ "a", '"b,c"', "d" }, regex.patsplit(re, 'a,"b,c",d'))
    end)

    it("gives what string.gmatch gives", function()
        local subject = ("x12 y3,"):rep(1000)
        local expected = {}
        for word in subject:gmatch "%w+" do
            expected[#expected + 1] = word
        end
        for _, grammar in ipairs(GRAMMARS) do
            local re = new("[[:alnum:]][[:alnum:]]*", grammar)
            assert.are.same(expected, regex.patsplit(re, subject))
        end
    end)
end)

describe("a byte_span as subject", function()
    local function strings(spans)
        local list = {}
        for i, span in ipairs(spans) do
            assert.is_true(byte_span.is(span))
            list[i] = tostring(span)
        end
        return list
    end

    it("gives slices of itself", function()
        for _, grammar in ipairs { "extended", "ecma" } do
            local span = byte_span.append("key=value")
            local key, nothing, value = regex.match(new("([a-z]+)(!)?=([a-z]+)", grammar), span)
            assert.are.same({ "key", "", "value" }, strings { key, nothing, value })
            value[1] = ("V"):byte()
            assert.are.equal("key=Value", tostring(span))
        end
    end)

    it("keeps what is behind a slice from being appended over", function()
        local span = byte_span.append("a,b,c")
        local fields = regex.split(new ",", span)
        assert.are.same({ "a", "b", "c" }, strings(fields))
        assert.are.equal("a+", tostring(fields[1]:append("+")))
        assert.are.equal("a,b,c", tostring(span))
    end)

    it("stays alive as long as a slice", function()
        local fields = regex.patsplit(new "[a-z]+", byte_span.append(("word "):rep(1000)))
        collect()
        assert.are.equal(1000, #fields)
        assert.are.equal("word", tostring(fields[1000]))
    end)

    it("is seen with its NULs and its length only", function()
        for _, grammar in ipairs(GRAMMARS) do
            local span = byte_span.append("a\0b", "xx"):sub(1, 3)
            assert.are.equal("a\0b", tostring(regex.match(new("a[^c]b", grammar), span)))
            assert.are.same({ empty = true }, regex.search(new("x", grammar), span))
            assert.are.equal(3, regex.search(new("b$", grammar), span)[0].start)
        end
    end)

    it("may be empty", function()
        for _, grammar in ipairs(GRAMMARS) do
            local span = byte_span.new(0)
            assert.are.equal("", tostring(regex.match(new("x*", grammar), span)))
            assert.are.same({ "" }, strings(regex.split(new(",", grammar), span)))
            assert.are.same({}, regex.patsplit(new("x*", grammar), span))
        end
    end)

    it("is what argument 2 is called otherwise", function()
        for _, f in ipairs { regex.match, regex.search, regex.split, regex.patsplit } do
            assert.are.equal(2, fails("EINVAL", f, new "a").arg)
            assert.are.equal(2, fails("EINVAL", f, new "a", 1).arg)
            assert.are.equal(2, fails("EINVAL", f, new "a", {}).arg)
            assert.are.equal(2, fails("EINVAL", f, new "a", new "a").arg)
        end
    end)
end)
