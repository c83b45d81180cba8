--- What master and slave exchange: one struct each way, without padding; native/libc_service/src/wire.rs has the same.
---
--- A request is the fixed part and the bytes of its texts, in one packet; beside it come the descriptor for the answer
--- and, where the call has one, a socket's or a directory's. These are pure functions over memory: no IO.
---
--- Errors:   never; what is malformed is refused with false
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"

---@class ljos.libc_service.wire
local M = {}

native.declare [[
struct ljos_libc_request {
    uint32_t number;
    int32_t flags;
    uint32_t mode, resolve;
    int32_t amode;
    uint32_t port, scope;
    int32_t protocol, fd;
    uint32_t length1, length2;
    uint8_t address[16];
    uint8_t texts[8192];
};
struct ljos_libc_reply {
    uint32_t kind;
    int32_t result, error;
    uint32_t has_descriptor;
    uint32_t mode, uid, gid;
    uint32_t version, port, scope;
    uint8_t address[16];
    uint64_t dev, ino, nlink, rdev;
    int64_t size, blksize, blocks;
    int64_t atime[2], mtime[2], ctime[2];
};
]]

M.request_type = ffi.typeof "struct ljos_libc_request"
M.reply_type = ffi.typeof "struct ljos_libc_reply"
local FIXED_BYTES = ffi.offsetof("struct ljos_libc_request", "texts")
M.REQUEST_BYTES, M.REPLY_BYTES = ffi.sizeof(M.request_type), ffi.sizeof(M.reply_type)

-- `kind` of a reply; 0: a result.
M.USE_SLAVE_CREDENTIALS, M.DENIED = 1, 2

-- A text has less than PATH_MAX bytes; this length says that there is none.
local TEXT_MAX, NO_TEXT = 4095, 0xffffffff

---@class ljos.libc_service.Function
---@field name string
---@field number integer            on the wire
---@field texts integer             how many
---@field descriptor? "optional"|"required"  the directory, or the socket
---@field gives_descriptor? boolean whether one may go with the answer

--- The functions, by number and by name.
---@type table<integer|string, ljos.libc_service.Function>
M.functions = {}

local function add(name, texts, descriptor, gives_descriptor)
    local number = #M.functions + (M.functions[0] and 1 or 0)
    local entry =
        { name = name, number = number, texts = texts, descriptor = descriptor, gives_descriptor = gives_descriptor }
    M.functions[number], M.functions[name] = entry, entry
end
add("open", 1, nil, true)
add("openat", 1, "optional", true)
add("unlink", 1)
add("rename", 2)
for _, name in ipairs { "stat", "lstat", "access", "eaccess", "mkdir", "rmdir" } do
    add(name, 1)
end
for _, name in ipairs { "connect_", "bind_" } do
    add(name .. "unix", 1, "required", true)
    add(name .. "inet", 0, "required", true)
    add(name .. "inet6", 0, "required", true)
end
add("getaddrinfo", 2)

--- Makes a request without texts and descriptors.
---@param name string  the function's
---@return ffi.cdata*  # a struct ljos_libc_request
function M.new_request(name)
    local request = M.request_type()
    request.number, request.fd = M.functions[name].number, -1
    request.length1, request.length2 = NO_TEXT, NO_TEXT
    return request
end

-- The bytes of a text, or false: too long.
local function length_of(length, is_there)
    if not is_there then return length == NO_TEXT and 0 end
    return length <= TEXT_MAX and length
end

--- Looks whether a packet is a request, to its last byte and its last descriptor.
---@param request ffi.cdata*   a struct ljos_libc_request
---@param bytes integer        how many of it came
---@param descriptors integer  how many came beside it, that for the answer included
---@return ljos.libc_service.Function|false
function M.check(request, bytes, descriptors)
    if bytes < FIXED_BYTES then return false end
    local called = M.functions[request.number]
    if not called then return false end
    local length1 = length_of(request.length1, called.texts >= 1)
    local length2 = length_of(request.length2, called.texts >= 2)
    if not length1 or not length2 or bytes ~= FIXED_BYTES + length1 + length2 then return false end
    if request.port > 65535 then return false end
    local least = called.descriptor == "required" and 2 or 1
    return descriptors >= least and descriptors <= (called.descriptor and 2 or 1) and called
end

--- The texts of a request.
---@param request ffi.cdata*
---@return string? first, string? second
function M.texts(request)
    if request.length1 == NO_TEXT then return nil end
    local first = ffi.string(request.texts, request.length1)
    if request.length2 == NO_TEXT then return first end
    return first, ffi.string(request.texts + request.length1, request.length2)
end

--- Writes the texts of a request; false where one is too long.
---@param request ffi.cdata*
---@param first? string
---@param second? string
---@return boolean
function M.put_texts(request, first, second)
    if #(first or "") > TEXT_MAX or #(second or "") > TEXT_MAX then return false end
    request.length1, request.length2 = first and #first or NO_TEXT, second and #second or NO_TEXT
    ffi.copy(request.texts, (first or "") .. (second or ""))
    return true
end

return M
