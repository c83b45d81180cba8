--- Child processes: a shell with pipes, and what is left of it for the collector.
---
--- The shell starts by clone and exec without a copy of this process, with three descriptors and no others, and with
--- every signal at its default. It is known by a pidfd: no signal handler, no number that could be reused.
--- Our ends of its pipes do not block; a child that is collected while it runs is killed and reaped.
---
--- Errors:   returns nil, message, code
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"
local os = require "ljos.ipc.os"

local C, constants, errno_of = os.calls, os.constants, error_.errno_of
local lib = native.C

ffi.cdef "extern char **environ;"

---@class ljos.ipc.child
local M = {}

local function close(fd)
    if fd >= 0 then C.close(fd) end
    return -1
end

local ending = ffi.new "struct ljos_process_exit"

--- Reaps the child: code and signal (one of them 0), or nil and an errno (0: it still runs).
---@param child ffi.cdata*
---@return integer? code
---@return integer signal_or_errno
function M.reap(child)
    local res = lib.ljos_process_reap(child.pidfd, ending)
    if res == 1 then return ending.code, ending.signal end
    return nil, -res
end

--- Closes our end of the pipe to descriptor `number`.
---@param child ffi.cdata*
---@param number integer
function M.close_end(child, number) child.ends[number] = close(child.ends[number]) end

--- Closes all that belongs to a child that has been reaped.
---@param child ffi.cdata*
function M.close(child)
    child.pidfd, child.set = close(child.pidfd), close(child.set)
    for number = 0, 2 do
        M.close_end(child, number)
    end
end

local function collect(child)
    if child.pidfd >= 0 then
        lib.ljos_process_kill(child.pidfd, constants.SIGKILL)
        local ended = ffi.new(native.struct "pollfd" .. "[1]", { { child.pidfd, constants.POLLIN, 0 } })
        repeat
            local count = C.poll(ended, 1, -1)
        until count > 0 or ffi.errno() ~= errno_of.EINTR
        lib.ljos_process_reap(child.pidfd, ending)
    end
    M.close(child)
end

-- Our ends of the pipes to descriptors 0, 1 and 2, and an epoll set of all of these; -1: none.
local child_type = ffi.metatype(ffi.typeof "struct { int pidfd; int ends[3]; int set; }", { __gc = collect })

-- Makes the pipe for descriptor `number`: the child's end, or nil and an errno.
local function make_pipe(child, number)
    local fds = ffi.new "int[2]"
    if C.pipe2(fds, constants.O_CLOEXEC) < 0 then return nil, ffi.errno() end
    local theirs = number == 0 and 0 or 1
    child.ends[number] = fds[1 - theirs]
    C.fcntl(fds[1 - theirs], constants.F_SETFL, constants.O_NONBLOCK)
    return fds[theirs]
end

local function is_open(fd) return C.fcntl(fd, constants.F_GETFD, 0) >= 0 end

-- Fills in what the child gets as its descriptors; returns their count and our copies to close afterwards, or nil
-- and an errno.
local function hand_over(child, streams, fds)
    local count, ours = 0, {}
    for number = 0, 2 do
        local source = streams[number]
        if source == "pipe" then
            local errno
            source, errno = make_pipe(child, number)
            if not source then return nil, ours, errno end
            ours[#ours + 1] = source
        end
        source = source or number
        if is_open(source) then
            fds[count].source, fds[count].target = source, number
            count = count + 1
        end
    end
    return count, ours
end

local no_environment = ffi.new "const char *[1]"

---@return integer? pidfd
---@return integer? errno
local function spawn(command, fds, count)
    local spec, started = ffi.new "struct ljos_process_spec", ffi.new "struct ljos_process_child"
    local paths = ffi.new("const char *[2]", { "/bin/sh" })
    local argv = ffi.new("const char *[4]", { "sh", "-c", command })
    local environ = ffi.C.environ
    lib.ljos_process_spec_init(spec)
    spec.paths, spec.argv = paths, argv
    spec.envp = environ ~= nil and ffi.cast("const char *const *", environ) or no_environment
    spec.fds, spec.fd_count = fds, count
    local res = lib.ljos_process_spawn(spec, started)
    if res < 0 then return nil, -res end
    return started.pidfd
end

--- Starts `/bin/sh -c command`.
---@param command string
---@param streams table<integer, integer|"pipe"|nil>  for 0, 1 and 2: a descriptor, a pipe, or nil for our own
---@return ffi.cdata*? child
---@return string? message
---@return integer? code
function M.start(command, streams)
    local child = child_type(-1, { -1, -1, -1 }, -1)
    local fds = ffi.new "struct ljos_process_fd[3]"
    local count, ours, errno = hand_over(child, streams, fds)
    local pidfd
    if count then
        pidfd, errno = spawn(command, fds, count)
    end
    for _, fd in ipairs(ours) do
        close(fd)
    end
    if not pidfd then
        M.close(child)
        return os.failure(errno)
    end
    child.pidfd = pidfd
    return child
end

return M
