-- Loads every module twice, as a test runner does that clears package.loaded between its files, and uses the second.
local function modules()
    local list, find = {}, assert(io.popen "find lua/ljos -name '*.lua'")
    for path in find:lines() do
        list[#list + 1] = path:match("^lua/(.*)%.lua$"):gsub("/init$", ""):gsub("/", ".")
    end
    find:close()
    return list
end

local function load_all()
    for _, name in ipairs(modules()) do
        require(name)
    end
    local S = require "ljos.syscall"
    for _, name in ipairs(S.types.names()) do
        local _ = S.t[name]
    end
    for name in require("ljos.syscall.spec").lines() do
        assert(S[name], name)
    end
end

local function use()
    local S = require "ljos.syscall"
    local file = assert(S.open "/dev/zero")
    assert(file:read(nil, 3) == "\0\0\0" and file:stat().typename == "char device")
    file:close()
    local pipe, byte_span, stream = require "ljos.pipe", require "ljos.byte_span", require "ljos.stream"
    local got
    require("ljos").run(function()
        local reader, writer = pipe.pair()
        require("ljos.fiber").spawn(function()
            stream.write_all(writer, "twice")
            writer:close()
        end)
        local buffer = byte_span.new(8)
        got = tostring(buffer:first(stream.read_at_least(reader, buffer, 5)))
        reader:close()
    end)
    assert(got == "twice")
    assert(tostring(require("ljos.ip").address.new "::1") == "::1")
    assert(require("ljos.ipc.strfile").open("a line\n"):read "*l" == "a line")
    assert(require "ljos.format"("{:>4}", 7) == "   7")
end

load_all()
use()
for name in pairs(package.loaded) do
    if name:find "^ljos" then package.loaded[name] = nil end
end
load_all()
use()
print "loaded twice"
