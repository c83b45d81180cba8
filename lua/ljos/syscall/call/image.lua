--- What is loaded into the kernel, or takes its place: modules, other kernels.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    CAP_SYS_MODULE, CAP_SYS_BOOT
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"

local flag, integer = argument.flag, argument.integer

---@class ljos.syscall.call.image
local M = {}

local init_module = kernel.call("init_module", "pip")
--- init_module(2): the image is a string, or a buffer and its size; the parameters are "name=value name=value".
function M.init_module(image, size, parameters)
    local memory, count = argument.data(image, size, 1)
    return kernel.done(init_module(memory, count, argument.path(parameters or "", 3)))
end

local file_load = kernel.call("kexec_file_load", "iiipi")
--- kexec_file_load(2): (kernel, initrd, command line, flags); two descriptors, of which the second may be nil.
function M.kexec_file_load(image, initrd, command, flags)
    local text = argument.text(command or "", 3)
    local second = initrd == nil and -1 or fd.number(initrd, 2)
    return kernel.done(file_load(fd.number(image, 1), second, #text + 1, text, flag(c.KEXEC, flags, 4)))
end

-- struct kexec_segment
---@type any
local segment_array = ffi.typeof "struct { const void *buf; size_t bufsz; uintptr_t mem; size_t memsz; } [?]"

local load = kernel.call("kexec_load", "iipi")
--- kexec_load(2): (entry, segments, flags); the segments are a list of {buf =, size =, mem =, memsz =}, the sizes by
--- default those of the buffers.
function M.kexec_load(entry, segments, flags)
    segments = segments or {}
    if type(segments) ~= "table" then argument.wrong(2, "list of segments", segments) end
    local array = segment_array(math.max(#segments, 1))
    for i, segment in ipairs(segments) do
        if type(segment) ~= "table" then argument.wrong(2, "{buf =, mem =}", segment) end
        local size = segment.size
        if size == nil and type(segment.buf) == "cdata" then size = ffi.sizeof(segment.buf) end
        local memory, count = argument.data(segment.buf, size, 2)
        array[i - 1].buf, array[i - 1].bufsz = memory, count
        array[i - 1].mem, array[i - 1].memsz = integer(segment.mem, "mem"), integer(segment.memsz or count, "memsz")
    end
    return kernel.done(load(integer(entry, 1), #segments, array, flag(c.KEXEC, flags, 3)))
end

return M
