--- Connecting to one of several endpoints, in their order.
---
--- Errors:   raises ljos.Error: the last attempt's, or asio_error.misc.not_found when nothing was tried
--- Suspends: yes
--- Needs:    nothing beyond Linux 5.15
local address = require "ljos.ip.address"
local asio_error = require "ljos.asio_error"
local endpoint = require "ljos.ip.endpoint"
local error_ = require "ljos.error"

local error, getmetatable, pcall, type = error, getmetatable, pcall, type

---@class ljos.ip.connect
local M = {}

---@alias ljos.ip.ConnectingSocket ljos.ip.tcp.Socket|ljos.ip.udp.Socket

local function open_and_connect(sock, addr, port)
    sock:open(addr)
    sock:connect(addr, port)
end

--- Opens and connects a closed socket; closes it again where that fails. Raises what says nothing about the endpoint
--- (a cancellation); returns true, or false and the error.
---@param sock ljos.ip.ConnectingSocket
---@param addr ljos.ip.Address
---@param port integer
---@return boolean ok, ljos.Error? err
function M.attempt(sock, addr, port)
    local ok, err = pcall(open_and_connect, sock, addr, port)
    if ok then return true end
    sock:close()
    local failure = err --[[@as ljos.Error]]
    local is_system = error_.is_error(err) and failure.category == error_.system_category
    if not is_system or failure.ECANCELED then error(err, 0) end
    return false, failure
end

local function check(sock, resolve_results, condition)
    local class = type(sock) == "table" and getmetatable(sock)
    if class ~= "ip.tcp.socket" and class ~= "ip.udp.socket" then error_.argument(1, "an IP socket expected") end
    error_.check_type(resolve_results, "table", 2)
    if condition ~= nil then error_.check_type(condition, "function", 3) end
    for i = 1, #resolve_results do
        local entry = resolve_results[i]
        local is_entry = type(entry) == "table" and address.is(entry.address)
        if not is_entry then error_.argument(2, "the result of get_address_info expected") end
        endpoint.check_port(entry.port, 2)
    end
end

--- Connects `sock` to the first of the endpoints that takes the connection; returns address and port. An open socket
--- is closed first. `condition(last_error, address, port)` is called before each attempt; false skips the endpoint.
--- When all fail, the socket is closed. Source: seed 003, "ip.connect".
---@param sock ljos.ip.ConnectingSocket
---@param resolve_results ljos.ip.AddressInfo[]
---@param condition? fun(last_error: ljos.Error?, address: ljos.ip.Address, port: integer): boolean
---@return ljos.ip.Address, integer
function M.connect(sock, resolve_results, condition)
    check(sock, resolve_results, condition)
    sock:close()
    local last_error
    for i = 1, #resolve_results do
        local entry = resolve_results[i]
        if not condition or condition(last_error, entry.address, entry.port) then
            local ok, err = M.attempt(sock, entry.address, entry.port)
            if ok then return entry.address, entry.port end
            last_error = err
        end
    end
    error(last_error or asio_error.misc.not_found, 0)
end

return M
