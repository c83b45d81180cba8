--- Uncaught errors: what is printed when nobody handles an error of a fiber.
---
--- Everything goes to stderr, after stdout was flushed, so that the two keep their order on one terminal.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"

---@class ljos.fiber.uncaught
local M = {}

--- Flushes stdout, then writes `text` and a newline to stderr.
---@param text string
function M.print(text)
    io.stdout:flush()
    io.stderr:write(text, "\n")
    io.stderr:flush()
end

-- A string as it is, an Error as its message, anything else empty (seed 003's originals print it so).
local function message_of(err)
    if type(err) == "string" then return err end
    return error_.is_error(err) and tostring(err) or ""
end

--- Reports the death of a fiber: one line, then "stack traceback:" and indented lines, the first of which is the
--- error's context where it has one.
---@param who string  "Fiber 0x..." or "Main fiber from VM 0x..."
---@param err any
---@param traceback string?  as from debug.traceback
function M.report(who, err, traceback)
    local lines = { ("%s panicked: '%s'"):format(who, message_of(err)), "stack traceback:" }
    if error_.is_error(err) and not error_.tostring_has_context then
        local text = error_.describe(err)
        if text ~= tostring(err) then lines[3] = "\t" .. text end
    end
    if traceback then
        lines[#lines + 1] = traceback:match "stack traceback:\n(.*)" or traceback
    elseif #lines == 2 then
        lines[2] = nil
    end
    M.print(table.concat(lines, "\n"))
end

return M
