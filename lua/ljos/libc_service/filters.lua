--- Filters: the Lua chunks that run in an actor when one of its functions is called (seed 003, "libc_service.slave").
---
--- They have a Lua state of their own in the actor's process, with the environment of init scripts, where `errexit` is
--- false. A chunk is the body of a function: its first argument is the function that asks the master. What a filter
--- calls besides (`C.open`) goes to the kernel. Its globals last from call to call; the runner lets one thread in.
---
--- Errors:   what a filter raises, and an answer that means nothing: the runner says so on stderr, and the call fails
--- Suspends: never; nothing here knows the loop
--- Needs:    the runner
local ffi = require "ffi"
local error_ = require "ljos.error"
local make_environment = require "ljos.actor.init_script.environment"
local native = require "ljos.native"
local reply_ = require "ljos.libc_service.reply"
local wire = require "ljos.libc_service.wire"

local band, bor = bit.band, bit.bor
local constants, protocols = native.constant_table "path", native.constant_table "socket"
local AT_FDCWD = constants.AT_FDCWD

local FORWARD = ffi.typeof "void (*)(const struct ljos_libc_request *, struct ljos_libc_reply *)"
local RESOLVE = {
    beneath = constants.RESOLVE_BENEATH,
    in_root = constants.RESOLVE_IN_ROOT,
    no_magiclinks = constants.RESOLVE_NO_MAGICLINKS,
    no_symlinks = constants.RESOLVE_NO_SYMLINKS,
    no_xdev = constants.RESOLVE_NO_XDEV,
    cached = constants.RESOLVE_CACHED,
}
local PROTOCOLS = { tcp = protocols.IPPROTO_TCP, udp = protocols.IPPROTO_UDP }

-- Arguments -----------------------------------------------------------------------------------------------------
-- For each function, how a request becomes the arguments of its filter, and how arguments become a request.

local read, write = {}, {}

local function first_text(request) return (wire.texts(request)) end

local function put_path(request, path, arg)
    error_.check_type(path, "string", arg or "path")
    if not wire.put_texts(request, path) then error_.argument(arg or "path", "too long") end
end

local function makes(flags)
    return band(flags, constants.O_CREAT) ~= 0 or band(flags, constants.O_TMPFILE) == constants.O_TMPFILE
end

function read.open(request)
    local path, flags = first_text(request), request.flags
    if makes(flags) then return path, flags, request.mode end
    return path, flags
end
function write.open(request, path, flags, mode)
    put_path(request, path)
    request.flags, request.mode = flags, mode or 0
end

local function resolve_names(bits)
    local names = {}
    for name, value in pairs(RESOLVE) do
        if band(bits, value) ~= 0 then names[#names + 1] = name end
    end
    table.sort(names)
    return names
end

function read.openat(request)
    local dirfd = request.fd < 0 and AT_FDCWD or request.fd
    return dirfd, first_text(request), request.flags, request.mode, resolve_names(request.resolve)
end
function write.openat(request, dirfd, path, flags, mode, resolve)
    write.open(request, path, flags, mode)
    request.fd = dirfd == AT_FDCWD and -1 or dirfd
    for _, name in ipairs(resolve or {}) do
        if not RESOLVE[name] then error_.argument("resolve", "unknown name " .. tostring(name)) end
        request.resolve = bor(request.resolve, RESOLVE[name])
    end
end

for _, name in ipairs { "unlink", "stat", "lstat", "rmdir" } do
    read[name], write[name] = first_text, put_path
end

read.rename = wire.texts
function write.rename(request, path1, path2)
    error_.check_type(path1, "string", "path1")
    error_.check_type(path2, "string", "path2")
    if not wire.put_texts(request, path1, path2) then error_.argument("path1", "too long") end
end

for _, name in ipairs { "access", "eaccess" } do
    read[name] = function(request) return first_text(request), request.amode end
    write[name] = function(request, path, amode)
        put_path(request, path)
        request.amode = amode
    end
end

function read.mkdir(request) return first_text(request), request.mode end
function write.mkdir(request, path, mode)
    put_path(request, path)
    request.mode = mode
end

local function put_address(request, bytes, count, arg)
    error_.check_type(bytes, "table", arg)
    for i = 1, count do
        request.address[i - 1] = reply_.integer(bytes[i], 0, 255, arg)
    end
end

for _, name in ipairs { "connect_", "bind_" } do
    read[name .. "unix"] = function(request) return request.fd, first_text(request) end
    write[name .. "unix"] = function(request, fd, path)
        put_path(request, path)
        request.fd = fd
    end
    read[name .. "inet"] = function(request) return request.fd, reply_.bytes(request.address, 4), request.port end
    write[name .. "inet"] = function(request, fd, address, port)
        put_address(request, address, 4, "ipv4_addr")
        request.fd, request.port = fd, reply_.integer(port, 0, 65535, "port")
    end
    read[name .. "inet6"] = function(request)
        return request.fd, reply_.bytes(request.address, 6), request.port, request.scope
    end
    write[name .. "inet6"] = function(request, fd, address, port, scope_id)
        put_address(request, address, 16, "ipv6_addr")
        request.fd, request.port, request.scope = fd, reply_.integer(port, 0, 65535, "port"), scope_id or 0
    end
end

function read.getaddrinfo(request)
    local node, service = wire.texts(request)
    for name, number in pairs(PROTOCOLS) do
        if request.protocol == number then return node, service, name end
    end
    return node, service, nil
end
function write.getaddrinfo(request, node, service, protocol)
    if not wire.put_texts(request, node or "", service or "") then error_.argument("node", "too long") end
    request.protocol = PROTOCOLS[protocol] or 0
end

-- Answers -------------------------------------------------------------------------------------------------------

local function is_status(name) return name == "stat" or name == "lstat" end

-- What the master's answer is to the filter that asked.
local function results(name, reply)
    if name == "getaddrinfo" then
        if reply.result ~= 0 then return reply_.name_error(reply.result), reply.error end
        if reply.version == 0 then return nil end
        local address = reply_.bytes(reply.address, reply.version)
        if reply.version == 6 then address[17] = reply.scope end
        return nil, address, reply.port
    end
    if is_status(name) and reply.result == 0 then return reply_.status(reply), 0 end
    return reply.result, reply.error
end

-- A time is seconds since the epoch.
local function to_unix(time, arg)
    error_.check_type(time, "number", arg)
    local seconds = math.floor(time)
    return seconds, math.floor((time - seconds) * 1e9)
end

local function put_found(out, address, port)
    error_.check_type(address, "table", "ip_addr")
    local count = #address
    if count ~= 4 and count ~= 16 and count ~= 17 then
        error_.argument("ip_addr", ("4, 16 or 17 integers expected, got %d"):format(count))
    end
    for i = 1, math.min(count, 16) do
        reply_.integer(address[i], 0, 255, "ip_addr")
    end
    local scope = reply_.integer(address[17] or 0, 0, 2 ^ 32 - 1, "ip_addr")
    local version = count == 4 and 4 or 6
    reply_.put_address(out, version, address, scope, reply_.integer(port or 0, 0, 65535, "port"))
end

-- What the filter returned is the answer to the call.
local function put_results(name, out, result, second, third)
    if name == "getaddrinfo" then
        if result ~= nil then
            reply_.put_name_error(out, result, reply_.errno(second, "errno"), 1)
        elseif second ~= nil then
            put_found(out, second, third)
        else
            out.result = 0
        end
    elseif is_status(name) and type(result) == "table" then
        reply_.put_status(out, result, "result", to_unix)
    else
        out.result = reply_.integer(result, -0x80000000, 0x7fffffff, "result")
        out.error = reply_.errno(second, "errno")
    end
end

--- Makes the filters of an actor; `forward` is the address of the function that asks the master.
---@param forward userdata  void (*)(const struct ljos_libc_request *, struct ljos_libc_reply *)
---@return fun(name: string, chunk: string): integer load  the result is the function's bit
---@return fun(request: userdata, reply: userdata) call
return function(forward)
    local ask = ffi.cast(FORWARD, forward) --[[@as function]]
    local filters, real = {}, {}

    local function real_function(name)
        return function(...)
            local request, reply = wire.new_request(name), wire.reply_type()
            write[name](request, ...)
            ask(request, reply)
            return results(name, reply)
        end
    end

    local function load(name, chunk)
        local filter = assert(loadstring(chunk, "=" .. name))
        local environment = make_environment()
        environment.errexit = false
        setfenv(filter, environment)
        filters[name], real[name] = filter, real_function(name)
        return bit.lshift(1, wire.functions[name].number)
    end

    local function call(request_pointer, reply_pointer)
        local request = ffi.cast("const struct ljos_libc_request *", request_pointer)
        local reply = ffi.cast("struct ljos_libc_reply *", reply_pointer)
        local name = wire.functions[request.number].name
        local answer = wire.reply_type()
        put_results(name, answer, filters[name](real[name], read[name](request)))
        reply[0] = answer
    end

    return load, call
end
