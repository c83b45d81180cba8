---@meta
-- What the type lint is to believe of LuaJIT. Its own declarations take a number for something else than an integer,
-- which LuaJIT's bit operations do not, and know no C type, so that every use of one would be a complaint: here
-- cdata is `any`.

---@param x any
---@return integer
function bit.tobit(x) end

---@param x any
---@return any
function bit.bnot(x) end

---@param x any
---@param ... any
---@return any
function bit.band(x, ...) end

---@param x any
---@param ... any
---@return any
function bit.bor(x, ...) end

---@param x any
---@param ... any
---@return any
function bit.bxor(x, ...) end

---@param x any
---@param n number
---@return any
function bit.lshift(x, n) end

---@param x any
---@param n number
---@return any
function bit.rshift(x, n) end

---@param x any
---@param n number
---@return any
function bit.arshift(x, n) end

-- Of a 64-bit cdata it is always a number; of a string the caller has matched digits first.
---@param x any
---@param base? integer
---@return any
function tonumber(x, base) end

---@param proxy? boolean|userdata
---@return userdata
function newproxy(proxy) end
