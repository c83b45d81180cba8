--- The runner: the program that actors in processes of their own start as, found and kept ready.
---
--- It is looked for in $LJOS_ACTOR, else beside the native library, where the rock and a source checkout alike put
--- it. It is copied once into a sealed memfd, from which every actor starts: no actor can reach the file, and replacing
--- the file later changes nothing.
---
--- Errors:   raises a string that lists every path tried and the remedy; ljos.Error where it is there, but cannot be
---           copied
--- Suspends: never
--- Needs:    memfd_create(2)
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

ffi.cdef "int close(int fd);"

local owned_fd = ffi.metatype(ffi.typeof "struct { int fd; /* runner */ }", {
    __gc = function(owner) ffi.C.close(owner.fd) end,
})

---@class ljos.actor.runner
local M = {}

local function candidates()
    local explicit = os.getenv "LJOS_ACTOR"
    if explicit then return { explicit } end
    -- An actor that starts actors of its own runs the runner already.
    if package.loaded["ljos.embedded"] then return { native.path } end
    return { (native.path:match "^.*/" or "") .. "ljos-actor" }
end

-- What opening a program fails with where it is not there, or not to be had.
local ABSENT = {}
for name in ("ENOENT ENOTDIR EISDIR EACCES ELOOP ENAMETOOLONG"):gmatch "%S+" do
    ABSENT[-error_.errno_of[name]] = true
end

local function open()
    local tried = {}
    for _, path in ipairs(candidates()) do
        local fd = native.C.ljos_memfd_from_program(path)
        if fd >= 0 then return fd end
        if not ABSENT[fd] then error_.check(fd, { path = path, detail = "the copy of the runner of actors" }) end
        local reason = ffi.string(ffi.C.strerror(-fd))
        tried[#tried + 1] = ("  %s: %s"):format(path, reason)
    end
    table.insert(tried, 1, "ljos: the runner of actors was not found. Tried:")
    tried[#tried + 1] =
        "Build it with `make build` in a source checkout, or install the rock, or name it in $LJOS_ACTOR."
    error(table.concat(tried, "\n"), 0)
end

local owner

--- Returns the descriptor of the sealed copy; it lives as long as this Lua state.
---@return integer
function M.fd()
    owner = owner or owned_fd(open())
    return owner.fd
end

return M
