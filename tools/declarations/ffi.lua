---@meta ffi
-- LuaJIT's ffi module, as the type lint is to see it: cdata is `any` (see luajit.lua).

---@class ffi.cdata*: userdata
---@field [any] any

---@class ffilib
---@field C any
---@field os string
---@field arch string
local ffi = {}

---@param def string
---@param ... any
function ffi.cdef(def, ...) end

---@param name string
---@param global? boolean
---@return any
function ffi.load(name, global) end

---@param ct any
---@param ... any
---@return any
function ffi.new(ct, ...) end

---@param ct any
---@param ... any
---@return any
function ffi.typeof(ct, ...) end

---@param ct any
---@param init any
---@return any
function ffi.cast(ct, init) end

---@param ct any
---@param metatable table
---@return any
function ffi.metatype(ct, metatable) end

---@generic T
---@param cdata T
---@param finalizer? function
---@return T
function ffi.gc(cdata, finalizer) end

---@param ct any
---@param nelem? integer
---@return integer
function ffi.sizeof(ct, nelem) end

---@param ct any
---@return integer
function ffi.alignof(ct) end

---@param ct any
---@param field string
---@return integer offset
---@return integer? bit
---@return integer? width
function ffi.offsetof(ct, field) end

---@param ct any
---@param value any
---@return boolean
function ffi.istype(ct, value) end

---@param new? integer
---@return integer
function ffi.errno(new) end

---@param pointer any
---@param length? any
---@return string
function ffi.string(pointer, length) end

---@param target any
---@param source any
---@param length? any
function ffi.copy(target, source, length) end

---@param target any
---@param length any
---@param byte? integer
function ffi.fill(target, length, byte) end

---@param name string
---@return boolean
function ffi.abi(name) end

return ffi
