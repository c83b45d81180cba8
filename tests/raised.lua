-- `raised("ENOENT", f, ...)`: f(...) raises that errno, of whichever category; returns the error for more questions.
local error_ = require "ljos.error"

return function(name, f, ...)
    local ok, err = pcall(f, ...)
    if ok then error(name .. " expected, nothing was raised", 2) end
    if not error_.is_error(err) or err.code ~= error_.errno_of[name] then
        error(name .. " expected, got " .. tostring(err), 2)
    end
    return err
end
