--- Record locks on Lua files.
---
--- They are those of fcntl(2), advisory, and owned by the process: a second lock of the same process succeeds and
--- replaces the first, closing any descriptor of the file drops them, children do not inherit them. A lock throws
--- away what the file has buffered for reading, so that what follows is read afresh; an unlock first writes out what
--- it has buffered. In a fiber `lock` suspends the fiber only, as long as there are others to run.
---
--- Errors:   returns nil, message, code; raises strings for wrong arguments
--- Suspends: lock
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local arguments = require "ljos.ipc.arguments"
local blocking = require "ljos.ipc.blocking"
local error_ = require "ljos.error"
local native = require "ljos.native"
local os = require "ljos.ipc.os"

local error, io_type = error, io.type
local C, constants, errno_of = os.calls, os.constants, error_.errno_of

local flock_type = ffi.typeof(native.struct "flock")

---@class ljos.ipc.filelock
local M = {}

local modes = { r = constants.F_RDLCK, w = constants.F_WRLCK, rw = constants.F_WRLCK }

local function check_file(file, name, depth)
    local kind = io_type(file)
    if not kind then
        local got = file == nil and "no value" or type(file)
        arguments.bad(1, name, "FILE* expected, got " .. got, depth + 1)
    end
    if kind == "closed file" then error("attempt to use closed file", 3 + depth) end
    return os.stream(file)
end

-- A request {file, fd, lock}; nil and an errno for a range that no file has.
local function request(file, stream, kind, offset, nbytes)
    if offset >= 2 ^ 63 or nbytes >= 2 ^ 63 then return nil, errno_of.EOVERFLOW end
    local lock = ffi.new(flock_type)
    lock.l_type, lock.l_whence = kind, constants.SEEK_SET
    lock.l_start, lock.l_len = offset, nbytes
    return { file = file, fd = C.fileno(stream), pending = 0, lock = lock }
end

-- 0, or an errno.
---@return integer
local function set(wanted, command)
    local res
    repeat
        res = os.lock(wanted.fd, command, wanted.lock)
    until res ~= -errno_of.EINTR
    return res < 0 and -res or 0
end

local function is_conflict(errno) return errno == errno_of.EAGAIN or errno == errno_of.EACCES end

-- 0, or an errno; nil: somebody else has it. While a fiber waits another one may close the file.
local function try(wanted)
    if io_type(wanted.file) ~= "file" then return errno_of.ECANCELED end
    local errno = set(wanted, constants.F_SETLK)
    if not is_conflict(errno) then return errno end
end

-- As `set` with F_SETLKW, but suspends the fiber.
local function wait_in_fiber(loop, wanted)
    local res = blocking.lock_record(loop, wanted, wanted.lock, wanted)
    if io_type(wanted.file) ~= "file" then return errno_of.ECANCELED end
    return -res
end

-- Checks what lock and trylock are given; returns the stream and a request.
local function prepare(file, mode, offset, nbytes, name)
    local stream = check_file(file, name, 1)
    local kind = arguments.option(mode == nil and "rw" or mode, modes, 2, name, 1)
    offset = arguments.integer(offset or 0, 3, name, 1)
    nbytes = arguments.integer(nbytes or 0, 4, name, 1)
    return stream, request(file, stream, kind, offset, nbytes)
end

local function acquired(stream, errno)
    if errno ~= 0 then return os.failure(errno) end
    C.fflush(stream)
    return true
end

--- Locks `nbytes` bytes from `offset`, waiting while another process has one of them.
---@param file file
---@param mode? "r"|"w"|"rw"  shared, or exclusive (the default)
---@param offset? integer
---@param nbytes? integer     0 or none: to the end, however far it moves
---@return boolean? ok        nil, message, code
---@return string? message
---@return integer? code
function M.lock(file, mode, offset, nbytes)
    local stream, wanted, problem = prepare(file, mode, offset, nbytes, "lock")
    if not wanted then return os.failure(problem) end
    local errno = try(wanted)
    if errno then return acquired(stream, errno) end
    local loop = blocking.loop()
    if loop then return acquired(stream, wait_in_fiber(loop, wanted)) end
    return acquired(stream, set(wanted, constants.F_SETLKW))
end

--- As `lock`, but does not wait.
---@param file file
---@param mode? "r"|"w"|"rw"
---@param offset? integer
---@param nbytes? integer
---@return boolean? locked  false when another process has one of the bytes; nil, message, code
---@return string? message
---@return integer? code
function M.trylock(file, mode, offset, nbytes)
    local stream, wanted, problem = prepare(file, mode, offset, nbytes, "trylock")
    if not wanted then return os.failure(problem) end
    local errno = try(wanted)
    if not errno then return false end
    return acquired(stream, errno)
end

--- Unlocks; bytes that are not locked are no error.
---@param file file
---@param offset? integer
---@param nbytes? integer
---@return boolean? ok  nil, message, code
---@return string? message
---@return integer? code
function M.unlock(file, offset, nbytes)
    local stream = check_file(file, "unlock", 0)
    offset = arguments.integer(offset or 0, 2, "unlock")
    nbytes = arguments.integer(nbytes or 0, 3, "unlock")
    local wanted, problem = request(file, stream, constants.F_UNLCK, offset, nbytes)
    if not wanted then return os.failure(problem) end
    C.fflush(stream)
    local errno = set(wanted, constants.F_SETLK)
    if errno ~= 0 then return os.failure(errno) end
    return true
end

return M
