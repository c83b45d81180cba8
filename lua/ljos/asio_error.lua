--- IO errors: `asio_error.misc.eof` and its like, a new Error at each access.
---
--- Four groups: `basic` are aliases of errno in the category "system"; `netdb` and `addrinfo` are what resolving
--- names can answer, coded as in netdb.h; `misc` is the library's own, above all `misc.eof`, the end of a stream.
--- Names and codes are Boost.Asio's, so that programs written for Emilua can compare them.
---
--- Errors:   raises bad_index for an unknown name, EPERM for an assignment
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local err = require "ljos.error"

---@class ljos.asio_error
local M = {}

local basic = {
    access_denied = "EACCES",
    address_family_not_supported = "EAFNOSUPPORT",
    address_in_use = "EADDRINUSE",
    already_connected = "EISCONN",
    already_started = "EALREADY",
    bad_descriptor = "EBADF",
    broken_pipe = "EPIPE",
    connection_aborted = "ECONNABORTED",
    connection_refused = "ECONNREFUSED",
    connection_reset = "ECONNRESET",
    fault = "EFAULT",
    host_unreachable = "EHOSTUNREACH",
    in_progress = "EINPROGRESS",
    interrupted = "EINTR",
    invalid_argument = "EINVAL",
    message_size = "EMSGSIZE",
    name_too_long = "ENAMETOOLONG",
    network_down = "ENETDOWN",
    network_reset = "ENETRESET",
    network_unreachable = "ENETUNREACH",
    no_buffer_space = "ENOBUFS",
    no_descriptors = "EMFILE",
    no_memory = "ENOMEM",
    no_permission = "EPERM",
    no_protocol_option = "ENOPROTOOPT",
    no_such_device = "ENODEV",
    not_connected = "ENOTCONN",
    not_socket = "ENOTSOCK",
    operation_aborted = "ECANCELED",
    operation_not_supported = "EOPNOTSUPP",
    shut_down = "ESHUTDOWN",
    timed_out = "ETIMEDOUT",
    try_again = "EAGAIN",
    would_block = "EWOULDBLOCK",
}
local basic_codes = {}
for alias, name in pairs(basic) do
    basic_codes[alias] = err.errno_of[name]
end
M.basic = err.group(err.system_category, basic_codes)

-- h_errno of netdb.h, the same on every architecture.
local netdb_codes = { host_not_found = 1, host_not_found_try_again = 2, no_recovery = 3, no_data = 4 }
M.netdb = err.group(
    err.category {
        name = "asio.netdb",
        aliases = netdb_codes,
        messages = {
            "Host not found",
            "Host not found for now, try again",
            "The name server failed beyond recovery",
            "The name exists but has no data of this kind",
        },
    },
    netdb_codes
)

-- EAI_SERVICE and EAI_SOCKTYPE of netdb.h, the same on every architecture.
local addrinfo_codes = { service_not_found = -8, socket_type_not_supported = -7 }
M.addrinfo = err.group(
    err.category {
        name = "asio.addrinfo",
        aliases = addrinfo_codes,
        messages = { [-8] = "Service not found", [-7] = "Socket type not supported" },
    },
    addrinfo_codes
)

local misc_codes = { already_open = 1, eof = 2, not_found = 3, fd_set_failure = 4 }
M.misc = err.group(
    err.category {
        name = "asio.misc",
        aliases = misc_codes,
        messages = { "Already open", "End of file", "Element not found", "The descriptor does not fit into an fd_set" },
    },
    misc_codes
)

return M
