--- Small functions that programs for ljsyscall load from `syscall.helpers`.
---
--- Errors:   as the functions
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local bit = require "bit"
local address = require "ljos.syscall.type.address"

---@class ljos.syscall.helpers
local M = {}

M.htonl, M.ntohl = address.swap32, address.swap32
M.htons, M.ntohs = address.swap16, address.swap16

function M.align(length, to) return bit.band(length + to - 1, bit.bnot(to - 1)) end
function M.split(delimiter, text)
    local list = {}
    for item in (text .. delimiter):gmatch("(.-)" .. delimiter:gsub("%p", "%%%0")) do
        list[#list + 1] = item
    end
    return list
end
function M.trim(text) return text:match "^%s*(.-)%s*$" end
function M.octal(text) return tonumber(text, 8) end
function M.err64(value) return ffi.cast("int64_t", value) == -1 end

return M
