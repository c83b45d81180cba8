--- system.get_ld_library_directories: the directories that libraries come from, as descriptors.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local calls = require "ljos.filesystem.calls"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local native = require "ljos.native"

local constants = calls.constants
local FLAGS = bit.bor(constants.O_PATH, constants.O_DIRECTORY)

local function search_path()
    local context = { detail = "dlinfo(RTLD_DI_SERINFO)" }
    local size = error_.check(native.C.ljos_linker_search_path(nil, 0), context)
    local text = ffi.new("char[?]", size)
    error_.check(native.C.ljos_linker_search_path(text, size), context)
    return ffi.string(text, size)
end

--- Opens the directories that the linker searches for the program's libraries, each once; those that cannot be opened
--- are left out. Source: dlinfo(3), RTLD_DI_SERINFO.
---@return ljos.FileDescriptor[]
return function()
    local seen, found = {}, {}
    for directory in search_path():gmatch "%Z+" do
        local fd = seen[directory] and -1 or calls.openat(constants.AT_FDCWD, directory, FLAGS, 0)
        seen[directory] = true
        if fd >= 0 then found[#found + 1] = file_descriptor.new(fd) end
    end
    return found
end
