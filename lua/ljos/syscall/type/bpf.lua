--- Types of BPF and perf events.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local native = require "ljos.native"
local struct = require "ljos.syscall.struct"
local c = require "ljos.syscall.constants"
local fail = require("ljos.syscall.blame").fail
local ONE = ffi.new("uint64_t", 1)

local tonumber = tonumber

local M = {}
local t = struct.t

local function define_insn()
    struct.define("bpf_insn", {
        get = {
            dst_reg = function(self) return bit.band(self.registers, 0xf) end,
            src_reg = function(self) return bit.rshift(self.registers, 4) end,
        },
        new = function(self, code, dst, src, off, imm)
            if ffi.istype(t.bpf_insn, code) then return code end
            if type(code) == "table" then
                code, dst, src, off, imm = code[1], code[2], code[3], code[4], code[5]
            end
            self.code = c.BPF[code]
            self.registers = bit.bor(dst or 0, bit.lshift(src or 0, 4))
            self.off, self.imm = off or 0, imm or 0
        end,
    })
end

-- The flags of perf_event_attr that share one word, from the first bit on (linux/perf_event.h).
local bits = [[ disabled inherit pinned exclusive exclude_user exclude_kernel exclude_hv exclude_idle mmap comm freq
    inherit_stat enable_on_exec task watermark precise_ip precise_ip_high mmap_data sample_id_all exclude_host
    exclude_guest exclude_callchain_kernel exclude_callchain_user mmap2 comm_exec use_clockid context_switch
    write_backward
    namespaces ksymbol bpf_event aux_output cgroup text_poke build_id inherit_thread remove_on_exec sigtrap ]]

local function define_attr()
    local get, set, n = {}, {}, 0
    for name in bits:gmatch "%S+" do
        local mask = bit.lshift(ONE, n)
        n = n + 1
        get[name] = function(self) return bit.band(self.flags, mask) ~= 0 end
        set[name] = function(self, on)
            self.flags = (on and on ~= 0) and bit.bor(self.flags, mask) or bit.band(self.flags, bit.bnot(mask))
        end
    end
    get.sample_freq, get.bp_addr, get.bp_len =
        function(self) return tonumber(self.sample_period) end,
        function(self) return self.config1 end,
        function(self) return self.config2 end
    set.sample_freq = function(self, value) self.sample_period = value end
    set.bp_addr, set.bp_len =
        function(self, value) self.config1 = value end, function(self, value) self.config2 = value end
    for name, group in pairs {
        type = "PERF_TYPE",
        config = "PERF_COUNT",
        sample_type = "PERF_SAMPLE",
        read_format = "PERF_READ_FORMAT",
        branch_sample_type = "PERF_SAMPLE_BRANCH",
    } do
        local field = "pe_" .. name
        get[name] = function(self) return tonumber(self[field]) end
        set[name] = function(self, value)
            if type(value) == "string" then value = c[group][value] or fail("invalid flag " .. value) end
            self[field] = value
        end
    end
    struct.define("perf_event_attr", {
        get = get,
        set = set,
        new = function(self, init)
            self.size = ffi.sizeof(self)
            struct.assign(self, init == nil and {} or init)
        end,
    })
end

-- A reader of the ring that a perf event maps: start, stop, read, mmap, reset, close.
local Reader = {}
Reader.__index = Reader

function Reader:start() return require("ljos.syscall").ioctl(self.fd, "PERF_EVENT_IOC_ENABLE", 0) end
function Reader:stop() return require("ljos.syscall").ioctl(self.fd, "PERF_EVENT_IOC_DISABLE", 0) end
function Reader:reset() return require("ljos.syscall").ioctl(self.fd, "PERF_EVENT_IOC_RESET", 0) end

--- Maps the ring: one page of header and `pages` (a power of two) of records.
function Reader:mmap(pages)
    local S = require "ljos.syscall"
    pages = pages or 8
    local page = S.getpagesize()
    local address, err = S.mmap(nil, (1 + pages) * page, "read, write", "shared", self.fd, 0)
    if not address then return nil, err end
    self.address, self.length, self.size = address, (1 + pages) * page, pages * page
    self.header = ffi.cast(native.struct "perf_event_mmap_page" .. " *", address)
    self.data = ffi.cast("uint8_t *", address) + page
    return self.header
end

--- The counter's value; with a mapped ring, the next record as (type, pointer to its header, size) or nil.
function Reader:read()
    local S = require "ljos.syscall"
    if not self.header then
        local value = ffi.new "uint64_t[1]"
        local n, err = S.read(self.fd, value, 8)
        if not n then return nil, err end
        return tonumber(value[0])
    end
    local head, tail = tonumber(self.header.data_head), tonumber(self.header.data_tail)
    if head == tail then return nil end
    local at = tail % self.size
    local record = ffi.cast(native.struct "perf_event_header" .. " *", self.data + at)
    local size = record.size
    local copy = ffi.new("uint8_t[?]", size)
    local first = math.min(size, self.size - at)
    ffi.copy(copy, self.data + at, first)
    if first < size then ffi.copy(copy + first, self.data, size - first) end
    self.header.data_tail = tail + size
    return record.type, ffi.cast(native.struct "perf_event_header" .. " *", copy), size, copy
end

function Reader:close()
    local S = require "ljos.syscall"
    if self.address then S.munmap(self.address, self.length) end
    self.address, self.header = nil, nil
    return S.close(self.fd)
end

local definitions = {
    bpf_insn = define_insn,
    bpf_insns = function()
        local _ = t.bpf_insn
        struct.define_list("bpf_insns", "bpf_insn")
    end,
    bpf_attr = function() struct.define "bpf_attr" end,
    bpf_attr1 = function() struct.register("bpf_attr1", ffi.typeof(native.struct "bpf_attr" .. "[1]")) end,
    perf_event_attr = define_attr,
    perf_event_attr1 = function()
        local _ = t.perf_event_attr
        local ct = ffi.typeof(native.struct "perf_event_attr" .. "[1]")
        struct.register("perf_event_attr1", ct, function(init)
            local attr = ffi.new(ct)
            attr[0] = t.perf_event_attr(init and init[1] or init or {})
            return attr
        end)
    end,
    perf_event_header = function() struct.define "perf_event_header" end,
    perf_reader = function()
        t.perf_reader = function(fd) return setmetatable({ fd = fd }, Reader) end
    end,
    seccomp_data = function() struct.define "seccomp_data" end,
}

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
