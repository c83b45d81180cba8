local err = require "ljos.error"
local generic_error = require "ljos.generic_error"

-- Seed 003, page generic_error.
local listed = [[
EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL EISCONN E2BIG EDOM EFAULT EBADF EBADMSG EPIPE ECONNABORTED EALREADY
ECONNREFUSED ECONNRESET EXDEV EDESTADDRREQ EBUSY ENOTEMPTY ENOEXEC EEXIST EFBIG ENAMETOOLONG ENOSYS
EHOSTUNREACH EIDRM EILSEQ ENOTTY EINTR EINVAL EIO EISDIR EMSGSIZE ENETDOWN ENETRESET ENETUNREACH ENOBUFS
ECHILD ENOLINK ENOLCK ENOMSG ENOPROTOPT ENOSPC ENXIO ENODEV ENOENT ESRCH ENOTDIR ENOTSOCK ENOTCONN ENOMEM
ENOTSUP ECANCELED EINPROGRESS EPERM EOPNOTSUPP EWOULDBLOCK EOWNERDEAD EACCES EPROTO EPROTONOSUPPORT EROFS
EDEADLK EAGAIN ERANGE ENOTRECOVERABLE ETXTBSY ETIMEDOUT ENFILE EMFILE EMLINK ELOOP EOVERFLOW EPROTOTYPE]]

describe("generic_error", function()
    it("has every name of the manual", function()
        for name in listed:gmatch "%S+" do
            local e = generic_error[name]
            assert.equal("error_code", getmetatable(e), name)
            assert.equal("generic", tostring(e.category), name)
        end
    end)

    it("has every errno of the system", function()
        for name, code in pairs(err.errno_of) do
            assert.equal(code, generic_error[name].code)
        end
    end)

    it(
        "spells ENOPROTOOPT both ways",
        function() assert.is_true(generic_error.ENOPROTOPT == generic_error.ENOPROTOOPT) end
    )

    it("gives a new error at each access, open for context", function()
        local first = generic_error.EINVAL
        first.arg = 1
        local second = generic_error.EINVAL
        assert.is_nil(second.arg)
        assert.is_true(first == second)
        assert.is_false(first == generic_error.ENOENT)
    end)

    it("raises bad_index for a name it does not know", function()
        local ok, e = pcall(function() return generic_error.ENOSUCHTHING end)
        assert.is_false(ok)
        assert.is_true(err.is_core(e, "bad_index"))
        assert.equal(2, e.index)
    end)

    it("cannot be written to", function()
        local ok, e = pcall(function() generic_error.EINVAL = 1 end)
        assert.is_false(ok)
        assert.is_true(e == generic_error.EPERM)
    end)
end)
