-- Programs run by system.spawn for specs: their output, and children that live until they are told to end.
local S = require "ljos.syscall"
local descriptors = require "ljos.process.descriptors"
local file_descriptor = require "ljos.file_descriptor"
local filesystem = require "ljos.filesystem"
local system = require "ljos.system"
local text_file = require "text_file"

local path = filesystem.path.new

local M = {}

-- A pipe as two file_descriptor objects.
function M.pipe()
    local reading, writing = descriptors.pipe()
    return file_descriptor.new(reading), file_descriptor.new(writing)
end

-- What is there until the last writer has closed it. Closes the object.
function M.read_all(reading)
    local text = {}
    local number = file_descriptor.number_of(reading, 1)
    repeat
        local part = assert(S.read(number, nil, 65536))
        text[#text + 1] = part
    until part == ""
    reading:close()
    return table.concat(text)
end

-- Runs a program with the given options to its end; returns what it wrote to stdout, and its object.
function M.output_of(options)
    local reading, writing = M.pipe()
    options.stdout = writing
    local ok, child = pcall(system.spawn, options)
    writing:close()
    if not ok then
        reading:close()
        error(child, 0)
    end
    local output = M.read_all(reading)
    child:wait()
    return output, child
end

function M.shell(command, options)
    options = options or {}
    options.program, options.arguments = "sh", { "sh", "-c", command }
    return M.output_of(options)
end

-- A child that lives until its standard input ends, and the descriptor that ends it. Its program runs already: exec
-- lets the parent go on before it is quite done.
function M.waiting_child(options)
    options = options or {}
    local reading, writing = M.pipe()
    local output, output_writing = M.pipe()
    options.program, options.arguments, options.stdin, options.stdout = "cat", { "cat" }, reading, output_writing
    local child = system.spawn(options)
    reading:close()
    output_writing:close()
    assert(S.write(file_descriptor.number_of(writing, 1), "x"))
    assert(S.read(file_descriptor.number_of(output, 1), nil, 1) == "x")
    output:close()
    return child, writing
end

function M.descriptor_count()
    local count = 0
    for _ in filesystem.directory_iterator(path "/proc/self/fd") do
        count = count + 1
    end
    return count
end

-- Starts a child with the options, and returns f(its pid) after it has ended.
function M.with_child(options, f)
    local child, writing = M.waiting_child(options)
    local ok, result = pcall(f, child.pid)
    writing:close()
    child:wait()
    if not ok then error(result, 0) end
    return result
end

-- A line of /proc/PID/status.
function M.status(pid, name)
    local text = text_file.read(("/proc/%d/status"):format(pid))
    return text:match("\n" .. name .. ":[ \t]*([^\n]-)[ \t]*\n")
end

function M.link(pid, name) return tostring(filesystem.read_symlink(path(("/proc/%d/%s"):format(pid, name)))) end

return M
