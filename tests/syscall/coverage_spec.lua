local lacks = require "lacks"
local S = require "ljos.syscall"
local directory = require "ljos.syscall.directory"
local text_file = require "text_file"
local generator = dofile "doc/syscalls.lua"

local function read(path)
    local file = io.open(path)
    local text = file and file:read "*a" or ""
    if file then file:close() end
    return text
end

describe("every system call", function()
    it("is on the page doc/syscalls.md in its state", function()
        local page = generator.page()
        if os.getenv "LJOS_WRITE_DOC" then text_file.write("doc/syscalls.md", page) end
        if S.abi.arch ~= "x64" then return pending "the page is generated on x86-64" end
        assert.equal(page, read "doc/syscalls.md")
    end)

    it("of a descriptor is a method of descriptors", function()
        local fd = S.t.fd()
        for name, first in generator.page():gmatch "`([%w_]+)%(([%w_]+)" do
            if first == "fd" or first == "file" then assert.equal("function", type(fd[name]), name) end
        end
    end)

    it("is a function under its own name", function()
        local missing = {}
        for _, name in ipairs(generator.names()) do
            if type(S[name]) ~= "function" then missing[#missing + 1] = name end
        end
        assert.same({}, missing)
    end)

    it("that a program can use is typed", function()
        local bare = {}
        for _, name in ipairs(generator.names()) do
            if generator.state(name) == "by name" then bare[#bare + 1] = name end
        end
        assert.same({}, bare)
    end)

    it("written out is where the directory says", function()
        for module, names in pairs(directory.modules()) do
            local functions = require("ljos.syscall.call." .. module)
            for name in names:gmatch "%S+" do
                assert.equal("function", type(functions[name]), module .. "." .. name)
            end
        end
    end)

    it("of a line compiles", function()
        for name, line in require("ljos.syscall.spec").lines() do
            assert.equal("function", type(require("ljos.syscall.spec").compile(name, line)), name)
        end
    end)

    it("is loaded before its file is out of reach", function()
        directory.load_all()
        local find = assert(io.popen "find lua/ljos/syscall -name '*.lua'")
        for path in find:lines() do
            local module = path:match("^lua/(.*)%.lua$"):gsub("/init$", ""):gsub("/", ".")
            assert.is_truthy(package.loaded[module], module)
        end
        find:close()
    end)

    it("works in a new root, found by a relative path", function()
        local lacking = lacks "sys_chroot"
        if lacking then return pending(lacking) end
        local program = [[
            package.path = "lua/?.lua;lua/?/init.lua"
            local S = require "ljos.syscall"
            assert(S.chroot "/tmp" and S.chdir "/")
            assert(S.socket("inet", "stream") and S.t.bpf_insn(0) and S.util.ls "/" and S.nl.getlink())
            assert(S.chmod("/nosuch", "0644") == nil)
        ]]
        assert.equal(0, os.execute("luajit -e '" .. program .. "'"))
    end)

    it("has no function in two places", function()
        local spec = require "ljos.syscall.spec"
        for _, names in pairs(directory.modules()) do
            for name in names:gmatch "%S+" do
                assert.is_nil(spec.line(name), name)
            end
        end
    end)
end)
