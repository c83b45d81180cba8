--- Memory and the nodes it lies on: mbind, set_mempolicy, get_mempolicy, move_pages, migrate_pages.
---
--- Nodes are lists of numbers, {0, 2}. A policy is a name of c.MPOL, with its flags: "bind, static_nodes".
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    a kernel with CONFIG_NUMA
local bit = require "bit"
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local kernel = require "ljos.syscall.kernel"

local integer = argument.integer

---@class ljos.syscall.call.numa
local M = {}

local NODES = 1024
local ONE = ffi.new("uint64_t", 1)

-- A bit mask of nodes, and its length as the kernel counts it: one more than there are bits.
local function mask(nodes, position)
    if nodes == nil then return nil, 0 end
    if type(nodes) ~= "table" then argument.wrong(position, "list of nodes", nodes) end
    local words = ffi.new("uint64_t[?]", NODES / 64)
    for _, node in ipairs(nodes) do
        if type(node) ~= "number" or node < 0 or node >= NODES then argument.wrong(position, "node", node) end
        local i = math.floor(node / 64)
        words[i] = bit.bor(words[i], bit.lshift(ONE, node % 64))
    end
    return words, NODES + 1
end

local function nodes_of(words)
    local nodes = {}
    for node = 0, NODES - 1 do
        if bit.band(words[math.floor(node / 64)], bit.lshift(ONE, node % 64)) ~= 0 then nodes[#nodes + 1] = node end
    end
    return nodes
end

-- Names of c.MPOL; the flags' own prefix ("F_", "MF_") may be left out.
local function names(value, prefix, position)
    if type(value) ~= "string" then return integer(value or 0, position) end
    local bits = 0
    for name in value:gmatch "[^,%s]+" do
        local found = rawget(c.MPOL, prefix .. name:upper())
        bits = bit.bor(bits, found or argument.flag(c.MPOL, name, position))
    end
    return bits
end

local mbind = kernel.call("mbind", "piipii")
--- mbind(2): (address, length, policy, nodes, flags).
function M.mbind(addr, length, policy, nodes, flags)
    local words, count = mask(nodes, 4)
    return kernel.done(
        mbind(
            argument.buffer(addr, 1),
            integer(length, 2),
            names(policy, "F_", 3),
            words,
            count,
            names(flags, "MF_", 5)
        )
    )
end

local set_mempolicy = kernel.call("set_mempolicy", "ipi")
--- set_mempolicy(2): (policy, nodes).
function M.set_mempolicy(policy, nodes)
    local words, count = mask(nodes, 2)
    return kernel.done(set_mempolicy(names(policy, "F_", 1), words, count))
end

local get_mempolicy = kernel.call("get_mempolicy", "ppipi")
--- get_mempolicy(2): (address, flags) gives the policy's number (with "node, addr" the node of the address), nil, and
--- the list of nodes.
function M.get_mempolicy(addr, flags)
    local policy, words = ffi.new "int[1]", ffi.new("uint64_t[?]", NODES / 64)
    local bits = names(flags, "F_", 2)
    local only_node = bit.band(bits, c.MPOL.F_NODE) ~= 0
    local res = get_mempolicy(
        bit.band(bits, c.MPOL.F_MEMS_ALLOWED) == 0 and policy or nil,
        not only_node and words or nil,
        not only_node and NODES + 1 or 0,
        argument.buffer(addr, 1),
        bits
    )
    if res < 0 then return kernel.failed(res) end
    return policy[0], nil, nodes_of(words)
end

local migrate_pages = kernel.call("migrate_pages", "iipp")
--- migrate_pages(2): (pid, from, to) gives the number of pages that could not be moved.
function M.migrate_pages(pid, from, to)
    local old, new = mask(from, 2), mask(to, 3)
    return kernel.number(migrate_pages(integer(pid or 0, 1), NODES + 1, old, new))
end

local move_pages = kernel.call("move_pages", "iipppi")
--- move_pages(2): (pid, list of addresses, list of nodes, flags) gives a list: the node of each page, or a negative
--- errno. Without nodes nothing is moved.
function M.move_pages(pid, pages, nodes, flags)
    if type(pages) ~= "table" then argument.wrong(2, "list of addresses", pages) end
    if type(nodes) ~= "nil" and type(nodes) ~= "table" then argument.wrong(3, "list of nodes", nodes) end
    local count = #pages
    local addresses, status = ffi.new("const void *[?]", math.max(count, 1)), ffi.new("int[?]", math.max(count, 1))
    local targets = nodes and ffi.new("int[?]", math.max(count, 1))
    for i = 1, count do
        addresses[i - 1] = argument.buffer(pages[i], 2)
        if targets then targets[i - 1] = integer(nodes[i], 3) end
    end
    local res = move_pages(integer(pid or 0, 1), count, addresses, targets, status, names(flags, "MF_", 4))
    if res < 0 then return kernel.failed(res) end
    local list = {}
    for i = 1, count do
        list[i] = status[i - 1]
    end
    return list
end

local home_node = kernel.call("set_mempolicy_home_node", "piii")
--- set_mempolicy_home_node(2): (address, length, node, flags).
function M.set_mempolicy_home_node(addr, length, node, flags)
    return kernel.done(
        home_node(argument.buffer(addr, 1), integer(length, 2), integer(node, 3), integer(flags or 0, 4))
    )
end

return M
