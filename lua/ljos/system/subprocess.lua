--- Subprocesses: what system.spawn returns.
---
--- A process that has ended keeps its pid until `wait`, as the kernel has it, so that the pid of an object never
--- means another process. When the object is collected before, its process is sent the signal that `spawn` was told
--- and is left to the loop, which reaps it (seed 003, "system.spawn", signal_on_gcreaper).
---
--- Errors:   raises ljos.Error
--- Suspends: wait
--- Needs:    nothing beyond Linux 5.15
local error_ = require "ljos.error"
local io_object = require "ljos.io_object"
local loading = require "ljos.error.loading"
local loop = require "ljos.loop"
local process = require "ljos.process"

local error, newproxy, rawget, setmetatable = error, newproxy, rawget, setmetatable

---@class ljos.system.subprocess
local M = {}

---@class ljos.Subprocess
---@field exit_code integer     after wait(): as passed to exit(3), or 128 + exit_signal
---@field exit_signal? integer  after wait(): the signal that ended it
---@field pid? integer          nil after wait()
---@field package child ljos.Child
---@field package waited boolean
---@field package guard userdata  whose collection lets go of the child
local methods, properties = {}, {}
local metatable = io_object.metatable("subprocess", methods, properties)

-- Guard -> child. A finalizer still finds its userdata's entry here.
---@type table<userdata, ljos.Child>
local child_of = setmetatable({}, { __mode = "k" })
local prototype = newproxy(true)
getmetatable(prototype).__gc = function(guard)
    local child = child_of[guard]
    if child then process.let_go(child) end
end

--- Makes the object of a child that is held.
---@param child ljos.Child
---@return ljos.Subprocess
function M.new(child)
    local guard = newproxy(prototype)
    child_of[guard] = child
    return setmetatable({ child = child, waited = false, guard = guard }, metatable)
end

local function child_of_self(self)
    local child = type(self) == "table" and rawget(self, "child")
    return child or error_.argument(1, "subprocess expected, got " .. type(self))
end

--- Waits for the process to end and reaps it; how it ended is in `exit_code` and `exit_signal` afterwards. Any number
--- of fibers may wait, and again after the end. Cancelling leaves the process as it is.
--- Raises ECHILD when the kernel does not tell how it ended: another part of the program has reaped it, or ignores
--- SIGCHLD.
function methods:wait()
    local child = child_of_self(self)
    loop.enter()
    process.wait(child)
    rawset(self, "waited", true)
    if child.lost then
        error(error_.system("ECHILD", { detail = "the process has ended; somebody else has reaped it" }), 0)
    end
end

local function check_signal(signal, least)
    if type(signal) == "number" and signal % 1 == 0 and signal >= least and signal <= 64 then return end
    error_.argument(2, "a signal number expected, got " .. tostring(signal))
end

--- Sends a signal to the process; 0 only asks whether that would be allowed. Raises ESRCH after `wait`; until then
--- a process that has ended takes signals without effect. Source: pidfd_send_signal(2).
---@param signal integer
function methods:kill(signal)
    local child = child_of_self(self)
    check_signal(signal, 0)
    process.kill(child, signal)
end

--- Sends a signal to the process and to all that came from it. Who that is, and who is out of reach, is said in
--- `ljos.process.tree`: every process with living parents up to this one, and every one of a session or group that
--- this one leads (options start_new_session, process_group). All are stopped first, so that none escapes
--- by forking, and go on with the signal. It works as well when the process itself has ended, until `wait`.
--- Raises ESRCH after `wait`, EPERM when somebody runs as another user.
---@param signal? integer  SIGKILL by default
function methods:kill_tree(signal)
    local child = child_of_self(self)
    if signal ~= nil then check_signal(signal, 1) end
    if child.fd < 0 then error(error_.system("ESRCH", { detail = "the process has ended" }), 0) end
    loading.load("ljos.process.tree").kill(child, signal)
end

--- Gets the capabilities of the process. Source: cap_get_pid(3).
---@return ljos.system.LinuxCapabilities
function methods:cap_get()
    local child = child_of_self(self)
    if child.fd < 0 then error(error_.system("ESRCH", { detail = "the process has ended" }), 0) end
    return loading.load("ljos.system.linux_capabilities").of_process(child.pid)
end

local function ended(self)
    if not rawget(self, "waited") then error(error_.generic("EINVAL", { detail = "wait() first" }), 0) end
    return rawget(self, "child")
end

function properties.exit_code(self)
    local child = ended(self)
    return child.signal > 0 and 128 + child.signal or child.code
end

function properties.exit_signal(self)
    local child = ended(self)
    return child.signal > 0 and child.signal or nil
end

function properties.pid(self)
    if not rawget(self, "waited") then return rawget(self, "child").pid end
end

return M
