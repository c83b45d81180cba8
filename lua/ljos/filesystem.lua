--- The filesystem: paths, and all operations on names. The fields load when first used.
---
--- Everything here blocks its thread, as in seed 003 ("Filesystem API"): no kernel offers these operations
--- otherwise. A path may be given as a `filesystem.path` or as a string.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local loading = require "ljos.error.loading"

---@class ljos.filesystem
---@field path ljos.filesystem.path
---@field clock ljos.filesystem.clock
local M = {}

local modules = { path = true, clock = true }

-- Module -> its functions that are fields here.
local homes = {
    mode = { "mode" },
    open = { "open" },
    status = {
        "status",
        "symlink_status",
        "exists",
        "is_block_device",
        "is_character_device",
        "is_directory",
        "is_empty",
        "is_fifo",
        "is_other",
        "is_regular_file",
        "is_socket",
        "is_symlink",
        "file_size",
        "hardlink_count",
        "equivalent",
        "last_write_time",
        "space",
    },
    place = {
        "current_working_directory",
        "chroot",
        "absolute",
        "canonical",
        "weakly_canonical",
        "relative",
        "proximate",
        "read_symlink",
        "temp_directory_path",
    },
    make = {
        "create_directory",
        "create_directories",
        "mkdir",
        "create_hardlink",
        "create_symlink",
        "create_directory_symlink",
        "mkfifo",
        "mknod",
        "makedev",
        "dev_major",
        "dev_minor",
    },
    change = { "rename", "resize_file", "chown", "lchown", "chmod", "lchmod", "umask" },
    copy = { "copy", "copy_file", "copy_symlink" },
    remove = { "remove", "remove_all" },
    capabilities = { "cap_get_file", "cap_set_file" },
}

local home_of = {}
for home, names in pairs(homes) do
    for _, name in ipairs(names) do
        home_of[name] = home
    end
end

local function load(name)
    if modules[name] then return loading.load("ljos.filesystem." .. name) end
    if name == "directory_iterator" or name == "recursive_directory_iterator" then
        return loading.load("ljos.filesystem." .. name).new
    end
    local home = home_of[name]
    if not home then error_.bad_index("filesystem", name) end
    return loading.load("ljos.filesystem." .. home)[name]
end

return setmetatable(M, {
    __index = function(self, name)
        local value = load(name)
        rawset(self, name, value)
        return value
    end,
})
