--- System V's shared memory, message queues and semaphores.
---
--- A key is a number or "private"; the flags of the -get calls are names and a mode: "creat, excl, 0600".
---
--- Errors:   returns nil, ljos.Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local bit = require "bit"
local ffi = require "ffi"
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local kernel = require "ljos.syscall.kernel"
local types = require "ljos.syscall.types"

local flag, integer = argument.flag, argument.integer
local t = types.t

---@class ljos.syscall.call.sysv
local M = {}

local function read(constants, item) return constants[item] end

-- Names of several groups, and a mode.
local function flags_of(value, groups, position)
    if type(value) ~= "string" then return integer(value or 0, position) end
    local bits = 0
    for item in value:gmatch "[^,%s]+" do
        local found
        for _, name in ipairs(groups) do
            local ok, number = pcall(read, c[name], item)
            if ok and type(number) == "number" then found = number end
        end
        if not found then argument.wrong(position, "flags of " .. table.concat(groups, ", "), item) end
        bits = bit.bor(bits, found)
    end
    return bits
end

local function key_of(value, position)
    if value == nil then return c.IPC.PRIVATE end
    return flag(c.IPC, value, position)
end

-- A command is one of IPC ("stat" is IPC_STAT), or of the facility's own group ("info", "MSG_STAT").
local function command_of(cmd, own, prefix, position)
    if type(cmd) ~= "string" then return flag(c.IPC, cmd, position) end
    local upper = cmd:upper()
    local short = upper:match("^" .. prefix .. "_(.*)$")
    if not short and rawget(c.IPC, (upper:gsub("^IPC_", ""))) then return c.IPC[cmd] end
    local number = rawget(own, short or upper)
    if type(number) ~= "number" then argument.wrong(position, "command of IPC or " .. prefix, cmd) end
    return number
end

-- Memory for what the other commands give: nothing that is longer than the facility's own struct.
local function answer(make, memory, position)
    return argument.memory(memory, position, ffi.sizeof(make) --[[@as integer]])
end

-- The commands of IPC that have a struct: asked for, they give it.
local function control(name, struct_name, own, prefix)
    local f, f_number = kernel.call(name, "iip"), kernel.call(name, "iii")
    return function(id, cmd, arg)
        local command = command_of(cmd, own, prefix, 2)
        local res ---@type integer
        if command == c.IPC.STAT then
            arg = argument.room(t[struct_name], arg, 3)
            res = f(integer(id, 1), command, arg)
        elseif command == c.IPC.SET then
            res = f(integer(id, 1), command, argument.struct(t[struct_name], arg, 3))
        elseif type(arg) == "cdata" then
            res = f(integer(id, 1), command, answer(t[struct_name], arg, 3))
        else
            res = f_number(integer(id, 1), command, integer(arg or 0, 3))
        end
        if res < 0 then return kernel.failed(res) end
        if command == c.IPC.STAT then return arg end
        return res == 0 or res
    end
end

local shmget = kernel.call("shmget", "iii")
--- shmget(2): (key, size, flags) gives the id.
function M.shmget(key, size, flags)
    return kernel.number(shmget(key_of(key, 1), integer(size, 2), flags_of(flags, { "IPC", "SHM", "MODE" }, 3)))
end

local shmat = kernel.libc("shmat", "void *(int, const void *, int)")
local shmdt = kernel.call("shmdt", "p")
local FAILED = ffi.cast("void *", -1)
--- shmat(2): (id, address, flags) gives a void pointer.
function M.shmat(id, addr, flags)
    local p = shmat(integer(id, 1), argument.buffer(addr, 2), flag(c.SHM, flags, 3))
    if p == FAILED then return kernel.fail() end
    return p
end
function M.shmdt(addr) return kernel.done(shmdt(argument.buffer(addr, 1))) end

--- shmctl(2): "stat" gives a t.shmid_ds, the others true or a number.
M.shmctl = control("shmctl", "shmid_ds", c.SHM, "SHM")
--- msgctl(2): "stat" gives a t.msqid_ds, the others true or a number.
M.msgctl = control("msgctl", "msqid_ds", c.SYSVMSG, "MSG")

local msgget = kernel.call("msgget", "ii")
--- msgget(2): (key, flags) gives the id.
function M.msgget(key, flags) return kernel.number(msgget(key_of(key, 1), flags_of(flags, { "IPC", "MODE" }, 2))) end

local WORD = ffi.sizeof "long"
-- The size of a message is that of its text, before which the type stands.
local function check_room(buffer, size) argument.size(argument.size(size, 3) + WORD, 3, buffer) end

local msgsnd = kernel.call("msgsnd", "ipii")
--- msgsnd(2): the message is {type, text}, or a buffer that starts with the type as a long, and the size of the rest.
function M.msgsnd(id, message, size, flags)
    if type(message) == "table" then
        local kind, text = integer(message[1], 2), message[2]
        if type(text) ~= "string" then argument.wrong(2, "{type, text}", text) end
        size = #text
        local buffer = ffi.new("long[?]", 1 + math.ceil(size / WORD))
        buffer[0] = kind
        ffi.copy(buffer + 1, text, size)
        message = buffer
    end
    local bits = flags_of(flags, { "IPC", "SYSVMSG" }, 4)
    check_room(argument.pointer(message, 2), size)
    return kernel.done(msgsnd(integer(id, 1), message, argument.size(size, 3), bits))
end

local msgrcv = kernel.call("msgrcv", "ipiii")
--- msgrcv(2): (id, buffer, size, type, flags) gives the count of bytes after the type; without a buffer the text, nil,
--- and its type.
function M.msgrcv(id, buffer, size, kind, flags)
    local bits, room = flags_of(flags, { "IPC", "SYSVMSG" }, 5), argument.buffer(buffer, 2)
    if room == nil then
        size = integer(size or 8192, 3)
        if size < 0 or size > 2 ^ 24 then argument.wrong(3, "size", size) end
        room = ffi.new("long[?]", 1 + math.ceil(size / WORD))
    end
    check_room(room, size)
    local res = msgrcv(integer(id, 1), room, argument.size(size, 3), integer(kind or 0, 4), bits)
    if res < 0 then return kernel.failed(res) end
    if buffer ~= nil then return res end
    return ffi.string(room + 1, res), nil, tonumber(room[0])
end

local semget = kernel.call("semget", "iii")
--- semget(2): (key, count, flags) gives the id.
function M.semget(key, count, flags)
    return kernel.number(semget(key_of(key, 1), integer(count, 2), flags_of(flags, { "IPC", "MODE" }, 3)))
end

-- Operations are {number, op, flags}, or with names {num =, op =, flg =}.
local function operations(list, position)
    if type(list) ~= "table" then argument.wrong(position, "list of operations", list) end
    local _ = t.sembuf
    local array = ffi.new("struct ljos_sembuf[?]", math.max(#list, 1))
    for i, item in ipairs(list) do
        if type(item) ~= "table" then argument.wrong(position, "{number, op, flags}", item) end
        local one = array[i - 1]
        one.sem_num, one.sem_op = integer(item.num or item[1], position), integer(item.op or item[2], position)
        one.sem_flg = flags_of(item.flg or item[3], { "IPC", "SEM" }, position)
    end
    return array, #list
end

local semop, semtimedop = kernel.call("semop", "ipi"), kernel.call("semtimedop", "ipip")
--- semop(2): (id, list of {number, op, flags}).
function M.semop(id, list)
    local array, count = operations(list, 2)
    return kernel.done(semop(integer(id, 1), array, count))
end
--- semtimedop(2): (id, operations, time).
function M.semtimedop(id, list, timeout)
    local array, count = operations(list, 2)
    return kernel.done(semtimedop(integer(id, 1), array, count, argument.struct(t.timespec, timeout, 3)))
end

local semctl, semctl_number = kernel.call("semctl", "iiip"), kernel.call("semctl", "iiii")

local function all_values(id, command, values)
    local stat = t.semid_ds()
    local res = semctl(id, 0, c.IPC.STAT, stat)
    if res < 0 then return kernel.failed(res) end
    local count = tonumber(stat.sem_nsems) --[[@as integer]]
    local array, list = ffi.new("unsigned short[?]", count), {}
    for i = 1, values and count or 0 do
        array[i - 1] = integer(values[i], 4)
    end
    res = semctl(id, 0, command, array)
    if res < 0 then return kernel.failed(res) end
    if values then return true end
    for i = 1, count do
        list[i] = array[i - 1]
    end
    return list
end

--- semctl(2): (id, number, command, argument): "getval", "getpid", "getncnt", "getzcnt" give a number, "getall" a list,
--- "stat" a t.semid_ds, the others true. "setall" takes a list.
function M.semctl(id, index, cmd, arg)
    local command = command_of(cmd, c.SEM, "SEM", 3)
    id, index = integer(id, 1), integer(index or 0, 2)
    if command == c.SEM.GETALL then return all_values(id, command) end
    if command == c.SEM.SETALL and type(arg) == "table" then return all_values(id, command, arg) end
    local res ---@type integer
    if command == c.IPC.STAT then
        arg = argument.room(t.semid_ds, arg, 4)
        res = semctl(id, index, command, arg)
        return res >= 0 and arg or kernel.done(res)
    elseif type(arg) == "cdata" then
        res = semctl(
            id,
            index,
            command,
            command == c.SEM.SETALL and argument.buffer(arg, 4) or answer(t.semid_ds, arg, 4)
        )
    else
        res = semctl_number(id, index, command, integer(arg or 0, 4))
    end
    if res < 0 then return kernel.failed(res) end
    local is_getter = command >= c.SEM.GETPID and command <= c.SEM.GETZCNT and command ~= c.SEM.GETALL
    return is_getter and res or res == 0 or res
end

return M
