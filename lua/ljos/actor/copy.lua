--- Copies: messages between the Lua states of one process, as runs of cells.
---
--- A value is a cell with its kind and size, then what the kind needs: a number's cell, a string's bytes, a table's
--- elements. What cannot be copied stands beside the cells, as attachments (`struct ljos_attached`): descriptors and
--- addresses. A table is a list when it has a first element, else a dictionary of its string keys; a list ends at the
--- first element that cannot be sent, a dictionary does without (seed 003's originals do so). The cells are this
--- module's own, until the next `encode`. These are pure functions over memory: no IO.
---
--- Errors:   encode raises EINVAL, ENOTSUP for objects that cannot be sent, ELOOP for a table that contains itself
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"

local getmetatable, next, type = getmetatable, next, type
local ceil = math.ceil

---@class ljos.actor.copy
local M = {}

local NUMBER, STRING, TRUE, FALSE, LIST, DICTIONARY, ATTACHED = 1, 2, 3, 4, 5, 6, 7
local MAX_DEPTH = 1000 -- a Lua state can read no table that is nested much deeper
local KEEP_CELLS, MAX_CELLS = 8192, 2 ^ 28 -- 2 GiB

local new_cells, new_attached = ffi.typeof "union ljos_cell[?]", ffi.typeof "struct ljos_attached[?]"
local room, attached_room = 512, 16
local cells, attached = new_cells(room), new_attached(attached_room)
local attached_count = 0

-- Encoding ------------------------------------------------------------------------------------------------------

local objects = {} ---@type table<string, fun(value: any, attached: ffi.cdata*)>

--- Teaches `encode` a class of objects, by what getmetatable(object) answers.
---@param name string
---@param attach fun(value: any, attached: ffi.cdata*)  fills in what is to be sent; may raise
function M.register(name, attach) objects[name] = attach end

local function grow(needed)
    if needed > MAX_CELLS then error_.argument(2, "more than 2 GiB") end
    local larger = math.max(needed, 2 * room)
    local copy = new_cells(larger)
    ffi.copy(copy, cells, room * 8)
    cells, room = copy, larger
end

local function grow_attached()
    local copy = new_attached(2 * attached_room)
    ffi.copy(copy, attached, attached_room * ffi.sizeof "struct ljos_attached")
    attached, attached_room = copy, 2 * attached_room
end

local function put_head(at, kind, size)
    if at >= room then grow(at + 1) end
    local head = cells[at].head
    head.kind, head.size = kind, size
    return at + 1
end

local function put_number(at, value)
    if at + 2 > room then grow(at + 2) end
    cells[at].head.kind = NUMBER
    cells[at + 1].number = value
    return at + 2
end

local function put_string(at, value)
    local size = #value
    local next_at = at + 1 + ceil(size / 8)
    if next_at > room then grow(next_at) end
    local head = cells[at].head
    head.kind, head.size = STRING, size
    ffi.copy(cells + at + 1, value, size)
    return next_at
end

local function put_object(at, value)
    local attach = objects[getmetatable(value)]
    if not attach then return nil end
    if attached_count == attached_room then grow_attached() end
    attach(value, attached[attached_count])
    attached_count = attached_count + 1
    return put_head(at, ATTACHED, attached_count - 1)
end

local put ---@type fun(at: integer, value: any): integer?
local open, depth = {}, 0 -- the tables around

local function put_list(at, list, length)
    local count, next_at = 0, at + 1
    for i = 1, length do
        local after = put(next_at, list[i])
        if not after then break end
        count, next_at = i, after
    end
    put_head(at, LIST, count)
    return next_at
end

local function put_dictionary(at, dictionary)
    local count, next_at = 0, at + 1
    for key, value in next, dictionary do
        if type(key) == "string" then
            local after = put(put_string(next_at, key), value)
            if after then
                count, next_at = count + 1, after
            end
        end
    end
    put_head(at, DICTIONARY, count)
    return next_at
end

local function put_table(at, value)
    if open[value] then error(error_.generic("ELOOP", { arg = 2, detail = "a table that contains itself" }), 0) end
    if depth == MAX_DEPTH then error_.argument(2, "tables nested more than 1000 deep") end
    open[value], depth = true, depth + 1
    local length = #value
    local after = length > 0 and put_list(at, value, length) or put_dictionary(at, value)
    open[value], depth = nil, depth - 1
    return after
end

-- Puts a value; returns where the next one goes, or nil when it cannot be sent.
function put(at, value)
    local kind = type(value)
    if kind == "number" then return put_number(at, value) end
    if kind == "string" then return put_string(at, value) end
    if kind == "boolean" then return put_head(at, value and TRUE or FALSE, 0) end
    if kind ~= "table" then return nil end
    if getmetatable(value) == nil then return put_table(at, value) end
    return put_object(at, value)
end

local function refuse(value)
    local kind, class = type(value), getmetatable(value)
    local is_object = kind == "cdata" or kind == "userdata" or kind == "table" and type(class) == "string"
    local what = "a " .. (kind == "table" and (is_object and class or "table with a metatable") or kind)
    local code = is_object and "ENOTSUP" or "EINVAL"
    error(error_.generic(code, { arg = 2, detail = what .. " cannot be sent" }), 0)
end

-- What an error, or a large message, has left.
local function tidy()
    if depth > 0 then
        open, depth = {}, 0
    end
    if room > KEEP_CELLS then
        room = KEEP_CELLS
        cells = new_cells(room)
    end
end

--- Writes `value` to this module's cells.
---@param value any
---@return ffi.cdata* cells   union ljos_cell *
---@return integer size       in cells
---@return ffi.cdata* attached  struct ljos_attached *: borrowed from the value
---@return integer attached_count
function M.encode(value)
    if depth > 0 or room > KEEP_CELLS then tidy() end
    attached_count = 0
    local size = put(0, value)
    if not size then refuse(value) end
    return cells, size, attached, attached_count
end

-- Decoding ------------------------------------------------------------------------------------------------------

local get ---@type fun(from: ffi.cdata*, at: integer, attach: any, attachments: ffi.cdata*): any, integer

local function get_list(from, at, attach, attachments)
    local list = {}
    local count = from[at].head.size
    at = at + 1
    for i = 1, count do
        list[i], at = get(from, at, attach, attachments)
    end
    return list, at
end

---@param at integer
---@return string, integer
local function get_string(from, at)
    local size = from[at].head.size
    return ffi.string(from + at + 1, size), at + 1 + ceil(size / 8)
end

local function get_dictionary(from, at, attach, attachments)
    local dictionary = {}
    local count = from[at].head.size
    at = at + 1
    for _ = 1, count do
        local key ---@type string
        key, at = get_string(from, at)
        local value, after = get(from, at, attach, attachments)
        dictionary[key], at = value, after
    end
    return dictionary, at
end

function get(from, at, attach, attachments)
    local kind = from[at].head.kind
    if kind == NUMBER then return from[at + 1].number, at + 2 end
    if kind == STRING then return get_string(from, at) end
    if kind == TRUE or kind == FALSE then return kind == TRUE, at + 1 end
    if kind == LIST then return get_list(from, at, attach, attachments) end
    if kind == DICTIONARY then return get_dictionary(from, at, attach, attachments) end
    return attach(attachments[from[at].head.size]), at + 1
end

--- Reads what `encode` wrote.
---@param from ffi.cdata*         union ljos_cell *
---@param attachments ffi.cdata*  struct ljos_attached *
---@param attach fun(attached: ffi.cdata*): any  makes an object of an attachment
---@return any
function M.decode(from, attachments, attach) return (get(from, 0, attach, attachments)) end

return M
