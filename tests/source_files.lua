-- The files of the repository, for specs that look at their text.
local text_file = require "text_file"

local M = {}

--- What a command prints, line by line.
function M.lines_of(command)
    local lines, pipe = {}, assert(io.popen(command))
    for line in pipe:lines() do
        lines[#lines + 1] = line
    end
    pipe:close()
    return lines
end

--- The files below a folder whose names match find's pattern, each { path, source }.
function M.below(folder, pattern)
    local files = {}
    for _, path in ipairs(M.lines_of(("find %s -name '%s' | sort"):format(folder, pattern))) do
        files[#files + 1] = { path = path, source = text_file.read(path) }
    end
    assert(#files > 0, "no files " .. pattern .. " below " .. folder)
    return files
end

--- Collects what `check(file, complain)` complains about over all files, so that one run shows everything.
function M.complaints(files, check)
    local found = {}
    for _, file in ipairs(files) do
        check(file, function(...) found[#found + 1] = file.path .. ": " .. string.format(...) end)
    end
    return table.concat(found, "\n")
end

return M
