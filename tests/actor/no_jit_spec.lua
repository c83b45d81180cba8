-- Actors without a compiler: no memory of theirs becomes executable, which outside is done at will.
local attacks = require "actor.attacks"
local error_ = require "ljos.error"
local inbox = require "ljos.inbox"
local needs = require "needs"
local sandbox = require "ljos.sandbox"

local E = error_.errno_of
local outside, number_of = attacks.outside, attacks.number_of

-- PR_GET_MDWE; Linux 6.3.
local lacks_mdwe = attacks.outside "return call(C.prctl(66, 0, 0, 0, 0))" < 0 and "this kernel has no MDWE"

describe("a sandbox with jit = false", function()
    local it = needs.sandboxes(it)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    local without = lacks_mdwe and { "mdwe" } or {}
    local function inside(code, options)
        options = options or {}
        options.jit = false
        options.without = options.without or without
        return attacks.inside(code, options)
    end

    local PRELUDE = [[
        ffi.cdef "void *mmap(void *, size_t, int, int, int, int64_t); int mprotect(void *, size_t, int);"
        local function map(protection, fd)
            local page = C.mmap(nil, 4096, protection, fd and 2 or 0x22, fd or -1, 0)
            return tonumber(ffi.cast("intptr_t", page)) ~= -1 and page or nil, -ffi.errno()
        end
    ]]
    local WRITABLE_CODE = PRELUDE .. "local page, err = map(7) return page and 0 or err"
    local CODE_OF_DATA = PRELUDE .. "return call(C.mprotect(map(3), 4096, 5))"
    local CODE_OF_FILE = PRELUDE
        .. ([[
            ffi.cdef "int64_t write(int, const void *, size_t);"
            local fd = raw(%d, ffi.new("char[2]", "x"), 0)
            C.write(fd, ("\xc3"):rep(4096), 4096)
            local page, err = map(5, fd)
            C.close(fd)
            return page and 0 or err
        ]]):format(number_of "memfd_create")

    it("makes no code", function()
        for _, code in ipairs { WRITABLE_CODE, CODE_OF_DATA, CODE_OF_FILE } do
            assert.equal(0, outside(code))
            local options = { syscalls = { "memfd_create" } }
            assert.equal(-E.EPERM, inside(code, options))
            assert.equal(0, attacks.inside(code, { syscalls = { "memfd_create" } })) -- the compiler could not, either
        end
    end)

    it("makes no code of data by either of its two protections", function()
        for _, code in ipairs { WRITABLE_CODE, CODE_OF_DATA } do
            assert.equal(-E.EPERM, inside(code, { without = { "mdwe" } }))
            if not lacks_mdwe then assert.equal(-E.EACCES, inside(code, { without = { "seccomp" } })) end
        end
    end)

    it("runs Lua, calls C, and does not compile", function()
        local code = [[
            local sum = 0
            for i = 1, 1e5 do sum = sum + C.getpid() - C.getpid() + i end
            local ok, err = pcall(jit.on)
            return ("%.0f %s %s %s"):format(sum, tostring((jit.status())), tostring(ok), err)
        ]]
        assert.equal("5000050000 false false jit.on: this actor was started with jit = false", inside(code))
        assert.matches("^5000050000 true true", attacks.inside(code))
    end)

    it("refuses what is no boolean", function()
        local ok, err = pcall(sandbox.spawn, { source = "", jit = "off" })
        assert.is_false(ok)
        assert.equal("jit", err.arg)
    end)
end)
