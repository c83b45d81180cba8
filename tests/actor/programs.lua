-- Programs for specs that need a process of their own: a luajit that finds this checkout.
local ffi = require "ffi"
local native = require "ljos.native"
local process = require "ljos.process"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

ffi.cdef [[
int pipe2(int *fds, int flags);
int close(int fd);
int64_t read(int fd, void *buffer, size_t size);
long syscall(long number, ...);
char *getcwd(char *buffer, size_t size);
struct programs_pollfd { int fd; short events, revents; };
int poll(struct programs_pollfd *entries, unsigned long count, int timeout);
]]

local M = {}
local Program = {}
Program.__index = Program

local function pipe()
    local fds = ffi.new "int[2]"
    assert(ffi.C.pipe2(fds, native.constant_table("file").O_CLOEXEC) == 0)
    return fds[0], fds[1]
end

local function environment()
    local root = ffi.string(ffi.C.getcwd(ffi.new "char[4096]", 4096))
    local list = { ("LUA_PATH=%s/lua/?.lua;%s/lua/?/init.lua"):format(root, root), "PATH=" .. os.getenv "PATH" }
    for _, name in ipairs { "LJOS_ENGINE", "LJOS_LIB", "LJOS_ACTOR" } do
        if os.getenv(name) then list[#list + 1] = name .. "=" .. os.getenv(name) end
    end
    return list
end

-- $PATH, as process.start wants it.
local function search(name)
    local paths = {}
    for folder in os.getenv("PATH"):gmatch "[^:]+" do
        paths[#paths + 1] = folder .. "/" .. name
    end
    return paths
end

local function start(arguments)
    local program = setmetatable({ buffered = "" }, Program)
    local stdin, stdout
    stdin, program.stdin = pipe()
    program.stdout, stdout = pipe()
    program.child = process.start {
        paths = search(arguments[1]),
        arguments = arguments,
        environment = environment(),
        fds = { [0] = stdin, [1] = stdout, [2] = 2 },
    }
    ffi.C.close(stdin)
    ffi.C.close(stdout)
    return program
end

--- Starts a Lua program; `prefix` is a command that starts it ("setpriv", ...).
function M.start(source, prefix)
    local path = temporary_directory.make() .. "/program.lua"
    text_file.write(path, source)
    os.execute(("chmod -R a+rX '%s'"):format(path:match "^(.*)/"))
    local arguments = { unpack(prefix or {}) }
    arguments[#arguments + 1] = "luajit"
    arguments[#arguments + 1] = path
    return start(arguments)
end

--- Whether the command `prefix` lets a program read this checkout.
function M.can_read_checkout(prefix)
    local command = table.concat(prefix, " ") .. " test -r lua/ljos/native.lua -a -x target/release/ljos-actor"
    return os.execute(command .. " 2>/dev/null") == 0
end

--- Reads a line of the program's standard output; blocks.
function Program:read_line()
    local buffer = ffi.new "char[512]"
    while not self.buffered:find "\n" do
        local n = tonumber(ffi.C.read(self.stdout, buffer, 512)) --[[@as integer]]
        if n <= 0 then break end
        self.buffered = self.buffered .. ffi.string(buffer, n)
    end
    local line, rest = self.buffered:match "^([^\n]*)\n?(.*)$"
    self.buffered = rest
    return line
end

--- Waits until the program has ended; its standard input ends first.
function Program:wait()
    ffi.C.close(self.stdin)
    process.wait(self.child)
    ffi.C.close(self.stdout)
end

--- SIGKILL, and the end of it.
function Program:kill()
    process.kill(self.child, 9)
    self:wait()
end

--- pidfd_open(2).
function M.pidfd_open(pid)
    local number = native.constant_table("SYS").__NR_pidfd_open
    local fd = tonumber(ffi.C.syscall(number, ffi.cast("long", pid), ffi.cast("long", 0)))
    assert(fd >= 0, "pidfd_open")
    return fd
end

--- Whether the process has ended; waits for that at most `limit` seconds (60). Closes the pidfd when it has.
function M.has_ended(pidfd, limit)
    local entry = ffi.new("struct programs_pollfd[1]", { { pidfd, 1, 0 } })
    local ended = ffi.C.poll(entry, 1, (limit or 60) * 1000) == 1
    if ended then ffi.C.close(pidfd) end
    return ended
end

return M
