--- Turtle: reads RDF's text format into a graph of nodes.
---
--- The subset that people write by hand: @prefix and PREFIX, `a`, IRIs, prefixed names, blank nodes (`[ ]`, `_:x`),
--- lists with `;` and `,`, strings of all four quotings with escapes, language tags and datatypes, numbers, booleans,
--- comments. Not: @base, relative IRIs, collections. One pass over the text, a function for each production of the
--- grammar (W3C, "RDF 1.1 Turtle", section 6.5).
---
--- Errors:   raises ljos.Error bad_rdf, whose detail begins with "name:line:column: "
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local reader_ = require "ljos.error_category.turtle.reader"

local find, sub = string.find, string.sub
local escape, expect, fail, skip, take = reader_.escape, reader_.expect, reader_.fail, reader_.skip, reader_.take

---@class ljos.error_category.turtle
local M = {}

local XSD = "http://www.w3.org/2001/XMLSchema#"
local TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
local MAX_DEPTH = 100 -- of nested [ ]

M.TYPE = TYPE
M.INTEGER = XSD .. "integer"
M.STRING = XSD .. "string"

---@class ljos.error_category.turtle.Node
---@field iri? string          missing in blank nodes and literals
---@field text? string         of literals: the lexical form
---@field datatype? string     of literals without language
---@field language? string     of strings with a language tag: "pt-BR"
---@field position integer     where it first stands
---@field properties? table<string, ljos.error_category.turtle.Node[]> by the predicate's IRI, in the order of the text

---@class ljos.error_category.turtle.Graph
---@field nodes table<string, ljos.error_category.turtle.Node>  by IRI
---@field where fun(node: ljos.error_category.turtle.Node): string  "name:line:column"

-- Terms -----------------------------------------------------------------------------------------------------------

-- Reads `<...>`, from behind the bracket.
---@param reader ljos.error_category.turtle.Reader
---@return string
local function iri_reference(reader)
    local start, pieces = reader.position - 1, {}
    while not take(reader, "^>") do
        local piece = take(reader, '^[^%z\1-\32<>"{}|^`\\]+') or take(reader, "^\\") and escape(reader)
        pieces[#pieces + 1] = piece or fail(reader, "'>' expected")
    end
    local iri = table.concat(pieces)
    if not find(iri, "^%a[%w+.-]*:") then fail(reader, "a relative IRI is not supported", start) end
    return iri
end

-- Reads `prefix:local`; nil when there is none.
local function prefixed_name(reader)
    local start = reader.position
    local prefix = take(reader, "^([%w_.\128-\255-]*):")
    if not prefix then return nil end
    local namespace = reader.prefixes[prefix] or fail(reader, "the prefix '" .. prefix .. ":' is not declared", start)
    local pieces = {}
    while true do
        local piece = take(reader, "^[%w_:\128-\255-]+")
            or take(reader, "^%.+%f[%w_:%%\\\128-\255-]") -- a dot at the end belongs to the statement
            or take(reader, "^%%%x%x")
            or take(reader, "^\\([][_~.!$&'()*+,;=/?#@%%-])")
        if not piece then break end
        pieces[#pieces + 1] = piece
    end
    return namespace .. table.concat(pieces)
end

-- Reads an IRI in either form; nil when there is none.
local function iri(reader)
    if take(reader, "^<") then return iri_reference(reader) end
    return prefixed_name(reader)
end

---@return ljos.error_category.turtle.Node
local function node_of(reader, name, position)
    local node = reader.nodes[name]
    if not node then
        node = { iri = name, position = position, properties = {} }
        reader.nodes[name] = node
    end
    return node
end

-- Reads the rest of a string, from behind its opening quotes.
---@param reader ljos.error_category.turtle.Reader
---@param quotes string
---@return string
local function string_body(reader, quotes)
    local quote = sub(quotes, 1, 1)
    local plain = #quotes == 3 and "^[^" .. quote .. "\\]+" or "^[^" .. quote .. "\\\r\n]+"
    local start, pieces = reader.position - #quotes, {}
    while not take(reader, "^" .. quotes) do
        local piece = take(reader, plain)
            or take(reader, "^\\") and escape(reader, reader_.STRING_ESCAPES)
            or #quotes == 3 and take(reader, "^" .. quote)
        pieces[#pieces + 1] = piece or fail(reader, "the string is not closed", start)
    end
    return table.concat(pieces)
end

-- Reads a string with its language or datatype; nil when there is none.
local function string_literal(reader, position)
    local quotes = take(reader, '^"""') or take(reader, "^'''") or take(reader, '^"') or take(reader, "^'")
    if not quotes then return nil end
    local text = string_body(reader, quotes)
    if take(reader, "^@") then
        local language = take(reader, "^%a+") or fail(reader, "a language tag expected")
        language = language .. (take(reader, "^%-[%w-]*%w") or "")
        return { text = text, language = language, position = position }
    elseif take(reader, "^%^%^") then
        skip(reader)
        local datatype = iri(reader) or fail(reader, "a datatype's IRI expected")
        return { text = text, datatype = datatype, position = position }
    end
    return { text = text, datatype = M.STRING, position = position }
end

-- Reads a number or a boolean; nil when there is none.
local function bare_literal(reader, position)
    local function literal(text, datatype)
        return text and { text = text, datatype = XSD .. datatype, position = position }
    end
    return literal(take(reader, "^[+-]?%d*%.?%d+[eE][+-]?%d+"), "double")
        or literal(take(reader, "^[+-]?%d+%.[eE][+-]?%d+"), "double")
        or literal(take(reader, "^[+-]?%d*%.%d+"), "decimal")
        or literal(take(reader, "^[+-]?%d+"), "integer")
        or literal(take(reader, "^true%f[^%w_:\128-\255-]"), "boolean")
        or literal(take(reader, "^false%f[^%w_:\128-\255-]"), "boolean")
end

-- Statements ------------------------------------------------------------------------------------------------------

local properties ---@type fun(reader: ljos.error_category.turtle.Reader, node: ljos.error_category.turtle.Node)

-- Reads `[ ... ]`, from behind the bracket.
local function blank_node(reader, position)
    reader.depth = reader.depth + 1
    if reader.depth > MAX_DEPTH then fail(reader, "too deeply nested", position) end
    local node = { position = position, properties = {} }
    skip(reader)
    if not take(reader, "^%]") then
        properties(reader, node)
        expect(reader, "^%]", "']'")
    end
    reader.depth = reader.depth - 1
    return node
end

local function labelled_node(reader, label, position)
    local node = reader.blanks[label] or { position = position, properties = {} }
    reader.blanks[label] = node
    return node
end

-- Reads an IRI or a blank node; nil when there is none. The second result tells whether it was `[ ... ]`.
local function resource(reader)
    local position = reader.position
    if take(reader, "^%[") then return blank_node(reader, position), true end
    local label = take(reader, "^_:([%w_\128-\255-]+)")
    if label then return labelled_node(reader, label, position) end
    if find(reader.text, "^%(", position) then fail(reader, "collections are not supported") end
    local name = iri(reader)
    return name and node_of(reader, name, position)
end

local function object(reader)
    skip(reader)
    local position = reader.position
    return string_literal(reader, position)
        or bare_literal(reader, position)
        or resource(reader)
        or fail(reader, "an object expected")
end

local function verb(reader)
    skip(reader)
    if take(reader, "^a%f[^%w_:.\128-\255-]") then return TYPE end
    return iri(reader)
end

-- Reads `verb object, object; verb object ...` into the node's properties.
function properties(reader, node)
    local predicate = verb(reader) or fail(reader, "a predicate expected")
    while predicate do
        local list = node.properties[predicate] or {}
        node.properties[predicate] = list
        repeat
            list[#list + 1] = object(reader)
            skip(reader)
        until not take(reader, "^,")
        if not take(reader, "^;") then return end
        repeat
            skip(reader)
        until not take(reader, "^;")
        predicate = verb(reader)
    end
end

local function declare_prefix(reader)
    skip(reader)
    local prefix = take(reader, "^([%w_.\128-\255-]*):") or fail(reader, "a prefix expected")
    expect(reader, "^<", "an IRI")
    reader.prefixes[prefix] = iri_reference(reader)
end

local function statement(reader)
    if take(reader, "^@prefix%f[%s]") then
        declare_prefix(reader)
        expect(reader, "^%.", "'.'")
    elseif take(reader, "^[Pp][Rr][Ee][Ff][Ii][Xx]%f[%s]") then
        declare_prefix(reader)
    elseif
        find(reader.text, "^@base%f[%s]", reader.position)
        or find(reader.text, "^[Bb][Aa][Ss][Ee]%f[%s]", reader.position)
    then
        fail(reader, "a base IRI is not supported")
    else
        local subject, is_anonymous = resource(reader)
        if not subject then fail(reader, "a subject expected") end
        skip(reader)
        if not (is_anonymous and find(reader.text, "^%.", reader.position)) then properties(reader, subject) end
        expect(reader, "^%.", "'.'")
    end
end

--- Parses a Turtle document.
---@param text string
---@param name string  the file, for messages
---@return ljos.error_category.turtle.Graph
function M.parse(text, name)
    error_.check_type(text, "string", 1)
    local reader = reader_.new(text, name)
    if sub(text, 1, 3) == "\239\187\191" then reader.position = 4 end -- a byte order mark
    skip(reader)
    while reader.position <= #text do
        statement(reader)
        skip(reader)
    end
    return {
        nodes = reader.nodes,
        where = function(node) return reader_.locate(text, name, node.position) end,
    }
end

return M
