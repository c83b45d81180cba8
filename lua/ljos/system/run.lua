--- system.run: runs a program to its end, with its input given and its output collected.
---
--- A fiber writes the input, one reads each output, all at once, so neither side waits for the other whatever the
--- sizes. What counts as the program's end is the end of its process: what it had written by then is in the pipes and
--- is read; a daemon that it leaves behind with the pipes is not waited for. When the call ends otherwise (deadline,
--- limit, cancellation), the program and everything that came from it is killed and reaped before the error is
--- raised (`process.tree` says whom that reaches).
---
--- Errors:   raises ljos.Error
--- Suspends: run
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local cancellation = require "ljos.fiber.cancellation"
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local loop = require "ljos.loop"
local native = require "ljos.native"
local pipe = require "ljos.pipe"
local scope = require "ljos.fiber.scope"
local spawn = require "ljos.system.spawn"
local stream = require "ljos.stream"
local task_group = require "ljos.task_group"
local timeout = require "ljos.timeout" ---@type any

ffi.cdef 'int libc_ioctl_int(int fd, unsigned long request, int *value) __asm__("ioctl");'
local FIONREAD, SIGKILL = native.constant_table("ipc").FIONREAD, native.constant_table("signal").SIGKILL

local DEFAULT_LIMIT, CHUNK = 16 * 1024 * 1024, 64 * 1024

---@class ljos.RunOptions: ljos.SpawnProgramOptions
---@field input? string|ljos.byte_span  becomes the standard input; a closed pipe by default
---@field limit? integer    bytes that stdout, and stderr, may have at the most; 16 MiB by default
---@field timeout? number   seconds
---@field stderr? "share"|"stdout"|ljos.FileDescriptor  "stdout": into the same pipe

---@class ljos.RunResult
---@field exit_code integer     as of a subprocess
---@field exit_signal? integer
---@field stdout? string        nil where the option was given
---@field stderr? string        likewise

-- Options -------------------------------------------------------------------------------------------------------

local function check_own(options)
    error_.check_type(options, "table", 1)
    local input, limit, seconds = options.input, options.limit, options.timeout
    if type(input) == "string" then
        input = byte_span.append(input)
    elseif input ~= nil then
        byte_span.check(input, "input")
    end
    if input and options.stdin ~= nil then error_.argument("stdin", "not together with input") end
    if limit == nil then limit = DEFAULT_LIMIT end
    if type(limit) ~= "number" or limit ~= limit or limit < 0 then
        error_.argument("limit", "a number of bytes expected")
    end
    if seconds ~= nil and (type(seconds) ~= "number" or seconds ~= seconds) then
        error_.argument("timeout", "a number of seconds expected")
    end
    return input, limit, seconds
end

-- Collecting ----------------------------------------------------------------------------------------------------

---@class ljos.system.run.Output
---@field name string
---@field reader ljos.pipe.ReadStream
---@field parts string[]
---@field size integer
---@field limit integer
---@field buffer ljos.byte_span

-- Reads once; false at the end. Raises EMSGSIZE when it is too much.
local function read(output)
    local buffer = output.buffer
    local ok, n = pcall(output.reader.read_some, output.reader, buffer)
    if not ok then
        if n == asio_error.misc.eof then return false end
        error(n, 0)
    end
    local room = output.limit - output.size
    output.size = output.size + n
    output.parts[#output.parts + 1] = ffi.string(buffer.ptr, math.min(n, room))
    if n <= room then return true end
    error(
        error_.system(
            "EMSGSIZE",
            { arg = "limit", detail = ("%s has more bytes than %d"):format(output.name, output.limit) }
        ),
        0
    )
end

local count = ffi.new "int[1]"

-- Reads what is there, now that nobody who counts writes any more.
local function drain(output)
    while ffi.C.libc_ioctl_int(output.reader.fd, FIONREAD, count) == 0 and count[0] > 0 do
        if not read(output) then return end
    end
end

local function feed(writer, input)
    local ok, err = pcall(stream.write_all, writer, input) ---@type boolean, any
    writer:close()
    -- A program need not read its input.
    if not ok and not (error_.is_error(err) and err.EPIPE) then error(err, 0) end
end

-- Runs the fibers until the child has ended.
local function attend(group, child, run)
    local feeder = run.writer and group:spawn(function() feed(run.writer, run.input) end)
    local readers = {}
    for i, output in ipairs(run.outputs) do
        readers[i] = group:spawn(function()
            while read(output) do
            end
        end)
    end
    child:wait()
    if feeder then feeder:cancel() end
    for _, reader in ipairs(readers) do
        reader:cancel()
    end
    for _, reader in ipairs(readers) do
        reader:join()
    end
    for _, output in ipairs(run.outputs) do
        drain(output)
    end
end

-- Kills what is left of the program; nothing may interrupt this.
local function end_tree(child)
    local fiber = loop.current()
    cancellation.disable(fiber)
    -- Looking for what came from the program takes descriptors; ending itself takes none.
    if not pcall(child.kill_tree, child) then pcall(child.kill, child, SIGKILL) end
    pcall(child.wait, child)
    cancellation.restore(fiber)
end

local function text_of(output) return output and table.concat(output.parts) end

-- Running -------------------------------------------------------------------------------------------------------

-- Replaces the streams that are to be collected by pipes; returns the ends that the child gets, to be closed.
local function open_pipes(run, options)
    local theirs, own = {}, run.own
    local function give(name, child_end)
        theirs[#theirs + 1] = child_end:release()
        options[name] = theirs[#theirs]
    end
    if run.input then
        local reader, writer = pipe.pair()
        run.writer, own[#own + 1] = writer, writer
        give("stdin", reader)
    end
    for _, name in ipairs { "stdout", "stderr" } do
        if options[name] == nil then
            local reader, writer = pipe.pair()
            own[#own + 1] = reader
            local output = { name = name, reader = reader, parts = {}, size = 0, limit = run.limit }
            output.buffer = byte_span.new(CHUNK)
            run.outputs[#run.outputs + 1], run[name] = output, output
            give(name, writer)
        end
    end
    if options.stderr == "stdout" then options.stderr = options.stdout end
    return theirs
end

local function start(run, options)
    local theirs = {}
    local ok, child = pcall(function()
        theirs = open_pipes(run, options)
        return spawn(options)
    end)
    for _, fd in ipairs(theirs) do
        fd:close()
    end
    if not ok then error(child, 0) end
    return child
end

local function close_all(objects)
    for _, object in ipairs(objects) do
        io_object.close(object)
    end
end

-- Adds to an error what had been collected.
local function with_output(err, run)
    if error_.is_error(err) and (err.ETIMEDOUT or err.EMSGSIZE) then
        err.stdout, err.stderr = text_of(run.stdout), text_of(run.stderr)
    end
    return err
end

local function copy_of(options)
    local copy = {}
    for name, value in pairs(options) do
        copy[name] = value
    end
    copy.input, copy.limit, copy.timeout = nil, nil, nil
    return copy
end

--- Runs a program and returns how it ended and what it wrote. Takes the options of system.spawn; `stdout` and `stderr`
--- are collected unless they are given.
--- Raises ETIMEDOUT after `timeout` seconds and EMSGSIZE when an output exceeds `limit`, both with what was collected
--- in the error's `stdout` and `stderr`; a program that fails is no error.
---@param options ljos.RunOptions
---@return ljos.RunResult
return function(options)
    local input, limit, seconds = check_own(options)
    loop.enter()
    local run = { input = input, limit = limit, outputs = {}, own = {} }
    local ok, child = pcall(start, run, copy_of(options)) ---@type boolean, any
    if not ok then
        close_all(run.own)
        error(child, 0)
    end
    local function work()
        task_group.run(function(group) attend(group, child, run) end)
    end
    local err
    if seconds then
        ok, err = scope.guard(timeout.run, seconds, work)
    else
        ok, err = scope.guard(work)
    end
    if not ok then end_tree(child) end
    close_all(run.own)
    if not ok then error(with_output(err, run), 0) end
    return {
        exit_code = child.exit_code,
        exit_signal = child.exit_signal,
        stdout = text_of(run.stdout),
        stderr = text_of(run.stderr),
    }
end
