local asio_error = require "ljos.asio_error"
local err = require "ljos.error"
local generic_error = require "ljos.generic_error"

-- Seed 003, page asio_error.
local listed = {
    basic = [[access_denied address_family_not_supported address_in_use already_connected already_started
        broken_pipe connection_aborted connection_refused connection_reset bad_descriptor fault host_unreachable
        in_progress interrupted invalid_argument message_size name_too_long network_down network_reset
        network_unreachable no_descriptors no_buffer_space no_memory no_permission no_protocol_option
        no_such_device not_connected not_socket operation_aborted operation_not_supported shut_down timed_out
        try_again would_block]],
    netdb = "host_not_found host_not_found_try_again no_data no_recovery",
    addrinfo = "service_not_found socket_type_not_supported",
    misc = "already_open eof not_found fd_set_failure",
}
local category = { basic = "system", netdb = "asio.netdb", addrinfo = "asio.addrinfo", misc = "asio.misc" }

describe("asio_error", function()
    it("has every name of the manual, each with a message", function()
        for group, names in pairs(listed) do
            for name in names:gmatch "%S+" do
                local e = asio_error[group][name]
                assert.equal("error_code", getmetatable(e), name)
                assert.equal(category[group], tostring(e.category), name)
                assert.is_nil(tostring(e):match "^Unknown error", name)
            end
        end
    end)

    it("gives basic errors that equal the kernel's", function()
        assert.is_true(asio_error.basic.broken_pipe == err.system "EPIPE")
        assert.is_true(asio_error.basic.operation_aborted == err.system "ECANCELED")
        assert.is_true(asio_error.basic.no_descriptors:togeneric() == generic_error.EMFILE)
    end)

    it("tells the end of a stream from other errors of the same number", function()
        assert.is_true(asio_error.misc.eof == asio_error.misc.eof)
        assert.is_false(asio_error.misc.eof == asio_error.misc.not_found)
        assert.is_false(asio_error.misc.eof == asio_error.netdb.host_not_found_try_again)
        assert.is_false(asio_error.misc.eof == err.system(asio_error.misc.eof.code))
    end)

    it("gives a new error at each access", function()
        local eof = asio_error.misc.eof
        eof.path = "/x"
        assert.is_nil(asio_error.misc.eof.path)
    end)

    it("raises bad_index for a name it does not know", function()
        local ok, e = pcall(function() return asio_error.misc.end_of_time end)
        assert.is_false(ok)
        assert.is_true(err.is_core(e, "bad_index"))
    end)
end)
