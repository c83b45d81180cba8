--- The helpers of init scripts around descriptors and messages: write_all, send_with_fd, receive_with_fd, bind_unix,
--- and the two halves of a device number.
---
--- Errors:   never; the errno is the last result
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local native = require "ljos.native"

local C = ffi.C
local AF_UNIX = native.constant_table("socket").AF_UNIX
local MSG = native.constant_table "MSG"

ffi.cdef [[
int64_t write(int fd, const void *buffer, size_t size);
int64_t sendmsg(int fd, const struct ljos_message *message, int flags);
int64_t recvmsg(int fd, struct ljos_message *message, int flags);
int bind(int fd, const void *address, uint32_t length);
unsigned gnu_dev_major(uint64_t dev);
unsigned gnu_dev_minor(uint64_t dev);
]]

local M = {}

local function answer(result)
    result = tonumber(result) --[[@as integer]]
    return result, result < 0 and ffi.errno() or 0
end

function M.dev_major(dev) return C.gnu_dev_major(dev) end
function M.dev_minor(dev) return C.gnu_dev_minor(dev) end

--- write_all(fd, text) -> count, errno
function M.write_all(fd, text)
    local written = 0
    while written < #text do
        local count, errno = answer(C.write(fd, ffi.cast("const char *", text) + written, #text - written))
        if count < 0 then return count, errno end
        written = written + count
    end
    return written, 0
end

-- A message with room for one descriptor; the second result keeps what it points to.
local function message_of(buffer, size)
    local message, vector = ffi.new "struct ljos_message[1]", ffi.new "struct ljos_vector[1]"
    local room = native.C.ljos_message_control_bytes(1)
    local control = ffi.new("uint64_t[?]", room / 8)
    vector[0].base, vector[0].len = buffer, size
    message[0].vectors, message[0].vector_count = vector, 1
    message[0].control, message[0].control_len = control, room
    return message, { vector, control, buffer }, room
end

--- send_with_fd(fd, text, fd2) -> count, errno
function M.send_with_fd(fd, text, sent)
    local buffer = ffi.new("char[?]", #text + 1, text)
    local message, anchors, room = message_of(buffer, #text)
    native.C.ljos_message_put_fds(message, room, ffi.new("int[1]", sent), 1)
    local count, errno = answer(C.sendmsg(fd, message, MSG.MSG_NOSIGNAL))
    anchors[1] = nil
    return count, errno
end

--- receive_with_fd(fd, size) -> text, fd or -1, errno
function M.receive_with_fd(fd, size)
    local buffer = ffi.new("char[?]", size)
    local message, anchors = message_of(buffer, size)
    local count, errno = answer(C.recvmsg(fd, message, MSG.MSG_CMSG_CLOEXEC))
    if count < 0 then return nil, -1, errno end
    local fds = ffi.new("int[1]", -1)
    native.C.ljos_message_take_fds(message, fds, 1)
    return ffi.string(buffer, count), anchors and fds[0], 0
end

--- bind_unix(fd, path) -> result, errno
function M.bind_unix(fd, path)
    local address = ffi.new("uint8_t[?]", 2 + #path + 1)
    ffi.cast("uint16_t *", address)[0] = AF_UNIX
    ffi.copy(address + 2, path, #path)
    local is_abstract = path:sub(1, 1) == "\0"
    return answer(C.bind(fd, address, 2 + #path + (is_abstract and 0 or 1)))
end

return M
