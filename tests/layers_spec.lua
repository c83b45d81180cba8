-- The shape of the tree: who may require whom, who may load native code, and how long a module and a function may be.
-- The order of the layers is that of doc/architecture.md; a new module is entered here, below its layer.
local jit_util = require "jit.util"
local source_files = require "source_files"
local text_file = require "text_file"

-- A name stands for the module and everything below it ("syscall" for "ljos.syscall.openat2"); the longest
-- name that fits decides.
local LAYERS = {
    { "native" },
    { "error", "generic_error", "asio_error", "error_category" },
    { "syscall", "ipc" },
    { "loop" },
    {
        "fiber",
        "timeout",
        "task_group",
        "semaphore",
        "channel",
        "select",
        "mutex",
        "recursive_mutex",
        "condition_variable",
        "future",
        "time",
    },
    { "byte_span", "regex", "stream", "format", "mock_loop" },
    {
        "io_object",
        "socket",
        "file",
        "file_descriptor",
        "filesystem",
        "ip",
        "unix",
        "pipe",
        "seccomp",
        "serial_port",
        "tls",
        "system",
        "process",
        "module_system",
    },
    { "actor", "sandbox", "libc_service", "inbox", "spawn_vm" },
    { "app", "init" },
}

-- What a folder may require beyond its own, where that is less than its layer allows.
local ONLY = {
    ipc = { "syscall", "error", "native" },
    byte_span = { "native", "error" },
    regex = { "byte_span", "native", "error" },
    format = { "native", "error" },
}
-- Nobody builds on these but themselves.
local CLOSED = { "ipc", "app" }

-- Modules of ljsyscall whose names are its own; its programs load them by these.
local NAMED_BY_LJSYSCALL = { ["syscall.util"] = true, ["syscall.helpers"] = true }

local MAX_LINES, MAX_FUNCTION = 300, 40

-- "lua/ljos/ip/tcp.lua" -> "ip.tcp"
local function name_of(path)
    local name = path:match("^lua/ljos/(.*)%.lua$"):gsub("/", ".")
    return (name:gsub("(.)%.init$", "%1"))
end

local layer_of = {}
for depth, names in ipairs(LAYERS) do
    for _, name in ipairs(names) do
        layer_of[name] = depth
    end
end

-- The entry of LAYERS that a module belongs to: its longest prefix there.
local function entry_of(name)
    while name do
        if layer_of[name] then return name end
        name = name:match "^(.*)%.[^.]*$"
    end
end

local modules = {} -- { path, name, source, code (without comments), requires }
for _, file in ipairs(source_files.below("lua/ljos", "*.lua")) do
    local path, source = file.path, file.source
    local code = source:gsub("%-%-%[%[.-%]%]", ""):gsub("%-%-[^\n]*", "")
    local requires = {}
    for target in code:gsub("loading%.load", "require"):gmatch "require%s*%(?%s*[\"']ljos%.?([%w_.]*)[\"']" do
        requires[#requires + 1] = target == "" and "init" or target
    end
    modules[#modules + 1] = { path = path, name = name_of(path), source = source, code = code, requires = requires }
end

local function contains(list, value)
    for _, element in ipairs(list) do
        if element == value then return true end
    end
    return false
end

local function complaints(check) return source_files.complaints(modules, check) end

-- The line numbers of every function in a chunk, from its prototypes.
local function functions_of(chunk, visit)
    local index = -1
    while true do
        local ok, constant = pcall(jit_util.funck, chunk, index)
        if not ok or constant == nil then return end
        if type(constant) == "proto" then
            local info = jit_util.funcinfo(constant)
            visit(info.linedefined, info.lastlinedefined)
            functions_of(constant, visit)
        end
        index = index - 1
    end
end

describe("the tree", function()
    it("has a layer for every module", function()
        assert.equal(
            "",
            complaints(function(module, complain)
                if not entry_of(module.name) then complain "not entered in LAYERS of tests/layers_spec.lua" end
            end)
        )
    end)

    it("requires downward only", function()
        assert.equal(
            "",
            complaints(function(module, complain)
                local own = layer_of[entry_of(module.name)]
                for _, target in ipairs(module.requires) do
                    local other = layer_of[entry_of(target)]
                    if own and other and other > own then complain("requires %s, which is above it", target) end
                end
            end)
        )
    end)

    it("keeps the narrow modules narrow", function()
        assert.equal(
            "",
            complaints(function(module, complain)
                local own = entry_of(module.name)
                local allowed = ONLY[own]
                for _, target in ipairs(module.requires) do
                    local other = entry_of(target)
                    if allowed and other ~= own and not contains(allowed, other) then
                        complain("requires %s; %s may use only %s", target, own, table.concat(allowed, ", "))
                    end
                    if contains(CLOSED, other) and other ~= own then complain("nobody builds on %s", target) end
                end
            end)
        )
    end)

    it("has in its first folder only what programs require", function()
        local reference = text_file.read "doc/api/README.md"
        local inner = { native = true, app = true, init = true } -- the library itself; what bin/ljos and `ljos` are
        for _, path in ipairs(source_files.lines_of "ls lua/ljos/*.lua") do
            local name = path:match "([%w_]+)%.lua$"
            local listed = inner[name] or reference:find("`" .. name .. "`", 1, true)
            assert.is_truthy(listed, path .. " is not in the reference: what others are made of lies in a folder")
        end
    end)

    it("loads and declares the native library in native.lua alone", function()
        assert.equal(
            "",
            complaints(function(module, complain)
                if module.name == "native" then return end
                if module.code:find "ffi%.load.*libljos" then complain "loads the native library" end
                -- A name of our own for a symbol of the C library (`__asm__`) is no part of the C ABI.
                local code = module.code:gsub("ljos_[%w_]+%s*%([^;]-__asm__%s*%b();", "")
                if code:find "ffi%.cdef.-[%s*]ljos_[%w_]+%s*%(" then complain "declares the C ABI" end
            end)
        )
    end)

    it("has no drawer for odds and ends", function()
        assert.equal(
            "",
            complaints(function(module, complain)
                if NAMED_BY_LJSYSCALL[module.name] then return end
                for part in module.name:gmatch "[^.]+" do
                    if part:find "^utils?$" or part:find "^helpers?$" or part:find "^common$" then
                        complain "a module is named after its concept"
                    end
                end
            end)
        )
    end)

    it("opens every module with the three lines Errors, Suspends, Needs", function()
        assert.equal(
            "",
            complaints(function(module, complain)
                local header = module.source:match "^(%-%-%- .-)\n[^%-]" or ""
                for _, label in ipairs { "Errors", "Suspends", "Needs" } do
                    if not header:find("%-%-%- " .. label .. ":") then
                        complain("no `%s:` line in its header", label)
                    end
                end
            end)
        )
    end)

    it("gives the reason for a long module or function in a line `Long:` of the header", function()
        assert.equal(
            "",
            complaints(function(module, complain)
                if module.source:find "\n%-%-%- Long:" then return end
                local _, lines = module.source:gsub("\n", "\n")
                if lines > MAX_LINES then complain("%d lines", lines) end
                functions_of(assert(loadfile(module.path)), function(first, last)
                    if last - first + 1 > MAX_FUNCTION then
                        complain("a function of %d lines at line %d", last - first + 1, first)
                    end
                end)
            end)
        )
    end)
end)
