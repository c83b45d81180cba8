--- Terminals: what standard streams and serial ports have in common as terminals.
---
--- The functions here are the methods `isatty`, `tcgetpgrp` and `tcsetpgrp` of those classes.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"

ffi.cdef [[
int libc_isatty(int fd) __asm__("isatty");
int libc_tcgetpgrp(int fd) __asm__("tcgetpgrp");
int libc_tcsetpgrp(int fd, int group) __asm__("tcsetpgrp");
]]

---@class ljos.io_object.terminal
local M = {}

local function check(res, what)
    if res >= 0 then return res end
    return error_.check(-ffi.errno(), { detail = what })
end

--- Whether the object is a terminal: isatty(3).
---@param object ljos.IoObject
---@return boolean
function M.isatty(object)
    io_object.check_open(object)
    return ffi.C.libc_isatty(object.fd) == 1
end

--- Returns the foreground process group of the terminal. Source: tcgetpgrp(3).
---@param object ljos.IoObject
---@return integer
function M.tcgetpgrp(object)
    io_object.check_open(object)
    return check(ffi.C.libc_tcgetpgrp(object.fd), "tcgetpgrp")
end

--- Makes a process group the foreground one of the terminal. Source: tcsetpgrp(3).
---@param object ljos.IoObject
---@param pgrp_id integer
function M.tcsetpgrp(object, pgrp_id)
    if type(pgrp_id) ~= "number" or pgrp_id % 1 ~= 0 or pgrp_id < 0 or pgrp_id >= 2 ^ 31 then
        error_.argument(2, "a process group expected, got " .. tostring(pgrp_id))
    end
    io_object.check_open(object)
    check(ffi.C.libc_tcsetpgrp(object.fd, pgrp_id), "tcsetpgrp")
end

return M
