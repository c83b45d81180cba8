-- The wire format: what goes in comes out, what is malformed does not, and nothing else gets into the bytes.
local ffi = require "ffi"
local error_ = require "ljos.error"
local wire = require "ljos.actor.wire"

local MEMBERS = 20 * 8
local TAGS = { TRUE = 1, FALSE = 2, STRING = 3, FILE_DESCRIPTOR = 4, ACTOR_ADDRESS = 5, NIL = 6 }

local message, fds = ffi.new "struct ljos_wire_message", ffi.new "int[20]"

-- Two classes of objects of this spec's own.
local function object(class, fd) return setmetatable({ fd = fd }, { __metatable = class }) end
local function fd_of(value) return rawget(value, "fd") end
wire.register("wire_spec.file", fd_of, "file_descriptor")
wire.register("wire_spec.address", fd_of, "actor_address")

local function make(fd, is_address) return (is_address and "address " or "file ") .. fd end

local function encoded(value)
    local bytes, count = wire.encode(message, value, fds)
    return bytes, count
end

local function round_trip(value)
    local bytes, count = encoded(value)
    local ok, result = wire.decode(message, bytes, fds, count, make)
    assert.is_true(ok)
    return result
end

local function refused(value)
    local ok, err = pcall(wire.encode, message, value, fds)
    assert.is_false(ok)
    assert.is_true(error_.is_error(err))
    assert.same({ "INVAL", 2 }, { err.sym, err.arg })
    return err
end

local function set_tag(i, tag)
    message.members[i].as_int.low, message.members[i].as_int.high = tag, 0x7ff00000
end

local function decoded(bytes, count) return wire.decode(message, bytes, fds, count or 0, make) end

describe("actor.wire", function()
    it("has no padding", function() assert.equal(MEMBERS + 20 * 512, ffi.sizeof "struct ljos_wire_message") end)

    it("carries every kind of leaf, alone and in a dictionary", function()
        local leaves = {
            true,
            false,
            0,
            -0.5,
            1e308,
            2 ^ 53,
            math.huge,
            -math.huge,
            5e-324,
            "",
            "text",
            ("x"):rep(255),
            "\0\255\n",
        }
        for _, leaf in ipairs(leaves) do
            assert.equal(leaf, round_trip(leaf))
            assert.same({ k = leaf }, round_trip { k = leaf })
        end
        assert.same(
            { [""] = "", [("k"):rep(255)] = ("v"):rep(255) },
            round_trip { [""] = "", [("k"):rep(255)] = ("v"):rep(255) }
        )
    end)

    it("carries a NaN as the one NaN, printed without a sign", function()
        for _, sign in ipairs { 1, -1 } do
            assert.equal("nan", tostring(round_trip(sign * (0 / 0))))
        end
    end)

    it("carries descriptors and addresses beside the message", function()
        local bytes, count = encoded(object("wire_spec.file", 7))
        assert.same({ MEMBERS, 1, 7 }, { bytes, count, fds[0] })
        assert.equal("address 9", round_trip(object("wire_spec.address", 9)))
        local value = { a = object("wire_spec.file", 3), b = object("wire_spec.address", 4), c = 1 }
        assert.same({ a = "file 3", b = "address 4", c = 1 }, round_trip(value))
    end)

    it("carries up to 20 members", function()
        local value = {}
        for i = 1, 20 do
            value["key" .. i] = ("v"):rep(i)
        end
        assert.same(value, round_trip(value))
        value.one_more = true
        assert.matches("more than 20", refused(value).detail)
    end)

    it(
        "ignores keys that are no strings when there are strings",
        function() assert.same({ a = 1 }, round_trip { a = 1, [1] = 2, [true] = 3 }) end
    )

    it("refuses what cannot be sent", function()
        refused(nil)
        refused {}
        refused { 1, 2, 3 }
        refused { a = {} }
        refused { a = function() end }
        refused(function() end)
        refused(coroutine.create(function() end))
        refused(ffi.new "int64_t")
        refused(setmetatable({ a = 1 }, {}))
        refused(object("wire_spec.unknown", 1))
        refused(("x"):rep(256))
        refused { [("x"):rep(256)] = 1 }
    end)

    it("lets nothing of earlier messages into the bytes that are sent", function()
        encoded(("secret"):rep(40))
        local value = {}
        for i = 1, 20 do
            value["secret" .. i] = "secret"
        end
        encoded(value)
        local bytes = encoded { a = "b" }
        local sent = ffi.string(message, bytes)
        assert.is_nil(sent:find "secret")
        -- a, its value, the end; then zeroes up to the strings.
        assert.equal(("\0"):rep(MEMBERS - 16), sent:sub(17, MEMBERS))
        assert.equal("\1a\1b", sent:sub(MEMBERS + 1))
    end)

    it("believes no NaN from outside: LuaJIT's values must not be forged", function()
        for _, high in ipairs { 0x7ff80001, 0xfff80000, 0xffff8000, 0xfffe7fff, 0xffffffff } do
            encoded(1)
            message.members[1].as_int.low, message.members[1].as_int.high = 0xdeadbeef, high
            local ok, value = decoded(MEMBERS)
            assert.is_true(ok)
            assert.equal("number", type(value))
            assert.equal("nan", tostring(value))
        end
    end)

    describe("drops what is malformed:", function()
        local function malformed(bytes, count) assert.is_false((decoded(bytes, count))) end

        it("messages shorter than the members", function()
            encoded(1)
            for _, bytes in ipairs { 0, 1, 8, 16, MEMBERS - 1 } do
                malformed(bytes)
            end
        end)

        it("every truncation of a legal message", function()
            local bytes = encoded { abc = "def", g = 1, h = true, long = ("x"):rep(255) }
            for size = 0, bytes - 1 do
                malformed(size)
            end
            assert.is_true((decoded(bytes)))
        end)

        it("bytes behind the last string", function()
            malformed(encoded "text" + 1)
            malformed(encoded(1) + 1)
            malformed(encoded { a = 1 } + 100)
        end)

        it("tags that do not exist", function()
            for _, tag in ipairs { 7, 8, 255, 0x80000000, 0xffffffff } do
                encoded(1)
                set_tag(1, tag)
                malformed(MEMBERS)
                local bytes = encoded { a = 1 }
                set_tag(0, tag)
                malformed(bytes)
            end
        end)

        it("signalling NaNs with a sign or with other bits", function()
            for _, high in ipairs { 0xfff00000, 0x7ff00001, 0x7ff40000, 0xfff7ffff } do
                encoded(1)
                message.members[1].as_int.low, message.members[1].as_int.high = TAGS.TRUE, high
                malformed(MEMBERS)
            end
        end)

        it("a lone nil", function()
            encoded(1)
            set_tag(1, TAGS.NIL)
            malformed(MEMBERS)
        end)

        it("lengths that lead beyond the message", function()
            local bytes = encoded { a = "b" }
            message.strings[0] = 200
            malformed(bytes)
            bytes = encoded "text"
            message.strings[0] = 5
            malformed(bytes)
            message.strings[0] = 3
            malformed(bytes)
        end)

        it("more and fewer descriptors than it speaks of", function()
            malformed(encoded(1), 1)
            malformed(encoded { a = 1 }, 1)
            local bytes = encoded(object("wire_spec.file", 3))
            malformed(bytes, 0)
            malformed(bytes, 2)
            bytes = encoded { a = object("wire_spec.file", 3), b = object("wire_spec.address", 4) }
            malformed(bytes, 1)
            malformed(bytes, 3)
        end)
    end)

    it("tells when a descriptor was refused, after all were handed over", function()
        local bytes, count = encoded { a = object("wire_spec.file", 3), b = object("wire_spec.file", 4) }
        local seen = {}
        local ok, _, taken = wire.decode(message, bytes, fds, count, function(fd)
            seen[fd] = true
            return fd == 4 and "object" or nil
        end)
        assert.same({ false, true }, { ok, taken })
        assert.same({ [3] = true, [4] = true }, seen)
    end)

    it("survives random bytes (property)", function()
        local seed = os.time()
        math.randomseed(seed)
        local bytes_of = ffi.cast("uint8_t *", message)
        for round = 1, 20000 do
            -- Half of them begin as a legal message.
            local size = math.random(0, 400)
            if round % 2 == 0 then size = encoded { k1 = "abc", k2 = true, k3 = 1.5 } end
            for _ = 1, round % 2 == 0 and 3 or size do
                bytes_of[math.random(0, math.max(size - 1, 0))] = math.random(0, 255)
            end
            local ok, value = decoded(size, round % 3)
            if ok then
                local kind = type(value)
                assert(kind ~= "nil", "seed " .. seed)
                if kind == "table" then
                    for key, leaf in pairs(value) do
                        assert(type(key) == "string" and type(leaf) ~= "nil", "seed " .. seed)
                    end
                end
            end
        end
    end)
end)
