local error_ = require "ljos.error"
local turtle = require "ljos.error_category.turtle"

local PREFIX = "@prefix e: <x:>. "

--- Shows a node: `<iri>`, `"text"@lang`, `"text"^^<datatype>`, `[...]`.
local function show(node)
    if node.iri then return "<" .. node.iri .. ">" end
    if not node.text then return "[]" end
    if node.language then return ("%q@%s"):format(node.text, node.language) end
    return ("%q^^%s"):format(node.text, node.datatype:match "#(.*)$" or node.datatype)
end

--- Shows the objects of `e:s e:p`.
local function objects(text)
    local graph = turtle.parse(PREFIX .. text, "t.ttl")
    local shown = {}
    for i, node in ipairs(graph.nodes["x:s"].properties["x:p"] or {}) do
        shown[i] = show(node)
    end
    return table.concat(shown, " ")
end

describe("turtle", function()
    local rows = {
        { "an IRI", "e:s e:p <y:o>.", "<y:o>" },
        { "an IRI with escapes", [[e:s e:p <y:\u00e9\U0001F600>.]], "<y:é😀>" },
        { "a prefixed name", "e:s e:p e:o.", "<x:o>" },
        { "a prefix alone", "e:s e:p e: .", "<x:>" },
        { "dots inside a name and one after it", "e:s e:p e:a.b..c.", "<x:a.b..c>" },
        { "escapes in a name", [[e:s e:p e:a\,b%20.]], "<x:a,b%20>" },
        { "the empty prefix", "@prefix : <z:>. e:s e:p :o.", "<z:o>" },
        { "PREFIX as in SPARQL", "prefix z: <z:> e:s e:p z:o.", "<z:o>" },
        { "a prefix declared anew", "e:s e:p e:a. @prefix e: <y:>. <x:s> <x:p> e:a.", "<x:a> <y:a>" },
        { "the short form of rdf:type", "e:s a e:T.", "" },
        { "an integer", "e:s e:p 42, -1, +7.", [["42"^^integer "-1"^^integer "+7"^^integer]] },
        { "a decimal", "e:s e:p 1.5, .5.", [["1.5"^^decimal ".5"^^decimal]] },
        { "a double", "e:s e:p 1e3, 1.5E-3, 1.e2.", [["1e3"^^double "1.5E-3"^^double "1.e2"^^double]] },
        { "a boolean", "e:s e:p true, false.", [["true"^^boolean "false"^^boolean]] },
        { "a name that begins like a boolean", "@prefix t: <t:>. e:s e:p t:rue.", "<t:rue>" },
        { "a string", [[e:s e:p "o", 'o', "", 'a"b'.]], [["o"^^string "o"^^string ""^^string "a\"b"^^string]] },
        { "a long string", 'e:s e:p """a"b""c""", \'\'\'it\'s\'\'\'.', [["a\"b\"\"c"^^string "it's"^^string]] },
        { "a long string of two lines", 'e:s e:p """a\nb""".', '"a\\\nb"^^string' },
        { "an empty long string", 'e:s e:p """""".', '""^^string' },
        {
            "escapes in a string",
            [[e:s e:p "\\\t\'\u0041\U00000042\u00e9".]],
            '"\\\\' .. ("%q"):format("\t"):sub(2, -2) .. "'ABé\"^^string",
        },
        { "a language", [[e:s e:p "o"@en, "o"@pt-BR, "o"@zh-Hant-TW.]], '"o"@en "o"@pt-BR "o"@zh-Hant-TW' },
        { "a datatype", [[e:s e:p "o"^^e:t, "o"^^<y:t>.]], '"o"^^x:t "o"^^y:t' },
        { "a comment", "e:s # one\n e:p # two\n e:o. # three", "<x:o>" },
        { "a number sign inside an IRI and a string", [[e:s e:p <y:#>, "#".]], [[<y:#> "#"^^string]] },
        { "lists with , and ;", "e:s e:p e:a, e:b; e:q e:c; e:p e:d.", "<x:a> <x:b> <x:d>" },
        { "superfluous semicolons", "e:s e:p e:a;; ; e:p e:b;.", "<x:a> <x:b>" },
        { "a subject twice", "e:s e:p e:a. e:s e:p e:b.", "<x:a> <x:b>" },
        { "blank nodes", "e:s e:p [], [ e:q e:a ], _:b.", "[] [] []" },
        { "no space at all", '<x:s><x:p>"o",<y:o>.', '"o"^^string <y:o>' },
        { "a byte order mark", "e:s e:p e:o.", "<x:o>" },
    }
    for _, row in ipairs(rows) do
        it("reads " .. row[1], function() assert.equal(row[3], objects(row[2])) end)
    end

    it("reads the properties of blank nodes, nested and labelled", function()
        local graph =
            turtle.parse(PREFIX .. "e:s e:p [ e:q [ e:r 1 ], 2 ], _:b. _:b e:q 3. [ e:q e:s ]. [] e:q 4.", "t")
        local list = graph.nodes["x:s"].properties["x:p"]
        assert.equal("1", list[1].properties["x:q"][1].properties["x:r"][1].text)
        assert.equal("2", list[1].properties["x:q"][2].text)
        assert.equal("3", list[2].properties["x:q"][1].text)
    end)

    it("reads `a` as rdf:type", function()
        local graph = turtle.parse(PREFIX .. "e:s a e:T.", "t")
        assert.equal("x:T", graph.nodes["x:s"].properties[turtle.TYPE][1].iri)
    end)

    it("reads an empty document", function() assert.same({}, turtle.parse(" # nothing\n", "t").nodes) end)

    it("tells where a node stands", function()
        local graph = turtle.parse("\n  <x:s> <x:p> 1.", "dir/t.ttl")
        assert.equal("dir/t.ttl:2:3", graph.where(graph.nodes["x:s"]))
    end)

    local refusals = {
        { "<x:s", "1:5: '>' expected" },
        { "<x:s> <x:p> <x: o>.", "1:16: '>' expected" },
        { "<s> <x:p> 1.", "1:1: a relative IRI is not supported" },
        { "e:s <x:p> 1.", "1:1: the prefix 'e:' is not declared" },
        { "<x:s> <x:p> 1", "1:14: '.' expected" },
        { "<x:s> <x:p> .", "1:13: an object expected" },
        { "<x:s> .", "1:7: a predicate expected" },
        { "<x:s> <x:p> 1,.", "1:15: an object expected" },
        { '<x:s> <x:p> "o.', "1:13: the string is not closed" },
        { '<x:s> <x:p> "o\n".', "1:13: the string is not closed" },
        { '<x:s> <x:p> """o".', "1:13: the string is not closed" },
        { [[<x:s> <x:p> "\x".]], "1:14: unknown escape" },
        { [[<x:s> <x:p> "\u12".]], "1:14: unknown escape" },
        { [[<x:s> <x:p> "\uD800".]], "1:14: no such character" },
        { [[<x:s> <x:p> "\U00110000".]], "1:14: no such character" },
        { [[<x:s> <x:p> "o"@1.]], "1:17: a language tag expected" },
        { [[<x:s> <x:p> "o"^^1.]], "1:18: a datatype's IRI expected" },
        { "<x:s> <x:p> [ <x:q> 1 .", "1:23: ']' expected" },
        { "<x:s> <x:p> (1 2).", "1:13: collections are not supported" },
        { "@base <x:>.", "1:1: a base IRI is not supported" },
        { "@prefix e <x:>.", "1:9: a prefix expected" },
        { "@prefix e: x.", "1:12: an IRI expected" },
        { "@prefix e: <x:>\n<x:s>", "2:1: '.' expected" },
        { "# one\n\n  ?", "3:3: a subject expected" },
        { '"o" <x:p> 1.', "1:1: a subject expected" },
        { ("<x:s> <x:p> " .. ("[ <x:p> "):rep(200)), "too deeply nested" },
        { ("<x:s> <x:p> " .. ("[ ], "):rep(100) .. ("[ <x:p> "):rep(101)), "too deeply nested" },
    }
    for _, row in ipairs(refusals) do
        it(("refuses %q"):format(row[1]:sub(1, 40)), function()
            local ok, err = pcall(turtle.parse, row[1], "t.ttl")
            assert.is_false(ok)
            assert.is_true(error_.is_core(err, "bad_rdf"), tostring(err))
            assert.equal("t.ttl:", err.detail:sub(1, 6))
            assert.truthy(err.detail:find(row[2], 1, true), err.detail)
        end)
    end

    it("ends on any text with a graph or bad_rdf", function()
        local seed = os.time()
        math.randomseed(seed)
        local pieces =
            { "<x:s>", "<x:p>", " ", '"', '"""', "'", "\\", "@en", "^^", "[", "]", ".", ",", ";", "a ", "1", "#", "\n" }
        for _ = 1, 3000 do
            local text = {}
            for i = 1, math.random(12) do
                text[i] = pieces[math.random(#pieces)]
            end
            local document = table.concat(text)
            local ok, err = pcall(turtle.parse, document, "t")
            assert(ok or error_.is_core(err, "bad_rdf"), ("seed %d, %q: %s"):format(seed, document, tostring(err)))
        end
    end)
end)
