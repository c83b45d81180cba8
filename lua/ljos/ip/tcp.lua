--- TCP: `socket`, `acceptor`, `listen`, `dial`, and the names of endpoints.
---
--- Errors:   raises ljos.Error
--- Suspends: dial, get_address_info and its like, get_name_info; listen where the endpoint is a name
--- Needs:    nothing beyond Linux 5.15
local acceptor = require "ljos.ip.tcp.acceptor"
local dial = require "ljos.ip.tcp.dial"
local endpoint = require "ljos.ip.endpoint"
local resolve = require "ljos.ip.resolve"
local c = require("ljos.socket").constants

---@class ljos.ip.tcp
local M = {
    socket = require "ljos.ip.tcp.socket",
    acceptor = acceptor,
    get_address_info = resolve.address_info(c.AF_UNSPEC, c.SOCK_STREAM, c.IPPROTO_TCP),
    get_address_v4_info = resolve.address_info(c.AF_INET, c.SOCK_STREAM, c.IPPROTO_TCP),
    get_address_v6_info = resolve.address_info(c.AF_INET6, c.SOCK_STREAM, c.IPPROTO_TCP),
    get_name_info = resolve.name_info(c.SOCK_STREAM),
}

local function listen_at(a, addr, port)
    a:open(addr)
    a:set_option("reuse_address", true)
    a:bind(addr, port)
    a:listen()
end

--- Makes an acceptor that listens at `ep` ("127.0.0.1:8080", "[::1]:0", "localhost:http", ":80" for all addresses),
--- with reuse_address set: at the first of its endpoints where that is possible. Suspends where `ep` is a name.
--- Source: seed 003, "ip.tcp.listen".
---@param ep string
---@return ljos.ip.tcp.Acceptor
function M.listen(ep)
    local host, service = endpoint.split(ep)
    local endpoints = M.get_address_info(host, service, { "passive", "address_configured" })
    local last_error
    for i = 1, #endpoints do
        local a = acceptor.new()
        local ok, err = pcall(listen_at, a, endpoints[i].address, endpoints[i].port)
        if ok then return a end
        a:close()
        last_error = err
    end
    error(last_error, 0)
end

--- Connects to `ep` ("www.example.com:https", "127.0.0.1:8080", "[::1]:80"): to the endpoint that answers first, by
--- Happy Eyeballs; without a host, to this one. Suspends. Source: seed 003, "ip.dial"; RFC 8305.
---@param ep string
---@return ljos.ip.tcp.Socket
function M.dial(ep)
    local host, service = endpoint.split(ep)
    if host == "" or host:find "^[%d.]+$" or host:find(":", 1, true) then
        return dial.by_endpoints(M.get_address_info(host, service, {}))
    end
    local function v6() return M.get_address_v6_info(host, service, {}) end
    local function v4() return M.get_address_v4_info(host, service, {}) end
    local function all() return M.get_address_info(host, service, {}) end
    return dial.by_name(v6, v4, nil, all)
end

return M
