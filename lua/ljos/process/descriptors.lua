--- Descriptors that live as long as a child is being started: made for it, closed here however the start ends.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local error_ = require "ljos.error"
local native = require "ljos.native"

local O_CLOEXEC = native.constant_table("file").O_CLOEXEC

ffi.cdef [[
int close(int fd);
int pipe2(int *fds, int flags);
]]

---@class ljos.process.descriptors
local M = {}

local ends = ffi.new "int[2]"

--- Makes a pipe. Both ends are close-on-exec, and the caller's.
---@return integer reading, integer writing
function M.pipe()
    if ffi.C.pipe2(ends, O_CLOEXEC) ~= 0 then error_.check(-ffi.errno(), { detail = "pipe2" }) end
    return ends[0], ends[1]
end

-- Makes a pipe and closes one end: what a standard stream is that nobody gave (seed 003, "system.spawn", stdin).
local function closed_pipe(for_reading)
    local reading, writing = M.pipe()
    ffi.C.close(for_reading and writing or reading)
    return for_reading and reading or writing
end

--- Completes `stdio` with closed pipes. Returns them for `close`, or false when none had to be made.
---@param fds table<integer, integer>  gets all three
---@param stdio table<integer, integer>  0, 1, 2 -> descriptor
---@return integer[]|false made
function M.complete(fds, stdio)
    fds[0], fds[1], fds[2] = stdio[0], stdio[1], stdio[2]
    if fds[0] and fds[1] and fds[2] then return false end
    local made = {}
    for target = 0, 2 do
        if not fds[target] then
            local ok, fd = pcall(closed_pipe, target == 0)
            if not ok then
                M.close(made)
                error(fd, 0)
            end
            made[#made + 1], fds[target] = fd, fd
        end
    end
    return made
end

--- Closes what was made for a child.
---@param made integer[]|false
function M.close(made)
    for i = 1, made and #made or 0 do
        ffi.C.close(made[i])
    end
end

--- Runs f(open), where `open` notes a descriptor to be closed when f is done, however it ends.
---@generic T
---@param f fun(open: fun(fd: integer): integer): T
---@return T
function M.with(f)
    local opened = {}
    local ok, result = pcall(f, function(fd)
        opened[#opened + 1] = fd
        return fd
    end)
    for _, fd in ipairs(opened) do
        ffi.C.close(fd)
    end
    if not ok then error(result, 0) end
    return result
end

return M
