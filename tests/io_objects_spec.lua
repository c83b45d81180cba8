-- What all objects that own a descriptor promise, class by class: the names of the manual, conversion to and from
-- file_descriptor, closing, bad input. What each does with its descriptor is in the class's own spec.
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local collect = require "collect"
local error_ = require "ljos.error"
local file = require "ljos.file"
local file_descriptor = require "ljos.file_descriptor"
local fs = require "ljos.filesystem"
local ip = require "ljos.ip"
local lfs = require "lfs"
local pipe = require "ljos.pipe"
local raised = require "raised"
local S = require "ljos.syscall"
local raises = require "raises"
local serial_port = require "ljos.serial_port"
local temporary_directory = require "temporary_directory"
local unix = require "ljos.unix"

local function words(text)
    local list = {}
    for word in text:gmatch "%S+" do
        list[#list + 1] = word
    end
    return list
end

local function opened(class, ...)
    local object = class.new()
    object:open(...)
    return object
end

local function temporary_file(class)
    return function() return opened(class, temporary_directory.make() .. "/file", { "create", "read_write" }) end
end

-- An argument of a method: one that fits, as a function of nothing, and what does not.
local function argument(fits, ...) return { fits = fits, wrong = { ... } } end
local SPAN = argument(function() return byte_span.new(1) end, 1, "x", {}, true)
local PATH = argument(function() return "@ljos-spec-nobody" end, 1, {}, true)
local FLAGS = argument(function() return {} end, 1, "peek", true, { "nonsense" }, { 1 })
local COUNT = argument(function() return 1 end, -1, 0.5, "1", {}, true)
local FDS = argument(function() return {} end, 1, "x", true, { 1 }, { {} })
local OPTION = argument(function() return "debug" end, 1, "nonsense", {}, true)
local BOOLEAN = argument(function() return false end, 1, "x", {})
local WHAT = argument(function() return "both" end, 1, "nonsense", {}, true)
local COMMAND = argument(function() return "bytes_readable" end, 1, "nonsense", {}, true)
local WAIT = argument(function() return "read" end, 1, "nonsense", {}, true)
local BACKLOG = argument(function() return 1 end, -1, 2 ^ 40, 0.5, "x", {})
local GROUP = argument(function() return 1 end, -1, 2 ^ 40, 0.5, "x", {})

local SOCKET_METHODS =
    "open bind connect disconnect close shutdown cancel assign release set_option get_option io_control"
local SOCKET_ARGUMENTS = {
    bind = { PATH },
    connect = { PATH },
    shutdown = { WHAT },
    set_option = { OPTION, BOOLEAN },
    get_option = { OPTION },
    io_control = { COMMAND },
    read_some = { SPAN },
    write_some = { SPAN },
    receive = { SPAN, FLAGS },
    receive_from = { SPAN, FLAGS },
    send = { SPAN, FLAGS },
    send_to = { SPAN, PATH, FLAGS },
    receive_with_fds = { SPAN, COUNT },
    receive_from_with_fds = { SPAN, COUNT },
    send_with_fds = { SPAN, FDS },
    send_to_with_fds = { SPAN, PATH, FDS },
}
local ACCEPTOR_METHODS = "open set_option get_option bind listen accept wait close cancel assign release"
local ACCEPTOR_ARGUMENTS = {
    set_option = { OPTION, BOOLEAN },
    get_option = { OPTION },
    bind = { PATH },
    listen = { BACKLOG },
    wait = { WAIT },
}

-- name, class, how to make an open one, methods and properties of the manual, what their arguments are. Classes of
-- other specs have neither of the last three here. `before`: what `assign` takes before the file_descriptor.
local CLASSES = {
    {
        name = "pipe.read_stream",
        class = pipe.read_stream,
        make = function() return (pipe.pair()) end,
        methods = "close cancel assign release read_some",
        properties = "is_open",
        arguments = { read_some = { SPAN } },
    },
    {
        name = "pipe.write_stream",
        class = pipe.write_stream,
        make = function() return (select(2, pipe.pair())) end,
        methods = "close cancel assign release write_some",
        properties = "is_open",
        arguments = { write_some = { SPAN } },
    },
    {
        name = "serial_port",
        class = serial_port,
        make = function() return (serial_port.ptypair()) end,
        functions = "ptypair",
        methods = [[open close cancel assign release send_break read_some write_some isatty tcgetpgrp tcsetpgrp]],
        properties = "is_open baud_rate flow_control parity stop_bits character_size",
        arguments = { open = { PATH }, read_some = { SPAN }, write_some = { SPAN }, tcsetpgrp = { GROUP } },
    },
    {
        name = "unix.datagram.socket",
        class = unix.datagram.socket,
        make = function() return (unix.datagram.socket.pair()) end,
        functions = "pair",
        methods = SOCKET_METHODS
            .. [[ receive receive_from send send_to receive_with_fds receive_from_with_fds send_with_fds
                send_to_with_fds]],
        properties = "is_open local_path remote_path",
        arguments = SOCKET_ARGUMENTS,
    },
    {
        name = "unix.stream.socket",
        class = unix.stream.socket,
        make = function() return (unix.stream.socket.pair()) end,
        functions = "pair",
        methods = SOCKET_METHODS .. " read_some write_some receive_with_fds send_with_fds",
        properties = "is_open local_path remote_path",
        arguments = SOCKET_ARGUMENTS,
    },
    {
        name = "unix.seqpacket.socket",
        class = unix.seqpacket.socket,
        make = function() return (unix.seqpacket.socket.pair()) end,
        functions = "pair",
        methods = SOCKET_METHODS .. " receive send receive_with_fds send_with_fds",
        properties = "is_open local_path remote_path",
        arguments = SOCKET_ARGUMENTS,
    },
    {
        name = "unix.stream.acceptor",
        class = unix.stream.acceptor,
        make = function() return opened(unix.stream.acceptor) end,
        methods = ACCEPTOR_METHODS,
        properties = "is_open local_path",
        arguments = ACCEPTOR_ARGUMENTS,
    },
    {
        name = "unix.seqpacket.acceptor",
        class = unix.seqpacket.acceptor,
        make = function() return opened(unix.seqpacket.acceptor) end,
        methods = ACCEPTOR_METHODS,
        properties = "is_open local_path",
        arguments = ACCEPTOR_ARGUMENTS,
    },
    { name = "file.stream", class = file.stream, make = temporary_file(file.stream) },
    { name = "file.random_access", class = file.random_access, make = temporary_file(file.random_access) },
    {
        name = "ip.tcp.socket",
        class = ip.tcp.socket,
        make = function() return opened(ip.tcp.socket, "v4") end,
        before = { "v4" },
    },
    {
        name = "ip.tcp.acceptor",
        class = ip.tcp.acceptor,
        make = function() return opened(ip.tcp.acceptor, "v4") end,
        before = { "v4" },
    },
    {
        name = "ip.udp.socket",
        class = ip.udp.socket,
        make = function() return opened(ip.udp.socket, "v4") end,
        before = { "v4" },
    },
}

local function open_descriptors()
    collect()
    local count = 0
    for _ in lfs.dir "/proc/self/fd" do
        count = count + 1
    end
    return count
end

for _, row in ipairs(CLASSES) do
    describe(row.name, function()
        local object
        before_each(function() object = row.make() end)
        after_each(function()
            object:close()
            temporary_directory.remove_all()
        end)

        local function assign(to, fd)
            local arguments = { unpack(row.before or {}) }
            arguments[#arguments + 1] = fd
            return to:assign(unpack(arguments))
        end
        local fd_position = 2 + #(row.before or {}) -- the object is the first

        it("is taken by system calls, while it is open", function()
            assert.is_truthy(S.fstat(object))
            assert.equal(object.fd, object:getfd())
            object:close()
            raised("EBADF", object.getfd, object)
        end)

        it("has the names of the manual, and no others", function()
            assert.equal(row.name, getmetatable(object))
            for _, name in ipairs(words("new " .. (row.functions or ""))) do
                assert.is_function(row.class[name])
            end
            for _, name in ipairs(words(row.methods or "close cancel assign release")) do
                assert.is_function(object[name], name)
            end
            for _, name in ipairs(words(row.properties or "is_open")) do
                local ok, err = pcall(function() return object[name] end)
                assert.is_true(ok or not error_.is_core(err, "bad_index"), name)
            end
            raises.core("bad_index", function() return object.nothing end)
            raises.generic("EPERM", function() object.anything = 1 end)
        end)

        it("becomes a file_descriptor of the same open file, and one becomes it", function()
            local fd = object:release()
            assert.is_false(object.is_open)
            assert.equal("file_descriptor", getmetatable(fd))
            local before = fd:dup()
            object = row.class.new(fd)
            assert.is_true(object.is_open)
            raised("EBADF", fd.dup, fd) -- the object's now
            local after = object:release()
            local comparable, order = pcall(before.kcmp, before, after)
            if comparable then assert.equal(0, order) end
            assert.equal(before.type, after.type)
            assert.equal(before.non_blocking, after.non_blocking)
            assign(object, after)
            assert.is_true(object.is_open)
            before:close()
        end)

        it("assigns nothing that is no open file_descriptor, and nothing while it is open", function()
            local fd = row.make():release()
            assert.equal(asio_error.misc.already_open, raises.raised(assign, object, fd))
            assert.is_string(fd.type) -- it stays the caller's
            object:close()
            for _, bad in ipairs { 1, "x", {}, true } do
                assert.equal(fd_position, raised("EINVAL", assign, object, bad).arg)
                assert.equal(1, raised("EINVAL", row.class.new, bad).arg)
            end
            assert.equal(fd_position, raised("EINVAL", assign, object).arg)
            local closed = fd:dup()
            closed:close()
            assert.equal(fd_position, raised("EBADF", assign, object, closed).arg)
            assert.is_false(object.is_open)
            assign(object, fd)
        end)

        it("is closed once, and EBADF from then on", function()
            object:close()
            object:close()
            assert.is_false(object.is_open)
            local other = row.make() -- has its number now, most likely
            object:close()
            assert.is_true(other.is_open)
            other:cancel()
            other:close()
            raised("EBADF", object.cancel, object)
            raised("EBADF", object.release, object)
            for name, arguments in pairs(row.arguments or {}) do
                local fitting = {}
                for i, each in ipairs(arguments) do
                    fitting[i] = each.fits()
                end
                if name ~= "open" and row.methods:find("%f[%w_]" .. name .. "%f[^%w_]") then
                    raised("EBADF", object[name], object, unpack(fitting))
                end
            end
        end)

        it("is closed when it is collected", function()
            object:close()
            local before = open_descriptors()
            local list = {}
            for i = 1, 10 do
                list[i] = row.make()
            end
            assert.is_true(open_descriptors() >= before + #list)
            list = nil
            assert.is_nil(list)
            assert.equal(before, open_descriptors())
        end)

        it("names the argument that is wrong, and leaves everything as it was", function()
            local before = open_descriptors()
            for name, arguments in pairs(row.arguments or {}) do
                if row.methods:find("%f[%w_]" .. name .. "%f[^%w_]") then
                    for position, each in ipairs(arguments) do
                        for _, wrong in ipairs(each.wrong) do
                            local given = {}
                            for i, other in ipairs(arguments) do
                                given[i] = i == position and wrong or other.fits()
                            end
                            local err = raised("EINVAL", object[name], object, unpack(given, 1, #arguments))
                            assert.equal(1 + position, err.arg, name)
                        end
                    end
                end
            end
            assert.is_true(object.is_open)
            assert.equal(before, open_descriptors())
        end)
    end)
end

describe("unix.listen and unix.dial", function()
    it("refuse what is no address", function()
        for _, kind in ipairs { "stream", "seqpacket", "datagram" } do
            for _, bad in ipairs { 1, {}, true } do
                assert.equal(1, raised("EINVAL", unix[kind].dial, bad).arg)
                if kind ~= "datagram" then assert.equal(1, raised("EINVAL", unix[kind].listen, bad).arg) end
            end
            assert.equal(1, raised("EINVAL", unix[kind].dial, "a\0b").arg)
            assert.equal(1, raised("ENAMETOOLONG", unix[kind].dial, ("x"):rep(2 ^ 20)).arg)
        end
    end)
end)

describe("file_descriptor", function()
    it("has the names of the manual", function()
        local fd = fs.open("/", { "directory" })
        local methods = words [[close dup is_socket kcmp openat cap_get cap_set cap_rights_limit cap_rights_contains
            cap_rights_remove cap_ioctls_limit cap_ioctls_get cap_fcntls_limit cap_fcntls_get]]
        for _, name in ipairs(methods) do
            assert.is_function(fd[name])
        end
        assert.is_boolean(fd.non_blocking)
        assert.equal("directory", fd.type)
        assert.matches("^/dev/fd/%d+$", tostring(fd))
        fd:close()
    end)

    it("comes from the standard streams too", function()
        local system = require "ljos.system"
        for _, name in ipairs { "in_", "out", "err" } do
            local fd = system[name]:dup()
            assert.is_true(file_descriptor.is(fd))
            fd:close()
        end
    end)
end)
