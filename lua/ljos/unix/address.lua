--- UNIX addresses: paths as the kernel's sockaddr_un, and back.
---
--- A path that begins with "@" is an abstract name, which has no file; a file of such a name is "./@name". The empty
--- path is the address of a socket without one; binding to it makes the kernel choose an abstract name (unix(7),
--- autobind). Zero bytes in an abstract name that somebody else chose are shown as "@", as /proc/net/unix does.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"
local path = require "ljos.filesystem.path"

local AF_UNIX = native.constant_table("socket").AF_UNIX
local FAMILY_BYTES, MOST_BYTES = 2, 108 -- unix(7); a path of a file takes a zero byte more

---@class ljos.unix.address
local M = {}

-- As long as a sockaddr_storage, so that any address fits.
local sockaddr_type = ffi.typeof "struct { uint16_t family; char path[126]; }"

--- Makes an empty socket address.
---@return ffi.cdata*
function M.sockaddr() return sockaddr_type() end

--- Whether a path names an abstract socket.
---@param text string
---@return boolean
function M.is_abstract(text) return text:byte(1) == 64 end

--- Fills `out` with the address of `pathname`; returns its length. ENAMETOOLONG where it does not fit.
---@param pathname ljos.filesystem.Path|string
---@param arg integer|string  the argument's position or name, for the error
---@param out ffi.cdata*
---@return integer
function M.to_sockaddr(pathname, arg, out)
    local text = path.string_of(pathname, arg)
    local abstract = M.is_abstract(text)
    local length = #text
    if not abstract and length > 0 then length = length + 1 end
    if length > MOST_BYTES then error(error_.generic("ENAMETOOLONG", { arg = arg }), 0) end
    out.family = AF_UNIX
    ffi.copy(out.path, text)
    if abstract then out.path[0] = 0 end
    return FAMILY_BYTES + length
end

--- The path of a socket address; empty for one of another family.
---@param sockaddr ffi.cdata*
---@param length integer  what the kernel said
---@return ljos.filesystem.Path
function M.to_path(sockaddr, length)
    if length <= FAMILY_BYTES or sockaddr.family ~= AF_UNIX then return path.make "" end
    local text = ffi.string(sockaddr.path, length - FAMILY_BYTES)
    if text:byte(1) == 0 then return path.make((text:gsub("%z", "@"))) end
    return path.make(text:match "^[^%z]*" or "")
end

return M
