--- The helpers of init scripts around descriptors and messages: write_all, send_with_fd, receive_with_fd, bind_unix,
--- and the two halves of a device number.
---
--- Errors:   never; the errno is the last result
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"
local outcome = require "ljos.actor.init_script.outcome"

local C, check_type, of_libc = ffi.C, error_.check_type, outcome.of_libc
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

function M.dev_major(dev) return C.gnu_dev_major(dev) end
function M.dev_minor(dev) return C.gnu_dev_minor(dev) end

--- write_all(fd, text) -> count, errno
function M.write_all(fd, text)
    check_type(fd, "number", 1)
    check_type(text, "string", 2)
    local written = 0
    while written < #text do
        local count, errno = of_libc(C.write(fd, ffi.cast("const char *", text) + written, #text - written))
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
    check_type(text, "string", 2)
    local buffer = ffi.new("char[?]", #text + 1, text)
    local message, anchors, room = message_of(buffer, #text)
    native.C.ljos_message_put_fds(message, room, ffi.new("int[1]", sent), 1)
    local count, errno = of_libc(C.sendmsg(fd, message, MSG.MSG_NOSIGNAL))
    anchors[1] = nil
    return count, errno
end

--- receive_with_fd(fd, size) -> text, fd or -1, errno
function M.receive_with_fd(fd, size)
    check_type(size, "number", 2)
    local is_size = size >= 0 and size < 2 ^ 31
    if not is_size then error_.argument(2, "a number of bytes expected") end
    local buffer = ffi.new("char[?]", size)
    local message, anchors = message_of(buffer, size)
    local count, errno = of_libc(C.recvmsg(fd, message, MSG.MSG_CMSG_CLOEXEC))
    if count < 0 then return nil, -1, errno end
    local fds = ffi.new("int[1]", -1)
    local taken = native.C.ljos_message_take_fds(message, fds, 1)
    anchors[1] = nil
    if taken < 0 then return nil, -1, -taken end -- more than one: all are closed
    return ffi.string(buffer, count), fds[0], 0
end

--- bind_unix(fd, path) -> result, errno
function M.bind_unix(fd, path)
    check_type(path, "string", 2)
    if path == "" or path:find("%z", 2) then error_.argument(2, "a path, or a NUL and a name, expected") end
    local address = ffi.new("uint8_t[?]", 2 + #path + 1)
    ffi.cast("uint16_t *", address)[0] = AF_UNIX
    ffi.copy(address + 2, path, #path)
    local is_abstract = path:sub(1, 1) == "\0"
    return of_libc(C.bind(fd, address, 2 + #path + (is_abstract and 0 or 1)))
end

return M
