--- Subprocesses: a shell command whose input and output are written and read side by side.
---
--- `write` queues, `wait` moves: as long as it runs it feeds the command what is queued, hands what comes out to the
--- callback, and ends when the command has ended and what it left in its pipes is delivered. Processes
--- that the command leaves behind may hold the pipes open; they are not waited for. SIGPIPE is neither ignored nor
--- raised: a command that does not read its input is no error. In a fiber `wait` suspends the fiber only.
---
--- Errors:   returns nil, message, code; raises strings for wrong arguments and finished processes
--- Suspends: wait
--- Needs:    /bin/sh
local ffi = require "ffi"
local arguments = require "ljos.ipc.arguments"
local child_ = require "ljos.ipc.child"
local error_ = require "ljos.error"
local native = require "ljos.native"
local os = require "ljos.ipc.os"
local readiness = require "ljos.ipc.readiness"

local error, select, tostring, type = error, select, tostring, type
local C, constants, errno_of = os.calls, os.constants, error_.errno_of
local lib = native.C
local EAGAIN, EINTR = errno_of.EAGAIN, errno_of.EINTR

---@class ljos.ipc.proc
local M = {}

--- Ends the input of a process: `h:write(proc.EOF)`.
M.EOF = newproxy(false)
local EOF = M.EOF

---@class ljos.ipc.Process
---@field package child any            of ljos.ipc.child; nil when finished
---@field package callback function
---@field package has_input boolean    stdin is a pipe
---@field package ended boolean        EOF was asked for
---@field package queue string[]       from `first` on, of which `written` bytes are gone
---@field package first integer
---@field package written integer
---@field package left? integer[]      the command has ended: how many bytes of its output are to be read still
---@field package result? table         what `wait` returned
---@field package watcher ljos.ipc.Watcher
local Process = {}

local STREAMS = { "stdout", "stderr" }

local function check_running(self)
    if type(self) ~= "table" or not self.child then error("attempt to use invalid process object", 3) end
end

local function close_end(self, number)
    readiness.forget(self.watcher, self.child.ends[number])
    child_.close_end(self.child, number)
end

-- Input

local function close_input(self)
    close_end(self, 0)
    self.queue, self.first, self.written = {}, 1, 0
end

-- Writes one queued string as far as the pipe takes it; false when it is full, or gone.
local function feed_one(self, text)
    local from = ffi.cast("const char *", text) + self.written ---@type ffi.cdata*
    local res = lib.ljos_pipe_write(self.child.ends[0], from, #text - self.written)
    if res >= 0 then
        self.written = self.written + res
        if self.written < #text then return true end
        self.queue[self.first] = nil
        self.first, self.written = self.first + 1, 0
        return true
    end
    if res == -EINTR then return true end
    if res ~= -EAGAIN then close_input(self) end -- nobody reads it
    return false
end

local function feed(self)
    if self.child.ends[0] < 0 then return end
    local text = self.queue[self.first]
    while text do
        if not feed_one(self, text) then return end
        text = self.queue[self.first]
    end
    if self.ended then close_input(self) end
end

local function wants_room(self) return self.child.ends[0] >= 0 and self.queue[self.first] ~= nil end

--- Queues strings and numbers for the command's input; `proc.EOF` ends it when all before is written.
---@param ... string|number|userdata
---@return boolean
function Process:write(...)
    check_running(self)
    if not self.has_input then error("process stdin is not connected to a pipe", 2) end
    local count, ended = select("#", ...), self.ended
    for i = 1, count do
        local value = (select(i, ...))
        if ended then error("pipe to stdin is already closed", 2) end
        ended = value == EOF
        if not ended then arguments.string(value, i, "write") end
    end
    local last = self.first
    while self.queue[last] do
        last = last + 1
    end
    for i = 1, count do
        local value = (select(i, ...))
        if value ~= EOF and value ~= "" and self.child.ends[0] >= 0 then
            self.queue[last] = tostring(value)
            last = last + 1
        end
    end
    self.ended = ended
    feed(self)
    return true
end

-- Output

local SIZE = 65536
local buffer = ffi.new("char[?]", SIZE)

-- Reads once and hands on what came; returns the number of bytes, 0 when there is no more for now, or ever.
---@return integer
local function read_one(self, number)
    local count, errno ---@type integer, integer
    repeat
        count = tonumber(C.read(self.child.ends[number], buffer, SIZE)) --[[@as integer]]
        errno = count < 0 and ffi.errno() or 0
    until errno ~= EINTR
    if count > 0 then
        self.callback(STREAMS[number], ffi.string(buffer, count))
        return count
    end
    if errno == EAGAIN then return 0 end
    close_end(self, number)
    if errno ~= 0 then self.callback(STREAMS[number], os.failure(errno)) end
    return 0
end

local unread = ffi.new "int[1]"

local function unread_bytes(fd)
    if fd < 0 or C.ioctl(fd, constants.FIONREAD, unread) < 0 then return 0 end
    return unread[0]
end

-- Hands on what was in the pipes when the command ended; what comes later is not the command's.
local function drain(self)
    local left = self.left
    for number = 1, 2 do
        while self.child and left[number] > 0 do
            local count = read_one(self, number)
            left[number] = count > 0 and left[number] - count or 0
        end
    end
end

-- The end

local function finish(self)
    local code, signal = child_.reap(self.child)
    if code == nil and signal == 0 then return end
    readiness.finish(self.watcher)
    child_.close(self.child)
    self.child = nil
    if code == nil then
        self.result = { os.failure(signal) }
    elseif signal ~= 0 then
        self.result = { nil, "signal", signal }
    else
        self.result = { code == 0 or nil, "exit", code }
    end
end

-- One round: moves what can be moved.
local function step(self, may_wait)
    feed(self)
    local out, err, ended = readiness.wait(self.watcher, self.child, wants_room(self), may_wait)
    if not self.child then return end
    if ended and not self.left then
        self.left = { unread_bytes(self.child.ends[1]), unread_bytes(self.child.ends[2]) }
    end
    if self.left then
        drain(self)
        if self.child then finish(self) end
        return
    end
    if out then read_one(self, 1) end
    if err and self.child and self.child.ends[2] >= 0 then read_one(self, 2) end
end

local function result_of(self)
    local result = self.result
    return result[1], result[2], result[3]
end

local function check_alone(self)
    if self.watcher.pending > 0 then error("another fiber waits for this process", 3) end
end

--- Runs the command to its end: writes what is queued, calls `callback(stream, data)` with what comes out, or with
--- `(stream, nil, message, code)` when reading fails. An error in the callback comes through; `wait` may be called
--- again then.
---@return boolean? ok    true: exit code 0; nil, message, code when the process cannot be waited for
---@return string kind    "exit" or "signal"
---@return integer number the exit code or the signal
function Process:wait()
    check_running(self)
    check_alone(self)
    repeat
        step(self, true)
    until self.result
    return result_of(self)
end

--- Does what `wait` would do now without waiting. A command that still runs: nil, "running", 0.
---@return boolean? ok
---@return string kind
---@return integer number
function Process:nowait()
    check_running(self)
    check_alone(self)
    step(self, false)
    if self.result then return result_of(self) end
    return nil, "running", 0
end

local signals = { term = constants.SIGTERM, kill = constants.SIGKILL }

--- Signals the shell; true also when it has ended already.
---@param how "term"|"kill"
---@return boolean? ok  nil, message, code
---@return string? message
---@return integer? code
function Process:kill(how)
    check_running(self)
    local signal = arguments.option(how, signals, 1, "kill")
    local res = lib.ljos_process_kill(self.child.pidfd, signal)
    if res < 0 and res ~= -errno_of.ESRCH then return os.failure(-res) end
    return true
end

local metatable = {
    __index = Process,
    __metatable = false,
    __tostring = function(self) return self.child and "process" or "process (finished)" end,
}

-- What becomes the child's descriptor: one of ours, a pipe, or nil for the same as here.
local function stream_of(value)
    local kind = io.type(value)
    if kind == "closed file" then error("attempt to use closed file", 3) end
    if not kind then return value and "pipe" or nil end
    local stream = os.stream(value)
    C.fflush(stream) -- what was written here comes first; what was read ahead is given back
    return C.fileno(stream)
end

---@class ljos.ipc.ProcessOptions
---@field stdin? boolean|file   true: a pipe; a file: that file; else our own
---@field stdout? boolean|file
---@field stderr? boolean|file  may be the file that `stdout` is
---@field callback? fun(stream: "stdout"|"stderr", data?: string, message?: string, code?: integer)

--- Runs `/bin/sh -c cmd`. `options.callback` is required when stdout or stderr is a pipe.
---@param cmd string
---@param options ljos.ipc.ProcessOptions
---@return ljos.ipc.Process? # nil, message, code
---@return string? message
---@return integer? code
function M.spawn(cmd, options)
    cmd = arguments.string(cmd, 1, "spawn")
    if cmd:find "%z" then arguments.bad(1, "spawn", "string contains zeros") end
    if type(options) ~= "table" then arguments.bad(2, "spawn", "table expected, got " .. type(options)) end
    local input, output, errors = stream_of(options.stdin), stream_of(options.stdout), stream_of(options.stderr)
    local callback = options.callback
    if type(callback) ~= "function" and (callback ~= nil or output == "pipe" or errors == "pipe") then
        error("'callback' field required", 2)
    end
    local child, message, code = child_.start(cmd, { [0] = input, output, errors })
    if not child then return nil, message, code end
    return setmetatable({
        child = child,
        callback = callback,
        has_input = input == "pipe",
        ended = false,
        queue = {},
        first = 1,
        written = 0,
        watcher = readiness.new(),
    }, metatable)
end

return M
