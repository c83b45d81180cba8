--- Small functions that programs for ljsyscall load from `syscall.helpers`.
---
--- Errors:   as the functions
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local argument = require "ljos.syscall.argument"
local address = require "ljos.syscall.type.address"

---@class ljos.syscall.helpers
local M = {}

function M.htonl(value) return address.swap32(argument.integer(value, 1)) end
function M.htons(value) return address.swap16(argument.integer(value, 1)) end
M.ntohl, M.ntohs = M.htonl, M.htons

function M.align(length, to)
    length, to = argument.integer(length, 1), argument.integer(to, 2)
    return bit.band(length + to - 1, bit.bnot(to - 1))
end
function M.split(delimiter, text)
    delimiter, text = argument.text(delimiter, 1), argument.text(text, 2)
    local list = {}
    for item in (text .. delimiter):gmatch("(.-)" .. delimiter:gsub("%p", "%%%0")) do
        list[#list + 1] = item
    end
    return list
end
function M.trim(text) return argument.text(text, 1):match "^%s*(.-)%s*$" end
function M.octal(text) return tonumber(argument.text(text, 1), 8) end
function M.err64(value) return argument.integer(value, 1) == -1 end

return M
