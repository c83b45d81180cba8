--- Mappings: memory that is unmapped once, by its owner's close or by the collector.
---
--- Errors:   returns nil, errno
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local os = require "ljos.ipc.os"

local C = os.calls

local mapping_type = ffi.typeof "struct { uint8_t *address; size_t len; }"

---@class ljos.ipc.mapping
local M = {}

---@class ljos.ipc.Mapping
---@field address ffi.cdata*  a uint8_t *
---@field release fun()       unmaps; to be called once

--- Maps `len` bytes of `fd`, shared, and closes `fd`, also when it fails.
---@param fd integer
---@param len number
---@param protection integer  PROT_*
---@param offset number
---@param after? fun()        called when the memory has been unmapped
---@return ljos.ipc.Mapping?
---@return integer? errno
function M.new(fd, len, protection, offset, after)
    local address = os.map(fd, len, protection, offset)
    local errno = ffi.errno()
    C.close(fd)
    if not address then return nil, errno end
    local function unmap(mapping)
        C.munmap(mapping.address, mapping.len)
        if after then after() end
    end
    local guard = ffi.gc(mapping_type(address, len), unmap)
    return { address = address, release = function() unmap(ffi.gc(guard, nil)) end }
end

return M
