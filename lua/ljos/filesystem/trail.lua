--- Trails: where a directory is in a tree, as text only when somebody asks.
---
--- A trail is a name and the trail of the directory above. Walks of trees make one per directory; so a tree ten
--- thousand levels deep costs ten thousand names, not as many paths of ever more bytes. Text that the kernel would
--- take as a path is kept once it is built; longer text is built anew each time.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local lexical = require "ljos.filesystem.path.lexical"

local KEPT_MAX = 4096

---@class ljos.filesystem.Trail
---@field parent ljos.filesystem.Trail|false
---@field name string
---@field kept string|false

---@class ljos.filesystem.trail
local M = {}

--- The trail of the directory that a walk begins with.
---@param text string
---@return ljos.filesystem.Trail
function M.root(text) return { parent = false, name = "", kept = text } end

--- The trail of a directory's entry.
---@param parent ljos.filesystem.Trail
---@param name string
---@return ljos.filesystem.Trail
function M.below(parent, name) return { parent = parent, name = name, kept = false } end

local function build(trail)
    local names, count = {}, 0
    repeat
        count = count + 1
        names[count] = trail.name
        trail = trail.parent
    until trail.kept
    for i = 1, count / 2 do
        names[i], names[count + 1 - i] = names[count + 1 - i], names[i]
    end
    return lexical.join(trail.kept, table.concat(names, "/"))
end

--- Returns the path of a trail.
---@param trail ljos.filesystem.Trail
---@return string
function M.text(trail)
    local text = trail.kept
    if text then return text end
    text = build(trail)
    if #text <= KEPT_MAX then trail.kept = text end
    return text
end

--- Returns the path of an entry in a trail's directory.
---@param trail ljos.filesystem.Trail
---@param name string
---@return string
function M.join(trail, name) return lexical.join(M.text(trail), name) end

return M
