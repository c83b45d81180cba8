-- For tests/programs/bad_input.lua: what the names of the reference stand for, and how to make one to call.
local ljos = require "ljos"

local M = {}

-- What takes any value, and what the program itself needs.
M.skipped = {
    ["system.out.close"] = true,
}

local function is_integer(value) return type(value) == "number" and value % 1 == 0 end

-- Calls that are right, and would end the process.
M.fits = {
    ["system.exit"] = function(code) return code == nil or is_integer(code) end,
}

local fs, ip, file = ljos.filesystem, ljos.ip, ljos.file

local function stream_file(class)
    return function()
        local f = class.new()
        f:open("file", { "read_write", "create" })
        return f
    end
end

local function tcp_acceptor() return ip.tcp.listen "127.0.0.1:0" end

local function module(name)
    return function() return require("ljos." .. name) end
end

-- Class -> functions that make an object. The first is closed, where there is such a thing.
local makers = {
    byte_span = { function() return ljos.byte_span.new(8) end, function() return ljos.byte_span.new(0) end },
    ["filesystem.path"] = { function() return fs.path.new "a/b.c" end, function() return fs.path.new() end },
    ["filesystem.clock"] = { function() return fs.clock.now() end },
    ["filesystem.directory_entry"] = {
        function()
            ljos.file.stream.new():open("entry", { "write_only", "create" })
            return fs.directory_iterator "."()
        end,
    },
    ["filesystem.recursive_directory_iterator"] = {
        function() return (select(2, fs.recursive_directory_iterator ".")) end,
    },
    ["file.stream"] = { function() return file.stream.new() end, stream_file(file.stream) },
    ["file.random_access"] = { function() return file.random_access.new() end, stream_file(file.random_access) },
    file_descriptor = {
        function() return fs.open(".", { "read_only" }) end,
        function()
            local fd = fs.open(".", { "read_only" })
            fd:close()
            return fd
        end,
    },
    ["stream.scanner"] = { function() return ljos.stream.scanner.new {} end },
    ["ip.address"] = {
        function() return ip.address.new "127.0.0.1" end,
        function() return ip.address.new "fe80::1%1" end,
    },
    ["ip.tcp.socket"] = {
        function() return ip.tcp.socket.new() end,
        function()
            local acceptor = tcp_acceptor()
            return ip.tcp.dial("127.0.0.1:" .. acceptor.local_port), acceptor
        end,
    },
    ["ip.tcp.acceptor"] = { function() return ip.tcp.acceptor.new() end, tcp_acceptor },
    ["ip.udp.socket"] = {
        function() return ip.udp.socket.new() end,
        function()
            local s = ip.udp.socket.new()
            s:open "v4"
            return s
        end,
    },
    ["pipe.read_stream"] = {
        function() return ljos.pipe.read_stream.new() end,
        function() return ljos.pipe.pair() end,
    },
    ["pipe.write_stream"] = {
        function() return ljos.pipe.write_stream.new() end,
        function()
            local reader, writer = ljos.pipe.pair()
            return writer, reader
        end,
    },
    serial_port = {
        function() return require("ljos.serial_port").new() end,
        function() return require("ljos.serial_port").ptypair() end,
    },
    ["system.signal.set"] = { function() return ljos.system.signal.set.new(ljos.system.signal.SIGUSR1) end },
    ["system.linux_capabilities"] = { function() return ljos.system.cap_get_proc() end },
    ["time.steady_timer"] = { function() return ljos.time.steady_timer.new() end },
    ["time.system_timer"] = { function() return ljos.time.system_timer.new() end },
    ["time.steady_clock"] = { function() return ljos.time.steady_clock.now() end },
    ["time.system_clock"] = { function() return ljos.time.system_clock.now() end },
    ["time.high_resolution_clock"] = { function() return ljos.time.high_resolution_clock.now() end },
    mutex = { function() return ljos.mutex.new() end },
    recursive_mutex = { function() return ljos.recursive_mutex.new() end },
    condition_variable = { function() return ljos.condition_variable.new() end },
    future = { function() return (ljos.future.new()) end, function() return (select(2, ljos.future.new())) end },
    ["tls.context"] = { function() return ljos.tls.context.new "tls" end },
    ["tls.socket"] = {
        function()
            local connection = ljos.tls.socket.new(ip.tcp.socket.new())
            connection:close()
            return connection
        end,
        function()
            local a, b = ljos.unix.stream.socket.pair()
            return ljos.tls.socket.new(a), b
        end,
    },
    ["libc_service.master"] = {
        function()
            local master = ljos.libc_service.new()
            master:close()
            return master
        end,
        function() return ljos.libc_service.new() end,
    },
    regex = { function() return ljos.regex.new { pattern = "a(b)?", grammar = "ecma" } end },
}

for _, kind in ipairs { "stream", "seqpacket" } do
    makers["unix." .. kind .. ".socket"] = {
        function() return ljos.unix[kind].socket.new() end,
        function() return ljos.unix[kind].socket.pair() end,
    }
    makers["unix." .. kind .. ".acceptor"] = { function() return ljos.unix[kind].acceptor.new() end }
end
makers["unix.datagram.socket"] = {
    function() return ljos.unix.datagram.socket.new() end,
    function() return ljos.unix.datagram.socket.pair() end,
}

local function read_nothing() error(ljos.asio_error.misc.eof, 0) end

-- Class -> a call with one option set. Rows of these classes without "()" are options.
local function nested(name, value)
    local root, rest = name:match "^(%w+)%.(.*)$"
    if not root then return { [name] = value } end
    return { [root] = nested(rest, value) }
end

local options = {
    spawn_vm = function(name, value)
        local opts = nested(name, value)
        opts.module, opts.subprocess = opts.module or "nowhere", opts.subprocess or {}
        ljos.spawn_vm(opts):close()
    end,
    ["system.exit"] = function(name, value)
        if value ~= 0 and value ~= 2 and value ~= "abort" and value ~= nil then
            ljos.system.exit(0, { [name] = value })
        end
    end,
    ["filesystem.copy"] = function(name, value) fs.copy("a", "b", { [name] = value }) end,
    ["filesystem.directory_iterator"] = function(name, value) fs.directory_iterator(".", { [name] = value }) end,
    ["system.spawn"] = function(name, value)
        local child = ljos.system.spawn { program = "true", arguments = { "true" }, [name] = value }
        child:wait()
    end,
}

-- The same for classes whose other rows are methods and properties.
local constructor_options = {
    regex = function(name, value) ljos.regex.new { pattern = "a", grammar = "ecma", [name] = value } end,
    ["stream.scanner"] = function(name, value)
        local scanner = ljos.stream.scanner.new { stream = { read_some = read_nothing }, [name] = value }
        scanner:get_line()
    end,
}

local modules = {
    byte_span = module "byte_span",
    regex = module "regex",
    mutex = module "mutex",
    recursive_mutex = module "recursive_mutex",
    condition_variable = module "condition_variable",
    future = module "future",
    file_descriptor = module "file_descriptor",
    serial_port = module "serial_port",
    spawn = function() return ljos.fiber.spawn end,
    this_fiber = function() return ljos.fiber.this_fiber end,
}

-- What there is one of, for the whole process.
local kept = {}
for name, get in pairs {
    ["system.in_"] = function() return ljos.system.in_ end,
    ["system.out"] = function() return ljos.system.out end,
    ["system.err"] = function() return ljos.system.err end,
    inbox = function() return ljos.inbox end,
    this_fiber = function() return ljos.fiber.this_fiber end,
} do
    kept[name], makers[name] = true, { get }
end
makers.spawn = {
    function()
        return ljos.fiber.spawn(function() end)
    end,
}

--- What a class of the reference is here: a module or function, and how to make objects; nil when there is no such
--- thing.
---@return { value: any, makers: function[]?, option: function?, constructor_option: function?, kept: boolean }?
function M.of(class)
    local value
    if modules[class] then
        local ok, found = pcall(modules[class])
        value = ok and found or nil
    else
        value = ljos
        for part in class:gmatch "[^.]+" do
            local ok, found = pcall(function() return value[part] end)
            if not ok or found == nil then
                value = nil
                break
            end
            value = found
        end
    end
    if value == nil and not makers[class] then return nil end
    if kept[class] then value = nil end
    return {
        value = value,
        makers = makers[class],
        option = options[class],
        constructor_option = constructor_options[class],
        kept = kept[class] or false,
    }
end

local NOBODY = 2 ^ 30 -- more than any process's number

local goods = {
    ["system.kill"] = { NOBODY, 0 },
    ["system.signal.raise"] = { 0 },
    format = { "{}", 1 },
    ["filesystem.copy"] = { "a", "b" },
    ["filesystem.copy_file"] = { "a", "b" },
    ["filesystem.last_write_time"] = { "file" },
    ["filesystem.chmod"] = { "file", 420 },
    ["filesystem.chown"] = { "file", -1, -1 },
    ["filesystem.mknod"] = { "node", 420, 0 },
    ["filesystem.open"] = { "file", { "read_only" } },
    ["filesystem.mkdir"] = { "made", 493 },
    ["filesystem.rename"] = { "a", "b" },
    ["filesystem.resize_file"] = { "file", 1 },
    ["filesystem.relative"] = { "a", "b" },
    ["filesystem.proximate"] = { "a", "b" },
    ["filesystem.equivalent"] = { ".", "." },
    ["filesystem.mode"] = { 7, 7, 7 },
    ["filesystem.create_hardlink"] = { "file", "link" },
    ["filesystem.create_symlink"] = { "file", "symlink" },
    ["filesystem.makedev"] = { 1, 2 },
    ["file.read_all_at"] = { file.random_access.new(), 0, ljos.byte_span.new(1) },
    ["file.read_at_least_at"] = { file.random_access.new(), 0, ljos.byte_span.new(1), 1 },
    ["file.write_all_at"] = { file.random_access.new(), 0, ljos.byte_span.new(1) },
    ["file.write_at_least_at"] = { file.random_access.new(), 0, ljos.byte_span.new(1), 1 },
    ["stream.write_all"] = { file.stream.new(), ljos.byte_span.new(1) },
    ["stream.write_at_least"] = { file.stream.new(), ljos.byte_span.new(1), 1 },
    ["stream.read_all"] = { file.stream.new(), ljos.byte_span.new(1) },
    ["stream.read_at_least"] = { file.stream.new(), ljos.byte_span.new(1), 1 },
    ["tls.dial"] = { "127.0.0.1:9", ljos.tls.context.new "tls" },
    ["tls.socket.new"] = { ip.tcp.socket.new() },
    set_verify_callback = { "host_name_verification", "localhost" },
    use_certificate = { "garbage", "pem" },
    use_private_key = { "garbage", "pem" },
    use_rsa_private_key = { "garbage", "pem" },
    open = { "file", { "read_only" } },
    seek = { 0, "set" },
    read_some_at = { 0, ljos.byte_span.new(1) },
    write_some_at = { 0, ljos.byte_span.new(1) },
    openat = { ".", { "read_only" }, 0 },
    match = { "ab" },
    search = { "ab" },
    split = { "ab" },
    patsplit = { "ab" },
    sub = { 1, 2 },
    receive_from = { ljos.byte_span.new(1) },
    send_to = { ljos.byte_span.new(1), ip.address.new "127.0.0.1", 9 },
    connect = { ip.address.new "127.0.0.1", 9 },
    bind = { ip.address.new "127.0.0.1", 0 },
    send = { ljos.byte_span.new(1) },
    receive = { ljos.byte_span.new(1) },
    set_option = { "debug", false },
    get_option = { "debug" },
    send_with_fds = { ljos.byte_span.new(1), {} },
    receive_with_fds = { ljos.byte_span.new(1), 1 },
}

--- Arguments that are right, so that one at a time can be wrong.
function M.good(class, name)
    if name == "" then return goods[class] or {} end
    if class == "byte_span" and name:find "^[gs]et_" then return { 1 } end
    return goods[class .. "." .. name] or goods[name] or {}
end

--- Closes what a maker made.
function M.close(...)
    for i = 1, select("#", ...) do
        local object = (select(i, ...))
        pcall(function() object:close() end)
        pcall(function() object:pop() end) -- of an iterator: its end
    end
end

return M
