-- Every name of seed 003 under `ip`: it is there, it works or says why not, and a closed object is told apart.
local address = require "ljos.ip.address"
local asio_error = require "ljos.asio_error"
local byte_span = require "ljos.byte_span"
local error_ = require "ljos.error"
local file = require "ljos.file"
local ip = require "ljos.ip"
local raises = require "raises"

local raised = raises.raised

-- Of each class the methods with arguments that are right, as far as the object's being closed matters.
local span, loopback = byte_span.new(1), address.loopback_v4()
local methods = {
    ["ip.tcp.acceptor"] = {
        open = { "v4" },
        set_option = { "reuse_address", true },
        get_option = { "reuse_address" },
        bind = { loopback, 0 },
        listen = {},
        accept = {},
        wait = { "read" },
        close = {},
        cancel = {},
        assign = {},
        release = {},
    },
    ["ip.tcp.socket"] = {
        open = { "v4" },
        bind = { loopback, 0 },
        close = {},
        cancel = {},
        assign = {},
        release = {},
        io_control = { "bytes_readable" },
        shutdown = { "both" },
        connect = { loopback, 1 },
        disconnect = {},
        read_some = { span },
        write_some = { span },
        receive = { span, { "peek" } },
        send = { span, {} },
        send_file = { file.random_access.new(), 0, 0 },
        wait = { "write" },
        set_option = { "tcp_no_delay", true },
        get_option = { "tcp_no_delay" },
    },
    ["ip.udp.socket"] = {
        open = { "v4" },
        bind = { loopback, 0 },
        shutdown = { "both" },
        connect = { loopback, 1 },
        disconnect = {},
        close = {},
        cancel = {},
        assign = {},
        release = {},
        receive = { span },
        receive_from = { span },
        send = { span },
        send_to = { span, loopback, 1 },
        set_option = { "broadcast", true },
        get_option = { "broadcast" },
        io_control = { "bytes_readable" },
    },
}
local endpoint_properties = { "local_address", "local_port", "remote_address", "remote_port" }
local properties = {
    ["ip.tcp.acceptor"] = { "local_address", "local_port" },
    ["ip.tcp.socket"] = { "at_mark", unpack(endpoint_properties) },
    ["ip.udp.socket"] = endpoint_properties,
}
local constructors = {
    ["ip.tcp.acceptor"] = ip.tcp.acceptor.new,
    ["ip.tcp.socket"] = ip.tcp.socket.new,
    ["ip.udp.socket"] = ip.udp.socket.new,
}
local works_closed = { open = true, close = true, assign = true }

for class, new in pairs(constructors) do
    describe(class, function()
        it("has every method, which raises EBADF on a closed object", function()
            for name, arguments in pairs(methods[class]) do
                local object = new()
                assert.is_function(object[name], name)
                object:open "v4"
                object:close()
                if not works_closed[name] then
                    assert.is_true(raised(object[name], object, unpack(arguments)).EBADF, name)
                end
                object:close()
                assert.is_false(object.is_open)
            end
        end)

        it("has every property, which raises EBADF on a closed object", function()
            for _, name in ipairs(properties[class]) do
                local object = new()
                assert.is_true(raised(function() return object[name] end).EBADF, name)
            end
        end)

        it("refuses a wrong argument after the object and names it", function()
            for name, arguments in pairs(methods[class]) do
                for _, wrong in ipairs { 5, true, "nonsense", {}, function() end } do
                    if #arguments > 0 then
                        local object = new()
                        local err = raised(object[name], object, wrong, unpack(arguments, 2))
                        assert.equal(error_.generic "EINVAL", err, name)
                        assert.equal(2, err.arg, name)
                        assert.is_false(object.is_open)
                    end
                end
            end
        end)

        it("has no other fields, and takes none", function()
            local object = new()
            raises.core("bad_index", function() return object.nonsense end)
            raises.generic("EPERM", function() object.nonsense = 1 end)
        end)

        it("hands its descriptor on and takes it back", function()
            local object = new()
            object:open "v6"
            assert.equal(asio_error.misc.already_open, raised(object.open, object, "v6"))
            local fd = object:release()
            assert.is_false(object.is_open)
            assert.is_true(fd:is_socket "inet6")
            object:assign("v6", fd)
            assert.is_true(object.is_open)
            assert.is_true(raised(fd.dup, fd).EBADF)
            local other = new()
            other:open(address.any_v4())
            local other_fd = other:release()
            assert.equal(asio_error.misc.already_open, raised(object.assign, object, "v4", other_fd))
            assert.is_true(other_fd:is_socket "inet") -- refused, so still the caller's
            other_fd:close()
            object:close()
        end)
    end)
end

describe("ip", function()
    it("has every function", function()
        for _, name in ipairs { "connect", "host_name", "tostring", "toendpoint" } do
            assert.is_function(ip[name], name)
        end
        assert.is_function(ip.tcp.listen)
        for _, protocol in ipairs { ip.tcp, ip.udp } do
            for name in ("dial get_address_info get_address_v4_info get_address_v6_info get_name_info"):gmatch "%S+" do
                assert.is_function(protocol[name], name)
            end
        end
        raises.core("bad_index", function() return ip.nonsense end)
    end)

    it("has every property and function of addresses, for one version or for both", function()
        local v4, v6 = address.new "192.0.2.1", address.new "2001:db8::1"
        local of_both = "is_loopback is_multicast is_unspecified is_v4 is_v6"
        local of_v6 = [[is_link_local is_multicast_global is_multicast_link_local is_multicast_node_local
            is_multicast_org_local is_multicast_site_local is_site_local is_v4_mapped scope_id]]
        for name in of_both:gmatch "%S+" do
            assert.is_boolean(v4[name], name)
            assert.is_boolean(v6[name], name)
        end
        for name in of_v6:gmatch "%S+" do
            assert.is_not_nil(v6[name], name)
            raises.generic("EINVAL", function() return v4[name] end)
        end
        for name in ("new any_v4 any_v6 loopback_v4 loopback_v6 broadcast_v4"):gmatch "%S+" do
            assert.is_true(address.is(address[name]()), name)
        end
        assert.equal(v4, v4:to_v6():to_v4())
        assert.is_true(v4 < v6 and v4 <= v6)
        assert.is_false(v6 < v4)
    end)

    it("can be loaded a second time, and addresses of both are the same", function()
        -- In a plain interpreter: busted remembers C types and would hide it.
        local program = [[
            local first = require "ljos.ip".address.new "192.0.2.1"
            for name in pairs(package.loaded) do
                if name:find "^ljos" then package.loaded[name] = nil end
            end
            local ip = require "ljos.ip"
            print(ip.address.new "192.0.2.1" == first, ip.address.is(first), ip.tcp.socket.new().is_open, ip.udp ~= nil)
        ]]
        local path = "LUA_PATH='lua/?.lua;lua/?/init.lua;;' luajit -e '"
        local pipe = assert(io.popen(path .. program .. "' 2>&1"))
        local output = pipe:read "*a"
        pipe:close()
        assert.equal("true\ttrue\tfalse\ttrue\n", output)
    end)
end)
