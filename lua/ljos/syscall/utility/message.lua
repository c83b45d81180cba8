--- Descriptors and credentials over sockets; the numbers in eventfds, timerfds and signalfds.
---
--- Errors:   returns nil, ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local ffi = require "ffi"
local bit = require "bit"
local S = require "ljos.syscall"
local argument = require "ljos.syscall.argument"
local fd = require "ljos.syscall.fd"

local t, c, s = S.t, S.c, S.types.s

---@class ljos.syscall.utility.message
local M = {}

--- Sends descriptors with one byte of data.
function M.sendfds(socket, ...)
    local count = select("#", ...)
    local list = ffi.new("int[?]", math.max(count, 1))
    for i = 1, count do
        list[i - 1] = fd.number(select(i, ...), i + 1)
    end
    local control = t.cmsghdr("socket", "rights", list, count * 4)
    return S.sendmsg(socket, t.msghdr { iov = { "\0" }, control = control })
end

--- Sends credentials: by default this process's own.
function M.sendcred(socket, pid, uid, gid)
    local cred = t.ucred()
    cred.pid = argument.integer(pid or S.getpid(), 2)
    cred.uid, cred.gid = argument.integer(uid or S.getuid(), 3), argument.integer(gid or S.getgid(), 4)
    local control = t.cmsghdr("socket", "credentials", cred)
    return S.sendmsg(socket, t.msghdr { iov = { "\0" }, control = control })
end

--- Receives one message with its control data: {count, iovec, fd = list of descriptors, pid, uid, gid, flags,
--- truncated}.
function M.recvcmsg(socket, size, flags)
    local control = ffi.new("uint64_t[?]", 132)
    local buffer = argument.fresh(size or 1024, 2)
    local msg = t.msghdr { iov = { { buffer, size or 1024 } }, control = control }
    local inherited = fd.is_inherited(socket)
    local bits = bit.bor(argument.flag(c.MSG, flags, 3), inherited and 0 or c.MSG.CMSG_CLOEXEC)
    local count, err = S.recvmsg(socket, msg, bits)
    if not count then return nil, err end
    local result = {
        count = count,
        iovec = t.iovecs { { buffer, count } },
        fd = {},
        flags = msg.flags,
        truncated = bit.band(msg.flags, c.MSG.CTRUNC) ~= 0,
    }
    for _, header in msg:cmsgs() do
        if header.cmsg_level == c.SOL.SOCKET then
            if header.cmsg_type == c.SCM.CREDENTIALS then
                result.pid, result.uid, result.gid = header:credentials()
            elseif header.cmsg_type == c.SCM.RIGHTS then
                for file in header:fds() do
                    result.fd[#result.fd + 1] = inherited and fd.mark_inherited(file) or file
                end
            end
        end
    end
    return result
end

local function read_number(file)
    local value = ffi.new "uint64_t[1]"
    local n, err = S.read(file, value, 8)
    if not n then
        if err.AGAIN then return 0 end
        return nil, err
    end
    return tonumber(value[0])
end
--- The number in an eventfd; 0 when there is none.
M.eventfd_read = read_number
--- How often a timerfd has expired; 0 when it has not.
M.timerfd_read = read_number

function M.eventfd_write(file, number)
    local value = ffi.new "uint64_t[1]"
    value[0] = argument.integer(number or 1, 2)
    local n, err = S.write(file, value, 8)
    if not n then return nil, err end
    return true
end

--- The signals in a signalfd: a t.siginfos, the one passed or a new one; `#` and [1..]; empty when there are none.
function M.signalfd_read(file, infos)
    infos = infos == nil and t.siginfos(32) or argument.struct(t.siginfos, infos, 2)
    local n, err = S.read(file, infos.sfd, #infos * s.signalfd_siginfo)
    if not n and not err.AGAIN then return nil, err end
    infos.count = (n or 0) / s.signalfd_siginfo
    return infos
end

return M
