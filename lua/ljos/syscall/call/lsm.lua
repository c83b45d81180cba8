--- Security modules: which there are, and what they say of this process.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    Linux 6.8
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local flag, integer = argument.flag, argument.integer
local t = types.t

---@class ljos.syscall.call.lsm
local M = {}

local list_modules = kernel.call("lsm_list_modules", "ppi")
--- lsm_list_modules(2): the numbers of the security modules, a list.
function M.lsm_list_modules()
    local ids, size = ffi.new "uint64_t[64]", t.uint32_1(512)
    local res = list_modules(ids, size, 0)
    if res < 0 then return kernel.failed(res) end
    local list = {}
    for i = 1, res do
        list[i] = tonumber(ids[i - 1])
    end
    return list
end

local get_self_attr = kernel.call("lsm_get_self_attr", "ippi")
--- lsm_get_self_attr(2): a list of {id, flags, text}, one for each security module.
function M.lsm_get_self_attr(attr, flags)
    local size = t.uint32_1(65536)
    local buffer = ffi.new "uint64_t[8192]"
    local res = get_self_attr(flag(c.LSM_ATTR, attr, 1), buffer, size, flag(c.LSM_FLAG, flags, 2))
    if res < 0 then return kernel.failed(res) end
    local list, at = {}, 0
    for i = 1, res do
        -- struct lsm_ctx: id, flags, length of all, length of the text, text
        list[i] = {
            id = tonumber(buffer[at]),
            flags = tonumber(buffer[at + 1]),
            text = ffi.string(buffer + at + 4, buffer[at + 3]):gsub("%z+$", ""),
        }
        at = at + tonumber(buffer[at + 2]) / 8
    end
    return list
end

local set_self_attr = kernel.call("lsm_set_self_attr", "ipii")
--- lsm_set_self_attr(2): (attribute, {id =, flags =, text =}, flags).
function M.lsm_set_self_attr(attr, context, flags)
    if type(context) ~= "table" then argument.wrong(2, "{id, flags, text}", context) end
    local text = argument.path(context.text, "text") --[[@as string]]
    local words = math.ceil((#text + 1) / 8)
    local buffer = ffi.new("uint64_t[?]", 4 + words)
    buffer[0], buffer[1] = flag(c.LSM_ID, context.id, "id"), integer(context.flags or 0, "flags")
    buffer[2], buffer[3] = ffi.sizeof(buffer), #text + 1
    ffi.copy(buffer + 4, text, #text)
    local number, bits = flag(c.LSM_ATTR, attr, 1), flag(c.LSM_FLAG, flags, 3)
    return kernel.done(set_self_attr(number, buffer, ffi.sizeof(buffer), bits))
end

return M
