--- Generates doc/api/*.md, the reference, from the doc comments of the functions that a program can reach.
---
--- The modules are loaded, their functions and the methods of their classes collected, and for each the comment above
--- its definition is read; so an alias has the comment of what it stands for. Run as `luajit doc/api.lua DIRECTORY`;
--- tests/api_reference_spec.lua compares, LJOS_WRITE_DOC=1 rewrites the pages.
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path

-- Page, what it is about, modules, and where the functions of those that load lazily are defined. Classes come with the
-- page that first loads their file.
local PAGES = {
    { "ljos", "The front", { "" } },
    { "fiber", "Fibers, scopes, coroutines", { "fiber", "fiber.this_fiber", "fiber.coroutine", "fiber.trace" } },
    { "sync", "Fibers that wait for each other", { "mutex", "recursive_mutex", "condition_variable", "future" } },
    { "structured", "Structured concurrency", { "task_group", "timeout", "select", "channel", "semaphore" } },
    {
        "time",
        "Sleeping, clocks, timers",
        {
            "time",
            "time.steady_clock",
            "time.system_clock",
            "time.high_resolution_clock",
            "time.steady_timer",
            "time.system_timer",
        },
    },
    { "byte_span", "Byte spans", { "byte_span" } },
    { "stream", "Streams and the scanner", { "stream", "stream.scanner" } },
    { "regex", "Regular expressions", { "regex" } },
    { "format", "Formatting", { "format" } },
    { "filesystem", "The filesystem", { "filesystem", "filesystem.path", "filesystem.clock" }, "lua/ljos/filesystem" },
    { "file", "Files", { "file", "file.stream", "file.random_access", "file_descriptor" } },
    {
        "ip",
        "IP",
        {
            "ip",
            "ip.address",
            "ip.tcp",
            "ip.tcp.socket",
            "ip.tcp.acceptor",
            "ip.udp",
            "ip.udp.socket",
        },
        "lua/ljos/ip",
    },
    {
        "unix",
        "UNIX sockets",
        {
            "unix",
            "unix.stream",
            "unix.stream.socket",
            "unix.stream.acceptor",
            "unix.datagram.socket",
            "unix.seqpacket",
            "unix.seqpacket.socket",
            "unix.seqpacket.acceptor",
        },
    },
    { "tls", "TLS", { "tls", "tls.context", "tls.socket" } },
    { "pipe", "Pipes", { "pipe", "pipe.read_stream", "pipe.write_stream" } },
    { "serial_port", "Serial ports and pseudoterminals", { "serial_port" } },
    {
        "system",
        "The process and its surroundings",
        { "system", "system.signal", "system.signal.set", "system.in_", "system.out" },
        "lua/ljos/system",
    },
    { "actors", "Actors and sandboxes", { "sandbox", "spawn_vm", "inbox", "seccomp", "libc_service" } },
    {
        "ipc",
        "LuaIPC's interface",
        { "ipc", "ipc.shm", "ipc.mmap", "ipc.sem", "ipc.filelock", "ipc.proc", "ipc.strfile" },
    },
    { "error", "Errors", { "error", "error_category", "generic_error", "asio_error" } },
    { "mock_loop", "Tests in virtual time", { "mock_loop" } },
}

-- Methods of classes that are made in ways of their own: file, local table.
local CLASSES = {
    fiber = { { "fiber", "lua/ljos/fiber/spawn.lua", "Handle" } },
    stream = {
        { "stream.scanner", "lua/ljos/stream/scanner.lua", "Scanner" },
        { "stream.batch", "lua/ljos/stream/batch.lua", "Batch" },
    },
    file = { { "file_descriptor", "lua/ljos/file_descriptor.lua", "FileDescriptor" } },
    filesystem = {
        { "filesystem.path", "lua/ljos/filesystem/path.lua", "Path" },
        { "filesystem.directory_entry", "lua/ljos/filesystem/directory_entry.lua", "Entry" },
        { "handle of recursive_directory_iterator", "lua/ljos/filesystem/recursive_directory_iterator.lua", "Handle" },
    },
    ip = { { "ip.address", "lua/ljos/ip/address.lua", "Address" } },
    system = { { "system.linux_capabilities", "lua/ljos/system/linux_capabilities.lua", "Capabilities" } },
    ipc = {
        { "memory file", "lua/ljos/ipc/memory_file.lua", "File" },
        { "semaphore", "lua/ljos/ipc/sem.lua", "Semaphore" },
        { "process", "lua/ljos/ipc/proc.lua", "Process" },
    },
}

-- Modules whose functions are found in the sources, because the object hides them.
local HIDDEN = { ["fiber.this_fiber"] = "lua/ljos/fiber/this_fiber.lua" }

-- Sources -------------------------------------------------------------------------------------------------------------

local sources = {} ---@type table<string, string[]>
local function lines_of(path)
    if sources[path] then return sources[path] end
    local lines = {}
    for line in io.lines(path) do
        lines[#lines + 1] = line
    end
    sources[path] = lines
    return lines
end

-- Splits "TYPE  text" where the type may have spaces inside brackets and after a colon.
local function split_type(text)
    local depth = 0
    for at = 1, #text do
        local c = text:sub(at, at)
        if c:find "[%(%[{<]" then depth = depth + 1 end
        if c:find "[%)%]}>]" then depth = depth - 1 end
        if c == " " and depth <= 0 and not text:sub(1, at - 1):find "[:,|]$" then
            return text:sub(1, at - 1), text:sub(at):gsub("^[%s#]+", "")
        end
    end
    return text, ""
end

-- The doc comment that ends above a line: { text = {...}, params = {...}, returns = {...}, fields = {...}, class }.
local function doc_above(path, line)
    local lines, first = lines_of(path), line
    while lines[first - 1] and lines[first - 1]:find "^%s*%-%-%-" do
        first = first - 1
    end
    local doc = { text = {}, params = {}, returns = {}, fields = {} }
    for at = first, line - 1 do
        local text = lines[at]:gsub("^%s*%-%-%-", "")
        local tag, rest = text:match "^@(%w+)%s*(.*)$"
        if tag == "param" or tag == "field" then
            local name, after = rest:match "^(%S+)%s+(.*)$"
            if tag == "field" and rest:find "^%[" then
                name, after = rest:match "^(%b[])%s+(.*)$"
            end
            if name and name ~= "package" and name ~= "private" then
                local kind, note = split_type(after)
                local is_own = note:find "for library modules"
                    or note:find "for the modules that"
                    or name == "slot"
                    or name:find "^%[%d"
                if not is_own then table.insert(doc[tag .. "s"], { name = name, kind = kind, note = note }) end
            end
        elseif tag == "return" then
            local kind, note = split_type(rest)
            table.insert(doc.returns, { kind = kind, note = note })
        elseif tag == "class" then
            doc.class = rest
        elseif not tag then
            table.insert(doc.text, (text:gsub("^ ", "")))
        end
    end
    return doc
end

-- Where a function is defined: path, line, its parameters as they are written.
local function place_of(f)
    local info = debug.getinfo(f, "S")
    if info.what == "C" or not info.source:find "^@lua/ljos/" then return nil end
    local path = info.source:sub(2)
    local text = table.concat(lines_of(path), " ", info.linedefined, math.min(info.linedefined + 6, #lines_of(path)))
    return path, info.linedefined, text:match "function%s*[%w_.:]*%s*(%b())" or "()"
end

-- Of a function that another one has made: `M.name = maker(...)`.
local function doc_of_assignment(path, name)
    for at, line in ipairs(lines_of(path)) do
        if line:find("^M%." .. name .. " = ") then
            local doc = doc_above(path, at)
            if #doc.text > 0 then return doc end
        end
    end
end

-- What is for the library's own modules says so.
local function is_internal(doc)
    local text = table.concat(doc.text, " ")
    return text:find "[Ff]or library modules" or text:find "For the modules that" or text:find "^For tests"
end

-- Collecting ----------------------------------------------------------------------------------------------------------

-- Classes in the order in which they are made: { name, methods, properties, path }.
local made = {}
local function record(name, methods, properties)
    local path
    for level = 3, 6 do
        local info = debug.getinfo(level, "S")
        path = info and info.source:match "^@(lua/ljos/.*)$"
        if path and not path:find "opaque_type" and not path:find "io_object" then break end
    end
    made[#made + 1] = { name = name, methods = methods, properties = properties or {}, path = path }
end
local io_object, opaque_type = require "ljos.io_object", require "ljos.fiber.opaque_type"
local metatable, define = io_object.metatable, opaque_type.define
function io_object.metatable(name, methods, properties)
    record(name, methods, properties)
    return metatable(name, methods, properties)
end
function opaque_type.define(into, name, methods, properties)
    record(name, methods, properties)
    return define(into, name, methods, properties)
end

local function find_module(name)
    local ok, module = pcall(require, name == "" and "ljos" or "ljos." .. name)
    if ok then return module end
    local parent, field = name:match "^(.*)%.([%w_]+)$"
    return find_module(parent)[field]
end

-- The names of a module's functions; those that load lazily are looked for in the sources.
local function names_of(module, folder)
    local names = {}
    if type(module) == "table" and getmetatable(module) ~= "error_category" then
        for name, value in pairs(module) do
            if type(name) == "string" and type(value) == "function" then names[name] = value end
        end
    end
    if not folder then return names end
    local function add_if_there(name)
        local ok, value = pcall(function() return module[name] end)
        if name and ok and type(value) == "function" then names[name] = value end
    end
    local files = folder:find "%.lua$" and folder or folder .. " " .. folder .. ".lua"
    for path in io.popen("find " .. files .. " -name '*.lua' | sort"):lines() do
        for _, line in ipairs(lines_of(path)) do
            local name = line:match "^function [%w_]+[.:]([%w_]+)" or line:match "^[%w_]+%.([%w_]+) ="
            add_if_there(name)
        end
        add_if_there(path:match "([%w_]+)%.lua$") -- a module that is a function
    end
    return names
end

-- Writing -------------------------------------------------------------------------------------------------------------

local function add(page, ...)
    for _, line in ipairs { ... } do
        page[#page + 1] = line
    end
end

local function add_text(page, text)
    if #text > 0 then add(page, table.concat(text, "\n"):gsub("\n+$", ""), "") end
end

local function add_list(page, list, prefix)
    for _, entry in ipairs(list) do
        local name, note = entry.name and ("`%s` "):format(entry.name) or prefix, entry.note
        if not entry.name and note:find "^%S+%s%s" then note = note:gsub("%s%s+", ": ", 1) end
        if entry.name or not note:find "^[%w_.]+:? ?$" and not note:find "^[%w_]+: " then
            note = note ~= "" and ": " .. note or ""
        else
            note = " " .. note
        end
        add(page, ("- %s`%s`%s"):format(name, entry.kind, note))
    end
end

-- Adds functions by name, those without a comment in one line.
local function add_functions(page, functions, prefix)
    local entries, bare = {}, {}
    for name, f in pairs(functions) do
        local path, line, params = place_of(f)
        local doc = path and doc_above(path, line)
        if doc and #doc.text == 0 then doc = doc_of_assignment(path, name) or doc end
        if doc and not is_internal(doc) and (#doc.text > 0 or #doc.params > 0 or #doc.returns > 0) then
            entries[#entries + 1] = { name = name, params = params, doc = doc, path = path, line = line }
        elseif path and not doc then
            bare[#bare + 1] = name
        elseif doc and not is_internal(doc) then
            bare[#bare + 1] = name
        end
    end
    table.sort(entries, function(a, b)
        if a.path ~= b.path then return a.path < b.path end
        if a.line ~= b.line then return a.line < b.line end
        return a.name < b.name
    end)
    for _, entry in ipairs(entries) do
        local params = entry.params:gsub("^%(self,? ?", "("):gsub("^%(object,? ?", "("):gsub("^%(_,? ?", "(")
        add(page, ("### `%s%s%s`"):format(prefix, entry.name, params), "")
        add_text(page, entry.doc.text)
        local params_told = {}
        for _, param in ipairs(entry.doc.params) do
            if param.name ~= "self" and param.name ~= "object" then params_told[#params_told + 1] = param end
        end
        add_list(page, params_told)
        add_list(page, entry.doc.returns, "returns ")
        if #params_told + #entry.doc.returns > 0 then add(page, "") end
    end
    table.sort(bare)
    for i, name in ipairs(bare) do
        bare[i] = ("`%s%s`"):format(prefix, name)
    end
    if #bare > 0 then add(page, "Also: " .. table.concat(bare, ", ") .. ".", "") end
end

-- The classes that a file declares with fields: options and results, too.
local told = {}
local function declarations_of(path)
    local classes = {}
    if told[path] then return classes end
    told[path] = true
    local lines = lines_of(path)
    for at, line in ipairs(lines) do
        if line:find "^%-%-%-@" and not (lines[at + 1] or ""):find "^%-%-%-" then
            local doc = doc_above(path, at + 1)
            if doc.class and #doc.fields > 0 and not (lines[at + 1] or ""):find "^local M = " then
                classes[#classes + 1] = doc
            end
        end
    end
    return classes
end

local function add_class(page, doc)
    add(page, ("### %s"):format(doc.class), "")
    add_text(page, doc.text)
    add_list(page, doc.fields)
    add(page, "")
end

-- Adds those of the classes that the page names already; the others are the library's own.
local function add_named(page, classes)
    local rest = {}
    for _, doc in ipairs(classes) do
        local name = doc.class:match("^[%w_.]+"):gsub("%.", "%%.")
        if (table.concat(page, "\n") .. "\n"):find(name .. "[^%w_.]") then
            add_class(page, doc)
        else
            rest[#rest + 1] = doc
        end
    end
    if #rest < #classes then add_named(page, rest) end
end

-- The header of a module's file, and the lines that say what it raises and whether it suspends.
local function add_header(page, name)
    local path = name == "" and "lua/ljos/init.lua" or "lua/ljos/" .. name:gsub("%.", "/") .. ".lua"
    local file = io.open(path)
    if not file then return end
    file:close()
    local header, at = {}, 1
    local lines = lines_of(path)
    while lines[at]:find "^%-%-%-" do
        local text = lines[at]:gsub("^%-%-%- ?", "")
        if not text:find "^Long:" and not text:find "^Needs:" then
            header[#header + 1] = text:gsub("^(Errors:) +", "- %1 "):gsub("^(Suspends:) +", "- %1 ")
        end
        at = at + 1
    end
    add_text(page, header)
    return path
end

-- Functions `function VAR:name(...)` of a file, and the local ones whose first parameter is `self`.
local function add_static_methods(page, title, path, variable)
    add(page, ("## Class `%s`"):format(title), "")
    for at, line in ipairs(lines_of(path)) do
        local name = line:match("^function " .. variable .. "[.:]([%w_]+)")
            or line:match "^local function ([%w_]+)%(self"
        if name and not name:find "^__" then
            local doc = doc_above(path, at)
            local params = (line:match "(%b())" or "()"):gsub("^%(self,? ?", "(")
            if #doc.text > 0 then
                add(page, ("### `:%s%s`"):format(name, params), "")
                add_text(page, doc.text)
                local list = {}
                for _, param in ipairs(doc.params) do
                    if param.name ~= "self" then list[#list + 1] = param end
                end
                add_list(page, list)
                add_list(page, doc.returns, "returns ")
                if #list + #doc.returns > 0 then add(page, "") end
            end
        end
    end
end

local function page_of(entry)
    local name, title, modules, folder = entry[1], entry[2], entry[3], entry[4]
    local page = { "# " .. title, "", "Generated from the sources by `doc/api.lua`.", "" }
    local first = #made + 1
    local declaring = {}
    for _, module_name in ipairs(modules) do
        local module = find_module(module_name)
        local public = module_name == "" and "ljos" or module_name
        add(page, ("## `%s`"):format(public), "")
        declaring[#declaring + 1] = add_header(page, module_name)
        if type(module) == "function" then
            add_functions(page, { [public] = module }, "")
        else
            local own = module_name == modules[1] and folder or HIDDEN[module_name]
            add_functions(page, names_of(module, own), public .. ".")
        end
    end
    if name == "byte_span" then
        add(page, "## Class `byte_span`", "")
        add_functions(page, require("ljos.byte_span.span").ByteSpan, ":")
        declaring[#declaring + 1] = "lua/ljos/byte_span/span.lua"
    end
    for at = first, #made do
        local class = made[at]
        add(page, ("## Class `%s`"):format(class.name), "")
        add_functions(page, class.methods, ":")
        local properties = {}
        for property in pairs(class.properties) do
            properties[#properties + 1] = "`" .. property .. "`"
        end
        table.sort(properties)
        if #properties > 0 then add(page, "Properties: " .. table.concat(properties, ", ") .. ".", "") end
        declaring[#declaring + 1] = class.path
    end
    for _, class in ipairs(CLASSES[name] or {}) do
        add_static_methods(page, class[1], class[2], class[3])
        declaring[#declaring + 1] = class[2]
    end
    add(page, "## Options and results", "")
    local before = #page
    for _, path in ipairs(declaring) do
        for _, doc in ipairs(declarations_of(path)) do
            add_class(page, doc)
        end
    end
    local inner = {}
    for path in io.popen("find " .. (folder or "/dev/null") .. " -name '*.lua' | sort"):lines() do
        for _, doc in ipairs(declarations_of(path)) do
            inner[#inner + 1] = doc
        end
    end
    add_named(page, inner)
    if #page == before then
        page[#page], page[#page - 1] = nil, nil
    end
    return (table.concat(page, "\n"):gsub("\n+$", "") .. "\n")
end

-- Loads what makes classes in the order of the pages, and writes them.
local directory = assert(..., "usage: luajit doc/api.lua DIRECTORY")
local index = {
    "# Reference",
    "",
    "Generated from the sources by `doc/api.lua`. The [guides](../README.md) are the better place to begin; the system",
    "calls have [a list of their own](../syscalls.md).",
    "",
    "Sources that are cited: seed 003 is the manual of Emilua, 000 and 001 are ljsyscall's, 004 is LuaIPC's;",
    "open(2) and its like are man pages.",
    "",
}
for _, entry in ipairs(PAGES) do
    local file = assert(io.open(("%s/%s.md"):format(directory, entry[1]), "w"))
    file:write(page_of(entry))
    file:close()
    local names = {}
    for i, module in ipairs(entry[3]) do
        names[i] = "`" .. (module == "" and "ljos" or module) .. "`"
    end
    index[#index + 1] = ("- [%s](%s.md): %s"):format(entry[2], entry[1], table.concat(names, ", "))
end
local file = assert(io.open(directory .. "/README.md", "w"))
file:write(table.concat(index, "\n") .. "\n")
file:close()
