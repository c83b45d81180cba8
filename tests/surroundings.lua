-- What the specs take for granted, also where the host has it otherwise; loaded before all else.
local ffi = require "ffi"
local lfs = require "lfs"

ffi.cdef [[
int open(const char *path, int flags, ...);
int setenv(const char *name, const char *value, int overwrite);
]]

-- 0, 1 and 2 are open, and no sockets of the specs'.
local O_RDWR = 2
for number = 0, 2 do
    if not lfs.symlinkattributes("/proc/self/fd/" .. number) then ffi.C.open("/dev/null", O_RDWR) end
end

-- A program that is nowhere in PATH is ENOENT: execvp(3) answers EACCES where this user may not search a folder of it.
local folders = {}
for folder in os.getenv("PATH"):gmatch "[^:]+" do
    if lfs.attributes(folder .. "/.") then folders[#folders + 1] = folder end
end
ffi.C.setenv("PATH", table.concat(folders, ":"), 1)
