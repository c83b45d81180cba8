-- Runs a program written for app mode under the library: luajit library_mode.lua PROGRAM. What app mode has as globals
-- comes out of ljos.fiber.
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local uncaught = require "ljos.fiber.uncaught"

local globals = {
    byte_span = require "ljos.byte_span",
    coroutine = fiber.coroutine,
    format = require "ljos.format",
    pcall = fiber.pcall,
    require = function(name) return require("ljos." .. name) end,
    scope = fiber.scope,
    scope_cleanup_pop = fiber.scope_cleanup_pop,
    scope_cleanup_push = fiber.scope_cleanup_push,
    spawn = fiber.spawn,
    this_fiber = fiber.this_fiber,
    xpcall = fiber.xpcall,
}
globals._G = globals

io.stdout:setvbuf "no"
error_.tostring_has_context = false
local program = setfenv(assert(loadfile(arg[1])), setmetatable(globals, { __index = _G }))
local ok, err, traceback = fiber.run(program)
if not ok then
    uncaught.report("Main fiber from VM " .. fiber.this_fiber.id, err, traceback)
    error() -- status 1, and the Lua state is closed
end
