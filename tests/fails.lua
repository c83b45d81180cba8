-- Asserts that a call of ljos.syscall failed: `fails("NOENT", S.open "/nosuch")`.
local assert = require "luassert"

---@param name string  the errno without its E
---@param value any
---@param err? ljos.Error
return function(name, value, err)
    assert.is_nil(value)
    assert.equal(name, err and err.sym)
end
