-- Each loop runs in a process of its own, where nothing else has shaped the compiler's traces.
local PROGRAM = [[
    package.path = "lua/?.lua;" .. package.path
    local jit_util = require "jit.util"
    local byte_span = require "ljos.byte_span"
    local span = byte_span.append("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ("x"):rep(100))
    local buffer, other = byte_span.new(0, 4096), byte_span.append(span)
    local two, four, six, eight = span:first(2), byte_span.new(4), span:first(6), byte_span.with_zeros(8)
    local digits, sink = "42", nil
    local function loop(n)
        for i = 1, n do %s end
    end
    local loops, exits, started = 0, 0, nil
    jit.attach(function(what, number, func)
        if what == "start" then started = func end
        local is_loop = what == "stop" and jit_util.traceinfo(number).linktype == "loop"
        if is_loop and started == loop then loops = loops + 1 end
    end, "trace")
    loop(100000)
    jit.attach(function() exits = exits + 1 end, "texit")
    loop(100000)
    io.write(loops, " ", exits)
]]

local LOOPS = {
    "sink = span[i % #span + 1]",
    "span[i % #span + 1] = i % 256",
    "sink = span.capacity + #span",
    "sink = byte_span.new(64, 128)",
    "sink = span:sub(2, i % 50 + 2)",
    "sink = span:first(i % 50):last(i % 2 * 0):append()",
    "sink = span:sub(3):sub(2, 9):trimmed()",
    "sink = span:copy('hello') + span:copy(other)",
    "sink = buffer:append('abc')",
    "sink = buffer:append(other, 'abc', nil, two)",
    "sink = byte_span.append('0 ', two, '\\n')",
    "two:fill(i % 256)",
    "sink = span == other",
    "sink = other:starts_with 'GET' and other:ends_with(two)",
    "sink = other:find('\\r\\n', i % 10 + 1)",
    "sink = other:rfind 'H'",
    "sink = other:find_first_of '\\r\\n'",
    "sink = other:find_last_not_of('x', #other)",
    "two:inplace_lower() two:inplace_upper()",
    "two:copy(digits) sink = two:tonumber() + i",
    "sink = two:get_u16be() + four:get_u32le() + six:get_u48be() + six:get_i48le()",
    "sink = four:get_f32be() + eight:get_f64le()",
    "two:set_u16be(i % 65536) four:set_i32le(-i) six:set_u48be(i * 1000)",
    "four:set_f32be(i) eight:set_f64be(i / 3)",
    "sink = byte_span.is(span) and byte_span.check(span, 1)",
}

describe("a loop over spans", function()
    for _, body in ipairs(LOOPS) do
        it("is compiled, and stays so: " .. body, function()
            local process = assert(io.popen(("luajit -e %q"):format(PROGRAM:format(body):gsub("\n", " ")), "r"))
            local answer = process:read "*a"
            process:close()
            local loops, exits = answer:match "^(%d+) (%d+)$"
            assert.is_truthy(loops, answer)
            assert.is_true(tonumber(loops) >= 1, "never compiled")
            -- The collector may end a trace now and then.
            assert.is_true(tonumber(exits) < 5000, exits .. " exits in 100000 rounds")
        end)
    end
end)
