-- Which error a function raises, as functions for specs.
local error_ = require "ljos.error"

local M = {}

--- Returns what `f(...)` raises; fails the test when it raises nothing.
function M.raised(f, ...)
    local ok, err = pcall(f, ...)
    assert(not ok, "nothing was raised")
    return err
end

--- Asserts that `f(...)` raises the core error `alias`.
function M.core(alias, f, ...)
    local err = M.raised(f, ...)
    assert(error_.is_core(err, alias), alias .. " expected, got " .. tostring(err))
    return err
end

--- Asserts that `f(...)` raises the generic error `name` (an errno).
function M.generic(name, f, ...)
    local err = M.raised(f, ...)
    assert(err == error_.generic(name), name .. " expected, got " .. tostring(err))
    return err
end

return M
