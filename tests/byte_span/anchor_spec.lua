-- The anchors hold no list that a test could read: what they keep alive is seen through weak references.
local byte_span = require "ljos.byte_span"
local ffi = require "ffi"

local function owner() return ffi.new "uint8_t[64]" end

-- Two collections: the first finds the span dead, the next `take` sweeps, the second finds the owner dead.
local function collect()
    for _ = 1, 3 do
        collectgarbage()
        byte_span.new(1)
    end
end

local function alive(weak, count)
    local n = 0
    for i = 1, count do
        if weak[i] then n = n + 1 end
    end
    return n
end

describe("the anchors of byte_span", function()
    it("keep as many owners as there are spans, and let all go", function()
        local weak = setmetatable({}, { __mode = "v" })
        local spans = {}
        for i = 1, 20000 do
            local o = owner()
            o[0], o[1] = i % 256, math.floor(i / 256)
            weak[i] = o
            spans[i] = byte_span.slice(o, o, 2, 64)
        end
        collect()
        assert.are.equal(20000, alive(weak, 20000))
        for i = 1, 20000, 2 do
            spans[i] = nil
        end
        collect()
        assert.are.equal(10000, alive(weak, 20000))
        for i = 2, 20000, 2 do
            if spans[i]:get_u16le() ~= i then error(i) end
        end
        spans = nil -- luacheck: ignore
        collect()
        assert.are.equal(0, alive(weak, 20000))
    end)

    it("let go also when no more spans are made", function()
        local weak = setmetatable({}, { __mode = "v" })
        for i = 1, 100 do
            weak[i] = owner()
            byte_span.slice(weak[i], weak[i], 2, 64)
        end
        for _ = 1, 6 do
            collectgarbage()
        end
        assert.are.equal(0, alive(weak, 100))
    end)

    -- Any span may be sliced or replaced at any time; what a span reads must be what was written to its memory. In a
    -- process of its own, whose heap is so small that a collection can end at every allocation.
    local CHURN = [[
        package.path = "lua/?.lua;" .. package.path
        local byte_span = require "ljos.byte_span"
        math.randomseed(%d)
        collectgarbage("setpause", %d)
        collectgarbage("setstepmul", %d)
        local spans, numbers = {}, {}
        for i = 1, %d do
            local slot, source, probe = math.random(100), math.random(100), math.random(100)
            if spans[source] and math.random(2) == 1 then
                spans[slot], numbers[slot] = spans[source]:sub(1, 5):append():first(4), numbers[source]
            else
                spans[slot], numbers[slot] = byte_span.new(4, 5), i
                spans[slot]:set_u32le(i)
            end
            if spans[probe] and spans[probe]:get_u32le() ~= numbers[probe] then error(probe) end
        end
    ]]
    local function churn(options, pause, step, rounds)
        local seed = os.time()
        local script = CHURN:format(seed, pause, step, rounds)
        assert.are.equal(0, os.execute(("luajit %s -e '%s'"):format(options, script)), "seed " .. seed)
    end

    it("hold through any sequence of slices", function()
        churn("-jon", 200, 200, 200000)
        churn("-joff", 200, 200, 50000)
    end)

    it("hold while a collection ends at every allocation", function()
        churn("-jon", 0, 1000000, 300)
        churn("-joff", 0, 1000000, 300)
    end)

    it("leave nothing behind after a burst", function()
        collect()
        local before = collectgarbage "count"
        for _ = 1, 3 do
            local spans = {}
            for i = 1, 50000 do
                spans[i] = byte_span.new(16)
            end
            assert.are.equal(16, #spans[#spans])
        end
        for _ = 1, 12 do
            collect()
        end
        assert.is_true(collectgarbage "count" < before + 200)
    end)

    it("outlive a second load of the modules", function()
        local saved = {}
        for name, module in pairs(package.loaded) do
            if name:find "^ljos%.byte_span" then saved[name] = module end
        end
        local span = byte_span.append("abcdef"):sub(2)
        for name in pairs(saved) do
            package.loaded[name] = nil
        end
        local second = require "ljos.byte_span"
        for name, module in pairs(saved) do
            package.loaded[name] = module
        end
        assert.is_true(second.is(span))
        local slice = second.first(span, 3)
        span = nil -- luacheck: ignore
        collect()
        assert.are.equal("bcd", tostring(slice))
        assert.are.equal("bcdx", tostring(slice:append "x"))
    end)
end)
