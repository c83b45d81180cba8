local error_ = require "ljos.error"
local error_category = require "ljos.error_category"

local HEAD = [[
@prefix cat: <https://schema.emilua.org/error_category/0/#>.
<about:emilua-module> a <https://schema.emilua.org/error_category/0/>]]

local EASTER_EGGS = HEAD
    .. [[;
  cat:error [
    cat:code 1; cat:alias "ED";
    cat:message "?"
  ], [
    cat:code 2; cat:alias "EGREGIOUS";
    # You did what?
    cat:message "You really blew it this time",
               "Você realmente se superou dessa vez"@pt-BR,
               "Você conseguiu"@pt
  ], [
    cat:code 3;
    cat:alias "operation_would_block", "resource_unavailable_try_again";
    cat:message "Resource temporarily unavailable";
    cat:generic_error "EAGAIN"
  ].
]]

describe("An error category from Turtle", function()
    local category = error_category.from_turtle(EASTER_EGGS, "eggs.ttl", "en")

    it("makes a new error at each access, by alias and by number", function()
        local one = category.EGREGIOUS
        one.context = "Lorem ipsum"
        assert.equal(2, one.code)
        assert.is_nil(category.EGREGIOUS.context)
        assert.is_true(one == category[2])
        assert.is_false(one == category.ED)
        assert.equal("You really blew it this time", tostring(category[2]))
        assert.equal("?", category:message(1))
        assert.has_error(function() category:message "1" end)
    end)

    it(
        "knows several aliases of one error",
        function() assert.is_true(category.operation_would_block == category.resource_unavailable_try_again) end
    )

    it("is named after its file", function() assert.equal("eggs.ttl", tostring(category)) end)

    it("maps its errors to generic ones where it was told to", function()
        assert.is_true(category[3]:togeneric() == error_.generic "EAGAIN")
        assert.is_true(category[1]:togeneric() == category[1])
    end)

    it("raises bad_index for an unknown alias", function()
        local ok, err = pcall(function() return category.EIEIO end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "bad_index"))
    end)

    local languages = {
        { "pt-BR", "Você realmente se superou dessa vez" },
        { "pt-PT", "Você conseguiu" },
        { "pt", "Você conseguiu" },
        { "de-DE", "You really blew it this time" },
        { "en", "You really blew it this time" },
    }
    for _, row in ipairs(languages) do
        it("has the message for the language " .. row[1], function()
            local localized = error_category.from_turtle(EASTER_EGGS, "eggs.ttl", row[1])
            assert.equal(row[2], localized:message(2))
            assert.equal("?", localized:message(1))
        end)
    end

    it("takes a language that is there when no message is without one", function()
        local text = HEAD .. '; cat:error [ cat:code 1; cat:message "sim"@pt, "ja"@de ].'
        assert.equal("ja", error_category.from_turtle(text, "t", "en"):message(1))
    end)

    it("may have no errors", function() assert.equal("t", tostring(error_category.from_turtle(HEAD .. ".", "t"))) end)

    local refusals = {
        { "text that is no Turtle", "bad_rdf", "cat:", "t.ttl:1:1: the prefix 'cat:' is not declared" },
        { "an empty document", "bad_rdf_error_category", "", "t.ttl: <about:emilua-module> is not declared" },
        { "another type", "bad_rdf_error_category", "<about:emilua-module> a <x:y>.", "is not declared as a <https" },
        {
            "another subject",
            "bad_rdf_error_category",
            "<x:y> a <https://schema.emilua.org/error_category/0/>.",
            "is not",
        },
        { "no code", "bad_rdf_error", '[ cat:message "m" ]', "t.ttl:3:2: code: an integer expected" },
        { "a code in quotes", "bad_rdf_error", '[ cat:code "1"; cat:message "m" ]', "t.ttl:3:13: code: a plain" },
        { "a code that is no integer", "bad_rdf_error", '[ cat:code 1.5; cat:message "m" ]', "code: a plain" },
        { "a huge code", "bad_rdf_error", '[ cat:code 4294967296; cat:message "m" ]', "code: an integer" },
        { "two codes", "bad_rdf_error", '[ cat:code 1, 2; cat:message "m" ]', "code: only one may be given" },
        { "no message", "bad_rdf_error", "[ cat:code 1 ]", "message: a text expected" },
        { "a number as message", "bad_rdf_error", "[ cat:code 1; cat:message 1 ]", "message: a string expected" },
        { "two messages", "bad_rdf_error", '[ cat:code 1; cat:message "a", "b" ]', "message: two for one language" },
        { "a wrong alias", "bad_rdf_error", '[ cat:code 1; cat:message "m"; cat:alias 1 ]', "alias: a plain literal" },
        {
            "the method's name",
            "bad_rdf_error",
            '[ cat:code 1; cat:message "m"; cat:alias "message" ]',
            "is the category's",
        },
        {
            "an unknown errno",
            "bad_rdf_error",
            '[ cat:code 1; cat:message "m"; cat:generic_error "E" ]',
            "no errno is called E",
        },
        { "an error without properties", "bad_rdf_error", '"text"', "t.ttl:3:2: an error is a node with properties" },
        {
            "a code twice",
            "bad_rdf_error",
            '[ cat:code 1; cat:message "m" ], [ cat:code 1; cat:message "m" ]',
            "code: 1 is taken",
        },
        {
            "an alias twice",
            "bad_rdf_error",
            '[ cat:code 1; cat:message "m"; cat:alias "a" ], [ cat:code 2; cat:message "m"; cat:alias "a" ]',
            "alias: a is taken",
        },
    } -- stylua: ignore
    for _, row in ipairs(refusals) do
        it(("raises %s for %s"):format(row[2], row[1]), function()
            local text = row[2] == "bad_rdf_error" and HEAD .. ";cat:error\n " .. row[3] .. "." or row[3]
            local ok, err = pcall(error_category.from_turtle, text, "t.ttl")
            assert.is_false(ok)
            assert.is_true(error_.is_core(err, row[2]), tostring(err))
            assert.truthy(err.detail:find(row[4], 1, true), err.detail)
        end)
    end
end)

describe("An error category from a table", function()
    local category = error_category.new({
        name = "shop",
        { code = 1, alias = "sold_out", message = { "Sold out", ["pt-BR"] = "Esgotado" } },
        { code = -2, alias = { "closed", "not_open" }, message = "Closed", generic_error = "EAGAIN" },
    }, "pt-BR")

    it("works like one from Turtle", function()
        assert.equal("shop", tostring(category))
        assert.equal("Esgotado", tostring(category.sold_out))
        assert.is_true(category.closed == category[-2])
        assert.is_true(category.not_open:togeneric() == error_.generic "EAGAIN")
    end)

    local refusals = {
        { nil, 1, "table expected, got nil" },
        { {}, "name", "string expected, got nil" },
        { { name = "n", 1 }, "[1]", "table expected, got number" },
        { { name = "n", {} }, "[1]", "code: an integer expected" },
        { { name = "n", { code = 1 } }, "[1]", "message: a text expected" },
        { { name = "n", { code = 1, message = "m" }, { code = 1, message = "m" } }, "[2]", "code: 1 is taken" },
        { { name = "n", { code = 1, message = "m", alias = { 1 } } }, "[1]", "alias: a string expected" },
        {
            { name = "n", { code = 1, message = "m", generic_error = 5 } },
            "[1]",
            "generic_error: no errno is called 5",
        },
    }
    for i = 1, 8 do
        local row = refusals[i]
        it(("refuses %s: %s"):format(row[2], row[3]), function()
            local ok, err = pcall(error_category.new, row[1])
            assert.is_false(ok)
            assert.equal(error_.generic "EINVAL", err)
            assert.equal(row[2], err.arg)
            assert.equal(row[3], err.detail)
        end)
    end
end)

describe("The language of the environment", function()
    local rows = {
        { { LC_ALL = "pt_BR.UTF-8", LC_MESSAGES = "de_DE", LANG = "fr_FR" }, "pt-BR" },
        { { LC_ALL = "", LC_MESSAGES = "de_DE", LANG = "fr_FR" }, "de-DE" },
        { { LANG = "fr_FR@euro" }, "fr-FR" },
        { { LANG = "eo" }, "eo" },
        { { LANG = "en.UTF-8" }, "en" },
        { { LC_ALL = "C", LANG = "fr_FR" }, nil },
        { { LANG = "C.UTF-8" }, nil },
        { { LANG = "POSIX" }, nil },
        { { LC_TIME = "fr_FR" }, nil },
        { {}, nil },
    }
    for i, row in ipairs(rows) do
        it(("is %s in row %d"):format(tostring(row[2]), i), function()
            assert.equal(row[2], error_category.language(function(name) return row[1][name] end))
        end)
    end
end)
