--- Launching: what an actor's process is given, and the way back.
---
--- The child gets the standard streams, its inbox, the boot record, the control socket and what was granted, by fixed
--- numbers (native/actor/src/boot.rs has the same), and nothing else. The boot record is a sealed memfd, so that a
--- large module blocks nobody. The control socket is the lifeline: when this process ends, however it ends, the child
--- sees it close and ends too. It stays here as long as the child lives, whatever becomes of the channel.
---
--- Errors:   raises ljos.Error
--- Suspends: wait_until_ready
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local byte_span = require "ljos.byte_span"
local channel = require "ljos.actor.channel"
local descriptors = require "ljos.process.descriptors"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local native = require "ljos.native"
local operation = require "ljos.loop.operation"
local process = require "ljos.process"
local runner = require "ljos.actor.runner"

local C = native.C

---@class ljos.actor.launch
local M = {}

local INBOX, BOOT, CONTROL = 3, 4, 5
local FIRST_GRANT = 6
M.FIRST_GRANT = FIRST_GRANT

---@class ljos.actor.LaunchOptions
---@field boot table<string, string>         the boot record
---@field namespaces integer                 CLONE_NEW*
---@field flags? integer                     of struct ljos_process_spec
---@field stdio table<integer, integer>      0, 1, 2 -> descriptor; absent: a closed pipe
---@field grants integer[]                   descriptors, from FIRST_GRANT on
---@field environment string[]               "NAME=value"

local length = ffi.new "uint32_t[1]"
local function field(text)
    length[0] = #text
    return ffi.string(length, 4) .. text
end

local function boot_file(boot)
    local parts = {}
    for key, value in pairs(boot) do
        parts[#parts + 1] = field(key) .. field(value)
    end
    local record = table.concat(parts)
    return error_.check(C.ljos_memfd_from_bytes(record, #record), { detail = "the boot record" })
end

local function fds_for(options, open)
    local fds = {}
    for _, fd in ipairs(descriptors.complete(fds, options.stdio) or {}) do
        open(fd)
    end
    fds[BOOT] = open(boot_file(options.boot))
    for i, fd in ipairs(options.grants) do
        fds[FIRST_GRANT + i - 1] = fd
    end
    return fds
end

--- Starts an actor's process.
---@param options ljos.actor.LaunchOptions
---@return ljos.Channel
function M.launch(options)
    local program_fd = runner.fd()
    local sender, control = io_object.new(), io_object.new()
    local ok, result = pcall(descriptors.with, function(open)
        local fds = fds_for(options, open)
        local inbox, inbox_sender = channel.pair(true)
        fds[INBOX] = open(inbox)
        io_object.adopt(sender, inbox_sender)
        local child_control, own_control = channel.pair(false)
        fds[CONTROL] = open(child_control)
        io_object.adopt(control, own_control)
        local child = process.start {
            arguments = { "ljos-actor" },
            environment = options.environment,
            fds = fds,
            numbers = { program_fd = program_fd, namespaces = options.namespaces, flags = options.flags or 0 },
        }
        -- From here on the child's object keeps the control socket open, until it was reaped and nobody waits for word.
        child.control = control
        child.ended = function()
            if control.pending == 0 then io_object.close(control) end
            if child.sender then io_object.close(child.sender) end
        end
        return channel.new(io_object.release(sender), child, control)
    end)
    if ok then return result end
    io_object.close(sender)
    io_object.close(control)
    error(result, 0)
end

local ERRNO = ffi.typeof "int32_t[1]"
local REPORT_BYTES = 4096

-- The report: "R", or "E", the errno and the step.
local function raise_report(report)
    if report == "R" then return end
    if #report < 5 then
        error(error_.system("EPIPE", { detail = "the actor's process ended before it was ready" }), 0)
    end
    local errno = ERRNO()
    ffi.copy(errno, report:sub(2, 5), 4)
    local step = report:sub(6)
    error(error_.system(errno[0] > 0 and errno[0] or "EINVAL", { detail = step, step = step }), 0)
end

--- Waits until the actor's process has everything in place, or raises what it could not do; then no line of its module
--- has run, and the process has ended or is about to.
---@param started ljos.Channel
function M.wait_until_ready(started)
    local child, control = started.child, started.control
    if not child or not control then return end
    local report = byte_span.new(REPORT_BYTES)
    local res = operation.recv(control, report, 0, "spawn")
    if child.fd < 0 then io_object.close(control) end
    error_.check(res, { detail = "the actor's process" })
    raise_report(ffi.string(report.ptr, res))
end

return M
