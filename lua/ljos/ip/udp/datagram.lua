--- Datagrams in flight: the structures that recvfrom and sendto need beside the bytes.
---
--- One serves one operation at a time and is taken from a pool; it is given back by whoever knows that the kernel has
--- let go of it. What an operation that raised had taken is left to the collector.
---
--- Errors:   raises nothing
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
require "ljos.native" -- declares struct ljos_datagram

---@class ljos.ip.udp.datagram
local M = {}

local data_type = ffi.typeof "struct ljos_datagram"
local POOL_MAX = 64
local pool, pool_n = {}, 0 ---@type ljos.Datagram[], integer

--- Takes a datagram that carries `span`.
---@param span ljos.byte_span
---@return ljos.Datagram
function M.take(span)
    if pool_n == 0 then return { data = data_type(), span = span, name_len = 0 } end
    local datagram = pool[pool_n]
    pool_n = pool_n - 1
    datagram.span = span
    return datagram
end

---@param datagram ljos.Datagram
function M.give_back(datagram)
    datagram.span = false
    if pool_n == POOL_MAX then return end
    pool_n = pool_n + 1
    pool[pool_n] = datagram
end

return M
