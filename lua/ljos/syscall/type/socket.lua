--- Types of sockets: addresses of each family, messages, control messages, filters.
---
--- Errors:   raises for a value that does not fit
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     a type is one function, metatable and all, run when the type is first asked for
local bit = require "bit"
local ffi = require "ffi"
local native = require "ljos.native"
local extent = require "ljos.syscall.extent"
local struct = require "ljos.syscall.struct"
local address = require "ljos.syscall.type.address"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local fail = require("ljos.syscall.blame").fail

local tonumber, type = tonumber, type

local M = {}
local t, pt = struct.t, struct.pt

local function swapped(field)
    return function(self) return address.swap16(self[field]) end, function(self, value)
        self[field] = address.swap16(tonumber(value) or value) -- 64-bit cdata would be swapped as such
    end
end

local function family_accessors(field)
    return function(self) return tonumber(self[field]) end, function(self, value) self[field] = c.AF[value] end
end

local function define_in()
    local _ = t.in_addr
    local get_port, set_port = swapped "sin_port"
    local get_family, set_family = family_accessors "sin_family"
    struct.define("sockaddr_in", {
        get = { port = get_port, family = get_family, addr = function(self) return self.sin_addr end },
        set = {
            port = set_port,
            family = set_family,
            addr = function(self, value) self.sin_addr = t.in_addr(value) end,
        },
        new = function(self, first, addr)
            self.sin_family = c.AF.INET
            if type(first) == "table" then return struct.assign(self, first, { "port", "addr" }) end
            if type(first) == "cdata" and not tonumber(first) then return extent.copy(self, first, ffi.sizeof(self)) end
            self.port = first or 0
            if addr ~= nil then self.addr = addr end
        end,
        tostring = function(self) return ("%s:%d"):format(tostring(self.sin_addr), get_port(self)) end,
    })
end

local function define_in6()
    local _ = t.in6_addr
    local get_port, set_port = swapped "sin6_port"
    local get_family, set_family = family_accessors "sin6_family"
    struct.define("sockaddr_in6", {
        prefix = "sin6_",
        short = "flowinfo scope_id",
        get = { port = get_port, family = get_family, addr = function(self) return self.sin6_addr end },
        set = {
            port = set_port,
            family = set_family,
            addr = function(self, value) self.sin6_addr = t.in6_addr(value) end,
        },
        new = function(self, first, addr, flowinfo, scope_id)
            self.sin6_family = c.AF.INET6
            if type(first) == "table" then
                return struct.assign(self, first, { "port", "addr", "flowinfo", "scope_id" })
            end
            if type(first) == "cdata" and not tonumber(first) then return extent.copy(self, first, ffi.sizeof(self)) end
            self.port = first or 0
            if addr ~= nil then self.addr = addr end
            self.sin6_flowinfo, self.sin6_scope_id = flowinfo or 0, scope_id or 0
        end,
        tostring = function(self) return ("[%s]:%d"):format(tostring(self.sin6_addr), get_port(self)) end,
    })
end

-- A path may fill its array, without a NUL.
local function unix_path(addr) return ffi.string(addr.sun_path, ffi.sizeof(addr.sun_path)):match "^%Z*" end

local function define_un()
    local get_family, set_family = family_accessors "sun_family"
    struct.define("sockaddr_un", {
        get = { family = get_family, path = unix_path },
        set = {
            family = set_family,
            path = function(self, value)
                if #value > ffi.sizeof(self.sun_path) then fail("socket path is too long") end
                ffi.fill(self.sun_path, ffi.sizeof(self.sun_path))
                ffi.copy(self.sun_path, value, #value)
            end,
        },
        new = function(self, first)
            self.sun_family = c.AF.UNIX
            if type(first) == "table" then return struct.assign(self, first, { "path" }) end
            if first ~= nil then self.path = first end
        end,
    })
end

--- Returns the length of a unix address: a path ends with its NUL; an abstract name, which begins with one, before the
--- NULs that fill the rest of the struct.
---@param addr ffi.cdata*
---@return integer
function M.unix_length(addr)
    local head = ffi.offsetof(native.struct "sockaddr_un", "sun_path") --[[@as integer]]
    local path, last = addr.sun_path, ffi.sizeof(addr.sun_path) - 1
    if path[0] ~= 0 then return head + math.min(#addr.path, last) + 1 end
    while last >= 0 and path[last] == 0 do
        last = last - 1
    end
    return head + last + 1
end

--- Returns what the kernel gave for a unix address: {family, name, path, abstract, unnamed}.
---@param storage ffi.cdata*
---@param len integer
---@return table
function M.unix_address(storage, len)
    local addr = { family = c.AF.UNIX, len = len, addr = storage }
    local un, head = pt.sockaddr_un(storage), ffi.offsetof(native.struct "sockaddr_un", "sun_path")
    if len <= head then
        addr.unnamed, addr.name = true, ""
    elseif un.sun_path[0] == 0 then
        addr.abstract, addr.name = true, ffi.string(un.sun_path + 1, len - head - 1)
    else
        addr.name = unix_path(un)
        addr.path = addr.name
    end
    return addr
end

local function define_nl()
    local get_family, set_family = family_accessors "nl_family"
    struct.define("sockaddr_nl", {
        prefix = "nl_",
        short = "pid",
        get = { family = get_family, groups = function(self) return tonumber(self.nl_groups) end },
        set = { family = set_family, groups = function(self, value) self.nl_groups = c.RTMGRP[value] end },
        new = function(self, first, groups)
            self.nl_family = c.AF.NETLINK
            if type(first) == "table" then return struct.assign(self, first, { "pid", "groups" }) end
            if first ~= nil then self.pid = first end
            if groups ~= nil then self.groups = groups end
        end,
    })
end

local function define_ll()
    local get_family, set_family = family_accessors "sll_family"
    local get_protocol = swapped "sll_protocol"
    struct.define("sockaddr_ll", {
        prefix = "sll_",
        short = "ifindex hatype pkttype halen",
        get = {
            family = get_family,
            protocol = get_protocol,
            addr = function(self) return t.macaddr(ffi.cast("uint8_t *", self.sll_addr)) end,
        },
        set = {
            family = set_family,
            protocol = function(self, value) self.sll_protocol = address.swap16(c.ETH_P[value]) end,
            pkttype = function(self, value) self.sll_pkttype = c.PACKET[value] end,
            hatype = function(self, value) self.sll_hatype = c.ARPHRD[value] end,
            addr = function(self, value)
                local mac = t.macaddr(value)
                ffi.copy(self.sll_addr, mac, 6)
                self.sll_halen = 6
            end,
        },
        new = function(self, first)
            self.sll_family = c.AF.PACKET
            if type(first) == "table" then return struct.assign(self, first, { "protocol", "ifindex" }) end
        end,
    })
end

local families = {
    INET = "sockaddr_in",
    INET6 = "sockaddr_in6",
    UNIX = "sockaddr_un",
    NETLINK = "sockaddr_nl",
    PACKET = "sockaddr_ll",
}
local by_number

--- Returns the name of the address type of a family.
---@param family integer
---@return string?
function M.type_of(family)
    if not by_number then
        by_number = {}
        for name, kind in pairs(families) do
            by_number[c.AF[name]] = kind
        end
    end
    return by_number[family]
end

-- A storage behaves as the address type of the family in it.
local function define_storage()
    local function inner(self)
        local kind = M.type_of(self.ss_family)
        return kind and t[kind] and pt[kind](self)
    end
    local ct = ffi.metatype(native.struct "sockaddr_storage", {
        __new = function(ct, init)
            local self = ffi.new(ct)
            if type(init) == "table" then
                local family = init.family or init[1]
                if family then self.ss_family = c.AF[family] end
                local view = inner(self)
                for key, value in pairs(init) do
                    if key ~= "family" and type(key) == "string" and view then view[key] = value end
                end
            elseif init ~= nil then
                if type(init) ~= "cdata" or tonumber(init) then fail("address expected, got " .. type(init)) end
                ffi.copy(self, init, math.min(ffi.sizeof(init) --[[@as integer]], ffi.sizeof(ct) --[[@as integer]]))
            end
            return self
        end,
        __index = function(self, key)
            if key == "family" then return tonumber(self.ss_family) end
            local view = inner(self)
            if not view then fail("sockaddr_storage of an unknown family has no field " .. tostring(key)) end
            return view[key]
        end,
        __newindex = function(self, key, value)
            if key == "family" then
                self.ss_family = c.AF[value]
                return
            end
            local view = inner(self)
            if not view then fail("sockaddr_storage of an unknown family has no field " .. tostring(key)) end
            view[key] = value
        end,
        __len = function(self)
            local view = inner(self)
            return view and ffi.sizeof(t[M.type_of(self.ss_family)]) or ffi.sizeof(self)
        end,
        __tostring = function(self) return tostring(inner(self) or "sockaddr_storage") end,
    })
    struct.register("sockaddr_storage", ct)
end

local function align(n) return bit.band(n + 7, bit.bnot(7)) end
local HEAD, MAX_CONTROL = 16, 2 ^ 24

--- Iterates the control messages of a message: index, header.
local function next_cmsg(msg, position)
    local size = tonumber(msg.msg_controllen)
    if position + HEAD > size then return nil end
    local header = pt.cmsghdr(ffi.cast("char *", msg.msg_control) + position)
    local len = tonumber(header.cmsg_len)
    if len < HEAD or position + len > size then return nil end
    return position + align(len), header
end

local function descriptors(list)
    local numbers = ffi.new("int[?]", #list)
    for i = 1, #list do
        numbers[i - 1] = fd.number(list[i], "data")
    end
    return numbers
end

local function define_cmsg()
    local methods = {}
    --- Iterates the descriptors of an SCM_RIGHTS message as objects that own them.
    function methods.fds(self)
        local count = (tonumber(self.cmsg_len) - HEAD) / 4
        if self.cmsg_type ~= c.SCM.RIGHTS or self.cmsg_level ~= c.SOL.SOCKET then count = 0 end
        local list, i = ffi.cast("int *", ffi.cast("char *", self) + HEAD), 0
        return function()
            if i >= count then return nil end
            i = i + 1
            return t.fd(list[i - 1])
        end
    end
    --- The pid, uid and gid of an SCM_CREDENTIALS message.
    function methods.credentials(self)
        local cred = ffi.cast(native.struct "ucred" .. " *", ffi.cast("char *", self) + HEAD)
        return cred.pid, tonumber(cred.uid), tonumber(cred.gid)
    end
    function methods.tostring(self)
        local data = ffi.cast("char *", self) + HEAD
        return ffi.string(data, tonumber(self.cmsg_len) - HEAD)
    end
    struct.define("cmsghdr", {
        get = {
            len = function(self) return tonumber(self.cmsg_len) end,
            level = function(self) return self.cmsg_level end,
            type = function(self) return self.cmsg_type end,
            data = function(self) return ffi.cast("char *", self) + HEAD end,
            datalen = function(self) return tonumber(self.cmsg_len) - HEAD end,
        },
        methods = methods,
    })
    -- cmsghdr(level, type, data, size): a buffer that starts with the header; a table is a list of descriptors.
    t.cmsghdr = function(level, kind, data, size)
        local scm = type(kind) == "string" and (c.SCM[kind] or c.IP[kind]) or kind or 0
        level = c.SOL[level] or c.IPPROTO[level] or level or 0
        if type(scm) ~= "number" or type(level) ~= "number" then
            fail("level and type expected, got " .. tostring(level) .. " and " .. tostring(kind))
        end
        if type(data) == "number" then
            size, data = data, nil
        elseif type(data) == "table" then
            data = descriptors(data)
        elseif data ~= nil and type(data) ~= "string" and (type(data) ~= "cdata" or tonumber(data)) then
            fail("control data expected, got " .. type(data))
        end
        if data ~= nil then
            local most = type(data) == "string" and #data or extent.of(data)
            size = argument.size(size or most or ffi.sizeof(data), 4)
            if most and size > most then fail(("control data of %d bytes expected, got %d"):format(size, most)) end
        end
        size = argument.size(size or 0, 4)
        if size > MAX_CONTROL then argument.wrong(4, "size of control data", size) end
        local buffer = ffi.new("uint64_t[?]", align(HEAD + size) / 8)
        local header = pt.cmsghdr(buffer)
        header.cmsg_len, header.cmsg_level, header.cmsg_type = HEAD + size, level, scm
        if data ~= nil then ffi.copy(ffi.cast("char *", buffer) + HEAD, data, size) end
        return buffer
    end
end

local function define_msghdr()
    local _ = t.cmsghdr
    local set = {}
    local keep = struct.anchor -- what a message points to lives as long as the message
    function set.name(self, value)
        local size
        if type(value) == "table" and type(value.addr) == "cdata" and value.name then
            value, size = value.addr, value.len -- a unix address as getsockname gives it
        elseif type(value) == "table" then
            value = t.sockaddr_storage(value)
        end
        size = size or value == nil and 0 or #value
        -- without a name it is room for one
        if ffi.istype(t.sockaddr_un, value) and (value.sun_path[0] ~= 0 or value.sun_path[1] ~= 0) then
            size = M.unix_length(value)
        end
        self.msg_name, self.msg_namelen = ffi.cast("void *", keep(self, "name", value)), size
    end
    function set.iov(self, value)
        local iov = t.iovecs(value)
        self.msg_iov, self.msg_iovlen = ffi.cast("void *", keep(self, "iov", iov).iov), iov.count
    end
    function set.control(self, value)
        self.msg_control, self.msg_controllen =
            ffi.cast("void *", keep(self, "control", value)), value == nil and 0 or ffi.sizeof(value)
    end
    function set.controllen(self, value)
        local control = struct.anchored(self, "control")
        local most = control ~= nil and extent.of(control)
        if most and value > most then fail(("at most %d bytes of control data expected"):format(most)) end
        self.msg_controllen = value
    end
    function set.flags(self, value) self.msg_flags = c.MSG[value] end
    struct.define("msghdr", {
        set = set,
        get = {
            flags = function(self) return self.msg_flags end,
            controllen = function(self) return tonumber(self.msg_controllen) end,
        },
        new = function(self, init)
            -- the length of the control data after its memory
            local length = type(init) == "table" and init.controllen
            if init ~= nil then struct.assign(self, init, nil, nil, "controllen") end
            if length then self.controllen = length end
        end,
        methods = {
            cmsgs = function(self)
                local position = 0
                return function()
                    local following, header = next_cmsg(self, position)
                    if not following then return nil end
                    position = following
                    return position, header
                end
            end,
        },
    })
end

local definitions = {
    sockaddr = function()
        local get, set = family_accessors "sa_family"
        struct.define("sockaddr", { get = { family = get }, set = { family = set } })
    end,
    sockaddr_in = define_in,
    sockaddr_in6 = define_in6,
    sockaddr_un = define_un,
    sockaddr_nl = define_nl,
    sockaddr_ll = define_ll,
    sockaddr_storage = define_storage,
    in_addr = function() address.define "in_addr" end,
    in6_addr = function() address.define "in6_addr" end,
    macaddr = function() address.define "macaddr" end,
    cmsghdr = define_cmsg,
    msghdr = define_msghdr,
    mmsghdr = function()
        local _ = t.msghdr
        struct.define("mmsghdr", {
            get = {
                hdr = function(self) return self.msg_hdr end,
                len = function(self) return tonumber(self.msg_len) end,
            },
        })
    end,
    mmsghdrs = function()
        local _ = t.msghdr
        struct.define_array("mmsghdrs", "mmsghdr", "msg", {
            first = 1,
            fill = function(self, item, i, init)
                if type(init) == "table" then init = t.msghdr(init.msg_hdr or init.hdr or init) end
                if not ffi.istype(t.msghdr, init) then fail("message expected, got " .. type(init)) end
                local header = struct.anchor(self, i, init)
                extent.copy(item.msg_hdr, header, ffi.sizeof(header))
            end,
        })
    end,
    ucred = function() struct.define("ucred", { short = "pid uid gid", order = { "pid", "uid", "gid" } }) end,
    sock_filter = function()
        struct.define("sock_filter", {
            new = function(self, code, k, jt, jf)
                if ffi.istype(t.sock_filter, code) then return code end
                if type(code) == "table" then
                    code, k, jt, jf = code[1], code[2], code[3], code[4]
                end
                self.code, self.k, self.jt, self.jf = c.BPF[code], k or 0, jt or 0, jf or 0
            end,
        })
    end,
    sock_filters = function()
        local _ = t.sock_filter
        struct.define_list("sock_filters", "sock_filter")
    end,
    sock_fprog = function() struct.define "sock_fprog" end,
    sock_fprog1 = function()
        local ct = ffi.typeof(native.struct "sock_fprog" .. "[1]")
        local keep = setmetatable({}, { __mode = "k" })
        struct.register("sock_fprog1", ct, function(init)
            local program = ffi.new(ct)
            if init then
                program[0].len, program[0].filter = init[1][1], ffi.cast("void *", init[1][2])
                keep[program] = init[1][2]
            end
            return program
        end)
    end,
    xt_get_revision = function()
        struct.define(
            "xt_get_revision",
            { get = {
                revision_name = function(self) return ffi.string(self.name) end,
            } }
        )
    end,
}

--- Makes the type `name` in `t`, `pt` and `s`.
---@param name string
function M.define(name) definitions[name]() end

return M
