-- Walks, copies or removes a directory tree.
-- Run: luajit bench/programs/tree.lua count|list|copy|remove PATH [TARGET]   (list prints what `find PATH` prints)
local filesystem = require "ljos.filesystem"

local mode, path, target = arg[1], arg[2], arg[3]

if mode == "list" then
    print(path)
    for entry in filesystem.recursive_directory_iterator(path) do
        io.write(tostring(entry.path), "\n")
    end
elseif mode == "count" then
    local count = 1
    for _ in filesystem.recursive_directory_iterator(path) do
        count = count + 1
    end
    print(count)
elseif mode == "copy" then
    filesystem.copy(path, target, { recursive = true, symlinks = "copy" })
else
    assert(filesystem.remove_all(path) > 0)
end
