--- Capabilities, prctl, BPF, Landlock rules, perf events.
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     prctl(2) is many calls in one; what its arguments are hangs on its option alone
local bit = require "bit"
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local flag, integer, struct = argument.flag, argument.integer, argument.struct
local t = types.t

---@class ljos.syscall.call.security
local M = {}

local capget, capset = kernel.call("capget", "pp"), kernel.call("capset", "pp")
--- capget(2): a t.capabilities.
function M.capget(header)
    header = struct(t.user_cap_header, header, 1) or t.user_cap_header(3, 0)
    local data = t.user_cap_data2()
    local res = capget(header, data)
    if res < 0 then return kernel.failed(res) end
    return t.capabilities(header, data)
end
--- capset(2): takes what capget gave, or a table {permitted =, effective =, inheritable =}.
function M.capset(capabilities, data)
    if type(capabilities) == "cdata" then
        local words = argument.struct(t.user_cap_data2, data, 2)
        return kernel.done(capset(struct(t.user_cap_header, capabilities, 1), words))
    end
    if type(capabilities) ~= "table" then argument.wrong(1, "capabilities", capabilities) end
    if not capabilities.hdrdata then capabilities = t.capabilities(capabilities) end
    local header, words = capabilities.hdrdata()
    return kernel.done(capset(header, words))
end

local prctl = kernel.call("prctl", "iiiii")
local prctl_pointer = kernel.call("prctl", "ipiii")
local prctl_second = kernel.call("prctl", "iipii")

local function is_memory(value) return type(value) == "cdata" and tonumber(value) == nil end

-- What the second argument of an option is, and which options answer with a number.
local groups = {
    CAPBSET_READ = "CAP",
    CAPBSET_DROP = "CAP",
    SET_ENDIAN = "PR_ENDIAN",
    SET_FPEMU = "PR_FPEMU",
    SET_FPEXC = "PR_FP_EXC",
    SET_PDEATHSIG = "SIG",
    SET_TIMING = "PR_TIMING",
    SET_TSC = "PR_TSC",
    SET_UNALIGN = "PR_UNALIGN",
    MCE_KILL = "PR_MCE_KILL",
}
local out_arguments = {
    GET_PDEATHSIG = true,
    GET_ENDIAN = true,
    GET_FPEMU = true,
    GET_FPEXC = true,
    GET_UNALIGN = true,
    GET_TSC = true,
    GET_CHILD_SUBREAPER = true,
}

-- Names in c.PR that are the second argument of an option, not one: their numbers are those of others.
local function is_option(name)
    if name:match "^SET_MM_." or name:match "^SET_VMA_." or name:match "^SET_PTRACER_." then return false end
    return groups[name] ~= nil or name:match "^[GS]ET_" ~= nil or name == "MCE_KILL_GET"
end

local names -- of options by number
local function name_of(option, number)
    if type(option) == "string" then return (option:upper():gsub("^%s*PR_", ""):gsub("%s", "")) end
    if not names then
        names = {}
        for name, value in pairs(c.PR) do
            if is_option(name) then names[value] = name end
        end
    end
    return names[number]
end

--- prctl(2): getters give the value, the others true; names stand for numbers in the second argument too.
function M.prctl(option, arg2, arg3, arg4, arg5)
    local op = flag(c.PR, option, 1)
    local name = name_of(option, op)
    if op == c.PR.GET_NAME then
        local buffer = ffi.new "char[17]"
        local res = prctl_pointer(op, buffer, 0, 0, 0)
        if res < 0 then return kernel.failed(res) end
        return ffi.string(buffer)
    elseif op == c.PR.SET_NAME then
        return kernel.done(prctl_pointer(op, argument.path(arg2, 2), 0, 0, 0))
    elseif op == c.PR.SET_SECCOMP then
        require("ljos.syscall.directory").load_all()
        return kernel.done(prctl_second(op, flag(c.SECCOMP_MODE, arg2, 2), arg3, 0, 0))
    elseif op == c.PR.GET_TID_ADDRESS then
        local address = ffi.new "void *[1]"
        local res = prctl_pointer(op, address, 0, 0, 0)
        if res < 0 then return kernel.failed(res) end
        return address[0]
    elseif out_arguments[name] then
        local value = t.int1()
        local res = prctl_pointer(op, value, 0, 0, 0)
        if res < 0 then return kernel.failed(res) end
        return value[0]
    end
    local second = arg2
    if groups[name] then
        second = flag((c --[[@as table]])[groups[name]], arg2, 2)
    elseif op == c.PR.CAP_AMBIENT and type(arg2) == "string" then
        second = flag(c.PR, "CAP_AMBIENT_" .. arg2, 2)
    end
    if op == c.PR.CAP_AMBIENT and type(arg3) == "string" then arg3 = flag(c.CAP, arg3, 3) end
    if op == c.PR.MCE_KILL and type(arg3) == "string" then arg3 = flag(c.PR_MCE_KILL_OPT, arg3, 3) end
    local fourth, fifth = integer(arg4 or 0, 4), integer(arg5 or 0, 5)
    local res ---@type integer
    if is_memory(second) then
        res = prctl_pointer(op, second, integer(arg3 or 0, 3), fourth, fifth)
    elseif is_memory(arg3) or type(arg3) == "string" then
        res = prctl_second(op, integer(second or 0, 2), arg3, fourth, fifth)
    else
        res = prctl(op, integer(second or 0, 2), integer(arg3 or 0, 3), fourth, fifth)
    end
    if res < 0 then return kernel.failed(res) end
    if name and (name:match "^GET_" or name:match "_GET$" or name:match "_READ$" or name == "CAPBSET_READ") then
        return res
    end
    return res == 0 or res
end

local seccomp = kernel.call("seccomp", "iip")

-- The bytes of a BPF program as what the kernel takes.
local function program_of(bytes)
    if #bytes % 8 ~= 0 then argument.wrong(3, "a BPF program", bytes) end
    return t.sock_fprog1 { { #bytes / 8, ffi.new("uint8_t[?]", #bytes, bytes) } }
end

--- seccomp(2): (operation, flags, argument). "set_mode_filter" takes a t.sock_fprog1, or the bytes that seccomp.compile
--- makes, and with "new_listener" gives the descriptor of the supervisor; "get_notif_sizes" gives a
--- t.seccomp_notif_sizes; the others give true.
function M.seccomp(operation, flags, arg)
    local op, bits = flag(c.SECCOMP, operation, 1), flag(c.SECCOMP_FILTER_FLAG, flags, 2)
    if op == c.SECCOMP.SET_MODE_FILTER and type(arg) == "string" then arg = program_of(arg) end
    if op == c.SECCOMP.GET_NOTIF_SIZES then arg = argument.room(t.seccomp_notif_sizes, arg, 3) end
    if op == c.SECCOMP.GET_ACTION_AVAIL and type(arg) ~= "cdata" then arg = t.uint1(flag(c.SECCOMP_RET, arg, 3)) end
    local res = seccomp(op, bits, argument.buffer(arg, 3))
    if res < 0 then return kernel.failed(res) end
    if op == c.SECCOMP.GET_NOTIF_SIZES then return arg end
    if op == c.SECCOMP.SET_MODE_FILTER and bit.band(bits, c.SECCOMP_FILTER_FLAG.NEW_LISTENER) ~= 0 then
        return fd.new(res)
    end
    return res == 0 or res
end

local create_ruleset = kernel.call("landlock_create_ruleset", "pii")
--- landlock_create_ruleset(2): {handled_access_fs =, handled_access_net =, scoped =} gives the descriptor; with nil and
--- "version" the number of the kernel's ABI.
function M.landlock_create_ruleset(attr, flags)
    local bits = flag(c.LANDLOCK_CREATE_RULESET, flags, 2)
    local rules = argument.struct(t.landlock_ruleset_attr, attr, 1)
    local res = create_ruleset(rules, rules == nil and 0 or ffi.sizeof(rules), bits)
    if bits ~= 0 then return kernel.number(res) end
    return fd.result(res)
end

local add_rule = kernel.call("landlock_add_rule", "iipi")
--- landlock_add_rule(2): {allowed_access =, parent = fd} below a path, {allowed_access =, port =} for the network.
function M.landlock_add_rule(ruleset, kind, rule, flags)
    local number = flag(c.LANDLOCK_RULE, kind, 2)
    local attr = rule
    if type(rule) == "table" then
        if number == c.LANDLOCK_RULE.PATH_BENEATH then
            attr = t.landlock_path_beneath_attr()
            attr.allowed_access = flag(c.LANDLOCK_ACCESS_FS, rule.allowed_access, "allowed_access")
            attr.parent_fd = fd.number(rule.parent or rule.parent_fd, "parent")
        else
            attr = t.landlock_net_port_attr()
            attr.allowed_access = flag(c.LANDLOCK_ACCESS_NET, rule.allowed_access, "allowed_access")
            attr.port = integer(rule.port, "port")
        end
    end
    return kernel.done(add_rule(fd.number(ruleset, 1), number, argument.buffer(attr, 3), integer(flags or 0, 4)))
end

local bpf = kernel.call("bpf", "ipi")
--- bpf(2): the result as a number.
function M.bpf(cmd, attr, size)
    local number = flag(c.BPF_CMD, cmd, 1)
    if attr == nil then argument.wrong(2, "t.bpf_attr", attr) end
    attr = argument.buffer(attr, 2)
    return kernel.number(bpf(number, attr, argument.size(size or ffi.sizeof(attr), 3, attr)))
end

local function address(value, position)
    value = argument.pointer(value, position)
    if type(value) == "string" then value = ffi.cast("const char *", value) end
    return ffi.cast("uintptr_t", ffi.cast("const void *", value))
end

--- Loads a BPF program: the descriptor and the log; nil, err, log on failure.
function M.bpf_prog_load(kind, insns, count, license, version, loglevel)
    local attr = t.bpf_attr()
    local log = ffi.new("char[?]", 65536)
    license = license or "unspecified"
    attr.prog_type, attr.insns, attr.insn_cnt = flag(c.BPF_PROG, kind, 1), address(insns, 2), integer(count, 3)
    attr.license, attr.kern_version = address(license, 4), integer(version or 0, 5)
    attr.log_level = integer(loglevel or 1, 6)
    if attr.log_level > 0 then
        attr.log_buf, attr.log_size = address(log), 65536
    end
    local res = bpf(c.BPF_CMD.PROG_LOAD, attr, ffi.sizeof(attr))
    if res < 0 then
        local _, err = kernel.failed(res)
        return nil, err, ffi.string(log)
    end
    return fd.new(res), ffi.string(log)
end

function M.bpf_map_create(kind, key_size, value_size, max_entries)
    local attr = t.bpf_attr()
    attr.map_type, attr.key_size = flag(c.BPF_MAP, kind, 1), integer(key_size, 2)
    attr.value_size, attr.max_entries = integer(value_size, 3), integer(max_entries, 4)
    return fd.result(bpf(c.BPF_CMD.MAP_CREATE, attr, ffi.sizeof(attr)))
end

--- One operation on an element of a map; the map is a descriptor object or a number. 0 on success.
function M.bpf_map_op(cmd, map, key, value, flags)
    local attr = t.bpf_attr()
    attr.map_fd, attr.key, attr.value = fd.number(map, 2), address(key, 3), address(value, 4)
    attr.flags = integer(flags or 0, 5)
    return kernel.number(bpf(flag(c.BPF_CMD, cmd, 1), attr, ffi.sizeof(attr)))
end

local perf = kernel.call("perf_event_open", "piiii")
--- perf_event_open(2): the descriptor. Close-on-exec. The attributes are a t.perf_event_attr, an array of one, or a
--- table.
function M.perf_event_open(attr, pid, cpu, group, flags)
    attr = argument.struct(t.perf_event_attr, attr, 1)
    local bits = argument.cloexec(c.PERF_FLAG, flags, 5)
    local members = type(group) == "nil" and -1 or fd.number(group, 4)
    return fd.result(perf(attr, integer(pid or 0, 2), integer(cpu or -1, 3), members, bits))
end

local function tracing(path)
    for _, root in ipairs { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" } do
        local file = require("ljos.syscall").open(root .. path[1], path[2])
        if file then return file end
    end
    return require("ljos.syscall").open("/sys/kernel/tracing" .. path[1], path[2])
end

--- The id of a tracepoint, "sched/sched_switch" or "/sched/sched_switch/".
function M.perf_tracepoint(name)
    if type(name) ~= "string" then argument.wrong(1, "name of a tracepoint", name) end
    local file, err = tracing { "/events/" .. name:gsub("^/", ""):gsub("/$", "") .. "/id", "rdonly" }
    if not file then return nil, err end
    local text, why = file:read(nil, 64)
    file:close()
    if not text then return nil, why end
    return tonumber(text)
end

--- Makes a probe ("kprobe" or "uprobe") by its definition; the id of its tracepoint.
function M.perf_probe(kind, name, definition, retval)
    for position = 1, 3 do
        local given = (select(position, kind, name, definition))
        if type(given) ~= "string" then argument.wrong(position, "string", given) end
    end
    local file, err = tracing { "/" .. kind .. "_events", "wronly, append" }
    if not file then return nil, err end
    local probe = name:gsub("[^%w_]", "_")
    local ok, why = file:write(("%s:ljos/%s %s\n"):format(retval and "r" or "p", probe, definition))
    file:close()
    if not ok then return nil, why end
    return M.perf_tracepoint("ljos/" .. probe)
end

--- Opens a tracepoint's event, attaches a BPF program to it and starts it.
function M.perf_attach_tracepoint(id, program, pid, cpu)
    local attr = t.perf_event_attr()
    attr.type, attr.config, attr.sample_period, attr.size = c.PERF_TYPE.TRACEPOINT, integer(id, 1), 1, ffi.sizeof(attr)
    local event, err = M.perf_event_open(attr, pid or -1, cpu or 0)
    if not event then return nil, err end
    local S = require "ljos.syscall"
    local ok, why = true, nil
    if program then
        ok, why = S.ioctl(event, "PERF_EVENT_IOC_SET_BPF", fd.number(program))
    end
    if ok then
        ok, why = S.ioctl(event, "PERF_EVENT_IOC_ENABLE", 0)
    end
    if not ok then
        event:close()
        return nil, why
    end
    return event
end

return M
