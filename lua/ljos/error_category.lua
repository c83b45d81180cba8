--- Error categories of one's own: from a Lua table, or from a Turtle file (seed 003, "RDF error categories").
---
--- Both describe a list of errors: a code, aliases, a message (in several languages), the errno it amounts to. The
--- language is the one of LC_ALL, LC_MESSAGES or LANG, the first that is set: pt_BR.UTF-8 takes the message tagged
--- "pt-BR", else "pt", else the one without a tag, else the first by tag.
---
---     local category = error_category.new {
---         name = "shop",
---         { code = 1, alias = "sold_out", message = { "Sold out", ["pt-BR"] = "Esgotado" } },
---         { code = 2, alias = { "closed", "not_open" }, message = "Closed", generic_error = "EAGAIN" },
---     }
---     error(category.sold_out)
---
--- Errors:   raises ljos.Error: EINVAL for a table, bad_rdf, bad_rdf_error_category and bad_rdf_error for Turtle
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local turtle = require "ljos.error_category.turtle"

local error, ipairs, pairs, type = error, ipairs, pairs, type

---@class ljos.error_category
local M = {}

local SUBJECT = "about:emilua-module"
local CATEGORY = "https://schema.emilua.org/error_category/0/"
local TERMS = CATEGORY .. "#"

---@class ljos.ErrorDescription
---@field code integer
---@field alias? string|string[]
---@field message string|table<integer|string, string> [1] for the languages without a text of their own
---@field generic_error? string  the name of an errno: "EAGAIN"

-- Language --------------------------------------------------------------------------------------------------------

--- Returns the language tag of the environment's locale ("pt-BR"); nil for the C locale and when nothing is set.
---@param getenv? fun(name: string): string?
---@return string?
function M.language(getenv)
    getenv = getenv or os.getenv
    for _, name in ipairs { "LC_ALL", "LC_MESSAGES", "LANG" } do
        local locale = getenv(name)
        if locale and locale ~= "" then
            local language, territory = locale:match "^(%a+)_?(%w*)"
            if not language or language == "C" or language == "POSIX" then return nil end
            return territory == "" and language or language .. "-" .. territory
        end
    end
    return nil
end

-- Falls back on the text without a language, then on the first language of the alphabet.
---@param messages table<integer|string, string>
---@param language? string
---@return string?
local function choose(messages, language)
    language = language or ""
    local text = messages[language] or messages[language:match "^%a*" or ""] or messages[1]
    if text then return text end
    local tags = {} ---@type string[]
    for tag in pairs(messages) do
        tags[#tags + 1] = tag --[[@as string]]
    end
    table.sort(tags)
    return messages[tags[1] or 1]
end

-- Building --------------------------------------------------------------------------------------------------------

---@param value any
---@return any[]
local function list_of(value) return type(value) == "table" and value or { value } end

---@class ljos.ErrorCategoryParts: ljos.ErrorCategorySpec
---@field messages table<integer, string>
---@field generic table<integer, integer>

---@param spec ljos.ErrorCategoryParts
---@param description ljos.ErrorDescription
---@param language? string
---@param fail fun(what: string): any
local function add(spec, description, language, fail)
    local code, messages = description.code, description.message
    if type(code) ~= "number" or code % 1 ~= 0 or code < -2 ^ 31 or code >= 2 ^ 31 then
        fail "code: an integer expected"
    end
    if spec.messages[code] then fail("code: " .. code .. " is taken") end
    if type(messages) == "string" then messages = { messages } end
    local message = type(messages) == "table" and choose(messages, language)
    if type(message) ~= "string" then fail "message: a text expected" end
    spec.messages[code] = message
    for _, alias in ipairs(list_of(description.alias)) do
        if type(alias) ~= "string" then fail "alias: a string expected" end
        if spec.aliases[alias] then fail("alias: " .. alias .. " is taken") end
        if alias == "message" then fail "alias: `message` is the category's method" end
        spec.aliases[alias] = code
    end
    local generic = description.generic_error
    if generic ~= nil then
        spec.generic[code] = error_.errno_of[generic] or fail("generic_error: no errno is called " .. tostring(generic))
    end
end

--- Makes an error category from a table {name = ..., description, description, ...}.
---@param description {name: string, [integer]: ljos.ErrorDescription}
---@param language? string  a tag; the environment's by default
---@return ljos.ErrorCategory
function M.new(description, language)
    error_.check_type(description, "table", 1)
    error_.check_type(description.name, "string", "name")
    local spec = { name = description.name, aliases = {}, messages = {}, generic = {} }
    language = language or M.language()
    for i, entry in ipairs(description) do
        local arg = ("[%d]"):format(i)
        error_.check_type(entry, "table", arg)
        add(spec, entry, language, function(what) error_.argument(arg, what) end)
    end
    return error_.category(spec)
end

-- Turtle ----------------------------------------------------------------------------------------------------------

-- Returns the objects of a property.
---@param node ljos.error_category.turtle.Node
---@param term string
---@return ljos.error_category.turtle.Node[]
local function objects(node, term) return node.properties and node.properties[TERMS .. term] or {} end

---@param node ljos.error_category.turtle.Node
---@param fail fun(what: string, node: ljos.error_category.turtle.Node)
---@return ljos.ErrorDescription
local function describe(node, fail)
    if not node.properties then fail("an error is a node with properties", node) end
    local function plain(term, datatype, at_most)
        local texts = {}
        for i, object in ipairs(objects(node, term)) do
            if object.datatype ~= datatype then fail(term .. ": a plain literal expected", object) end
            if i > at_most then fail(term .. ": only one may be given", object) end
            texts[i] = object.text
        end
        return texts
    end
    local messages = {}
    for _, object in ipairs(objects(node, "message")) do
        local key = object.language or 1
        if not object.text or (key == 1 and object.datatype ~= turtle.STRING) then
            fail("message: a string expected", object)
        end
        if messages[key] then fail("message: two for one language", object) end
        messages[key] = object.text
    end
    return {
        code = tonumber(plain("code", turtle.INTEGER, 1)[1]) --[[@as integer]],
        alias = plain("alias", turtle.STRING, math.huge),
        message = messages,
        generic_error = plain("generic_error", turtle.STRING, 1)[1],
    }
end

--- Makes an error category from a Turtle document.
---
--- Raises bad_rdf for text that is no Turtle, bad_rdf_error_category when it does not describe a category,
--- bad_rdf_error when one of the errors is wrong; the detail begins with "name:line:column: ".
---@param text string
---@param name string       the file: it becomes the category's name and stands in messages
---@param language? string  a tag; the environment's by default
---@return ljos.ErrorCategory
function M.from_turtle(text, name, language)
    local graph = turtle.parse(text, name)
    local subject = graph.nodes[SUBJECT]
    local function is_category()
        for _, object in ipairs(subject and subject.properties and subject.properties[turtle.TYPE] or {}) do
            if object.iri == CATEGORY then return true end
        end
    end
    if not subject or not is_category() then
        local what = ("%s: <%s> is not declared as a <%s>"):format(name, SUBJECT, CATEGORY)
        error(error_.core("bad_rdf_error_category", { detail = what }), 0)
    end
    local spec = { name = name, aliases = {}, messages = {}, generic = {} }
    language = language or M.language()
    local function fail(what, node)
        error(error_.core("bad_rdf_error", { detail = graph.where(node) .. ": " .. what }), 0)
    end
    for _, node in ipairs(objects(subject, "error")) do
        add(spec, describe(node, fail), language, function(what) return fail(what, node) end)
    end
    return error_.category(spec)
end

return M
