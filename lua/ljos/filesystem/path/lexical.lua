--- The path grammar of C++17 on POSIX, on plain strings.
---
--- A path is an optional root directory (any number of slashes) and file names between slashes; a slash after
--- the last name makes an empty last component. There are no root names here. Where the standard leaves room,
--- the result is that of libstdc++, against which the tests compare.
---
--- Errors:   none
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local concat = table.concat

---@class ljos.filesystem.path.lexical
local M = {}

local SLASH, DOT = 47, 46

---@param text string
---@return boolean
function M.is_absolute(text) return text:byte(1) == SLASH end

-- Position of the first byte that is not part of the root directory; past the end when there is none.
---@param text string
---@return integer
local function names_at(text) return text:find("[^/]") or #text + 1 end

--- Splits a path: root directory, names, and an empty string for a slash after the last name.
---@param text string
---@return string[]
function M.components(text)
    local at = names_at(text)
    local parts = {} ---@type string[]
    if text ~= "" and at > 1 then parts[1] = at > #text and text or "/" end
    for name in text:gmatch "[^/]+" do
        parts[#parts + 1] = name
    end
    if at <= #text and text:byte(-1) == SLASH then parts[#parts + 1] = "" end
    return parts
end

--- Returns "/" for a path that begins with one, else "".
---@param text string
---@return string
function M.root_directory(text) return M.is_absolute(text) and "/" or "" end

--- Returns what follows the root directory.
---@param text string
---@return string
function M.relative_path(text) return text:sub(names_at(text)) end

--- Returns the last component, "" after a slash.
---@param text string
---@return string
function M.filename(text) return text:match "^.*/(.*)$" or text end

--- Returns the path with the last component removed, and the slashes before it.
---@param text string
---@return string
function M.parent_path(text)
    local at = names_at(text)
    if at > #text then return text end
    local before = text:match("^(.*)/", at)
    if before then
        return text:sub(1, at - 1 --[[@as integer]]) .. before:match "^(.*[^/])"
    end
    return at > 1 and "/" or ""
end

--- Splits a file name into stem and extension; a leading dot begins no extension, nor do "." and "..".
---@param name string
---@return string stem, string extension
function M.split_extension(name)
    if name == ".." then return name, "" end
    local stem, extension = name:match "^(.+)(%.[^.]*)$"
    return stem or name, extension or ""
end

--- Removes the last component and keeps the slash before it.
---@param text string
---@return string
function M.remove_filename(text) return text:match "^.*/" or "" end

--- Replaces (or removes, when empty) the last component's extension.
---@param text string
---@param extension string  with or without its dot
---@return string
function M.replace_extension(text, extension)
    local _, old = M.split_extension(M.filename(text))
    if extension ~= "" and extension:byte(1) ~= DOT then extension = "." .. extension end
    return text:sub(1, #text - #old) .. extension
end

--- Joins two paths: an absolute second one stands alone.
---@param left string
---@param right string
---@return string
function M.join(left, right)
    if M.is_absolute(right) then return right end
    if left == "" or left:byte(-1) == SLASH then return left .. right end
    return left .. "/" .. right
end

--- Writes runs of slashes as one.
---@param text string
---@return string
function M.generic(text) return (text:gsub("//+", "/")) end

-- Adds one component to the names of a normal form; tells whether a slash would now follow the last name.
local function add_normal(names, component, trailing, has_root)
    local count = #names
    if component == "" or component == "." then return count > 0 end
    if component ~= ".." then
        names[count + 1] = component
        return false
    end
    if count > 0 and names[count] ~= ".." then
        names[count] = nil
        return count > 1
    end
    if has_root and count == 0 then return trailing end
    names[count + 1] = ".."
    return false
end

--- Removes "." and resolves ".." as far as the text allows, without asking the filesystem.
---@param text string
---@return string
function M.normal(text)
    if text == "" or names_at(text) > #text then return text end
    local has_root = M.is_absolute(text)
    local names, trailing = {}, false
    local parts = M.components(text)
    for i = has_root and 2 or 1, #parts do
        trailing = add_normal(names, parts[i], trailing, has_root)
    end
    local last = names[#names]
    local result = (has_root and "/" or "") .. concat(names, "/")
    if last and last ~= ".." and trailing then result = result .. "/" end
    return result == "" and "." or result
end

-- Two spellings of the root directory are one component.
local function same_component(a, b)
    return a == b or (a ~= nil and b ~= nil and a:byte(1) == SLASH and b:byte(1) == SLASH)
end

-- How many levels up the components of a base lead, from `first` on; negative when it climbs above itself.
local function depth(parts, first)
    local levels = 0
    for i = first, #parts do
        local part = parts[i]
        if part == ".." then
            levels = levels - 1
        elseif part ~= "" and part ~= "." then
            levels = levels + 1
        end
    end
    return levels
end

--- Makes a path relative to a base; "" when no relative path leads there.
---@param text string
---@param base string
---@return string
function M.relative(text, base)
    if M.is_absolute(text) ~= M.is_absolute(base) then return "" end
    local own, other = M.components(text), M.components(base)
    local i = 1
    while i <= #own and i <= #other and same_component(own[i], other[i]) do
        i = i + 1
    end
    if i > #own and i > #other then return "." end
    local up = depth(other, i)
    if up < 0 then return "" end
    if up == 0 and (i > #own or own[i] == "") then return "." end
    local result = ("../"):rep(up - 1) .. (up > 0 and ".." or "")
    for j = i, #own do
        result = M.join(result, own[j])
    end
    return result
end

--- Makes a path relative to a base where it can, else returns it as it is.
---@param text string
---@param base string
---@return string
function M.proximate(text, base)
    local relative = M.relative(text, base)
    return relative == "" and text or relative
end

--- Compares component by component: negative, 0 or positive. A root directory comes after none.
---@param a string
---@param b string
---@return integer
function M.compare(a, b)
    if a == b then return 0 end
    local a_rooted, b_rooted = M.is_absolute(a), M.is_absolute(b)
    if a_rooted ~= b_rooted then return a_rooted and 1 or -1 end
    local own, other = M.components(a), M.components(b)
    for i = a_rooted and 2 or 1, math.min(#own, #other) do
        local x, y = own[i], other[i]
        if x ~= y then return x < y and -1 or 1 end
    end
    return #own - #other
end

return M
