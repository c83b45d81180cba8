-- What CONTRIBUTING.md asks of every file, as far as its text shows it; the shape of the tree is in layers_spec.lua.
local source_files = require "source_files"

local modules = source_files.below("lua/ljos", "*.lua")
local rust = source_files.below("native", "*.rs")

local function all()
    local files = {}
    for _, list in ipairs {
        modules,
        rust,
        source_files.below("lua/compat bin examples bench tests doc", "*.lua"),
        source_files.below("tools bench", "*.sh"),
    } do
        for _, file in ipairs(list) do
            if file.path ~= "tests/style_spec.lua" then files[#files + 1] = file end
        end
    end
    return files
end

-- Modules whose functions are calls of the kernel or of ljsyscall, under their names: the manual says what they do.
local NAMED_BY_OTHERS = { "^lua/ljos/syscall/", "^lua/ljos/actor/init_script/", "^lua/ljos/filesystem/calls%.lua$" }

local function is_named_by_others(path)
    for _, pattern in ipairs(NAMED_BY_OTHERS) do
        if path:find(pattern) then return true end
    end
end

-- Calls visit(name, parameters, comment) for each function of a module's table or of a class; comment: its `---` lines.
local function each_exported(source, visit)
    local comment = ""
    for line in source:gmatch "([^\n]*)\n" do
        local owner, name, parameters = line:match "^function (%w+)[.:]([%w_]+)%((.-)%)"
        if owner and (owner == "M" or owner == "methods" or owner:find "^%u") and not name:find "^__" then
            visit(owner .. "." .. name, parameters, comment)
        end
        if line:find "^%-%-%-" then
            comment = comment .. line .. "\n"
        elseif not line:find "^%-%-" then
            comment = ""
        end
    end
end

local function assert_none(files, check) assert.equal("", source_files.complaints(files, check)) end

describe("the text of the sources", function()
    it("says of every exported function what it does, and what its parameters are", function()
        assert_none(modules, function(file, complain)
            if is_named_by_others(file.path) then return end
            each_exported(file.source, function(name, parameters, comment)
                if comment == "" then return complain("%s has no comment", name) end
                if comment:find "%-%-%-@type" or comment:find "%-%-%-@param %.%.%." then return end
                for parameter in parameters:gmatch "[^, ]+" do
                    local is_told = comment:find("---@param " .. parameter .. "%f[^%w_]")
                    if parameter ~= "self" and not parameter:find "^_" and not is_told then
                        complain("%s does not tell what %s is", name, parameter)
                    end
                end
            end)
        end)
    end)

    it("promises nothing for later, and does not speak of what was", function()
        local words = { "TODO", "FIXME", "formerly", "previously", "originally", "anymore", "nowadays" }
        assert_none(all(), function(file, complain)
            for line in file.source:gmatch "[^\n]+" do
                local comment = line:match "^%s*%-%-(.*)" or line:match "^%s*//(.*)" or line:match "^%s*#(.*)"
                for _, word in ipairs(comment and words or {}) do
                    -- An example's own argument is no promise.
                    if comment:find("%f[%w]" .. word .. "%f[%W]") and not comment:find "Run:" then
                        complain("%s", line)
                    end
                end
            end
        end)
    end)

    it("names files that exist", function()
        local examples = { "program.lua", "server.lua", "a/b.lua", "a/b/init.lua", "/app/init.lua", "meta/native.lua" }
        local paths = table.concat(
            source_files.lines_of "find bin bench doc examples lua native tests tools -type f",
            "\n"
        ) .. "\n"
        for _, example in ipairs(examples) do
            paths = paths .. "/" .. example .. "\n"
        end
        local files = all()
        for _, page in ipairs(source_files.below("doc CONTRIBUTING.md", "*.md")) do
            if page.path == "CONTRIBUTING.md" or page.path == "doc/architecture.md" then files[#files + 1] = page end
        end
        assert_none(files, function(file, complain)
            local is_page = file.path:find "%.md$"
            for line in file.source:gmatch "[^\n]+" do
                local text = is_page and line or line:match "^%s*%-%-(.*)" or line:match "^%s*//(.*)" or ""
                for name, kind in text:gmatch "([%w_./-]*[%w_]%.(%l+))" do
                    local pattern = "[/\n]" .. name:gsub("^[./]+", ""):gsub("%p", "%%%0") .. "\n"
                    if (kind == "lua" or kind == "rs") and not paths:find(pattern) then complain("%s", name) end
                end
            end
        end)
    end)

    it("writes C types without $, which busted's memoised ffi would not look at", function()
        assert_none(all(), function(file, complain)
            for call in file.source:gmatch 'ffi%.%l+%s*%(?%s*"[^"\n]*%$[^\n]*' do
                complain("%s", call)
            end
        end)
    end)

    it("tells at the head of every example how it is run", function()
        assert_none(source_files.below("examples", "*.lua"), function(file, complain)
            local head = file.source:match "^(%-%-.-)\n[^-]" or ""
            local name = file.path:gsub("%p", "%%%0")
            if not head:find("\n%-%- Run: .*" .. name) then complain "no line `-- Run: ` with a command" end
        end)
    end)

    it("names every export of the native library after its facility", function()
        assert_none(rust, function(file, complain)
            local facility = file.path:match "^native/ljos/src/([%w_]+)"
            if not facility or facility == "lib" then return end
            for name in file.source:gmatch '#%[no_mangle%].-extern "C" fn ([%w_]+)' do
                if not name:find("^ljos_" .. facility) then complain("%s", name) end
            end
        end)
    end)

    it("forbids unsafe code in every Rust file that has none", function()
        assert_none(rust, function(file, complain)
            local code = file.source:gsub("//[^\n]*", "")
            local is_crate = file.path:find "/lib%.rs$" -- for it the line would speak of all modules
            local describes = code:find "layouts! {" -- a macro in which there is unsafe code
            if is_crate or describes or code:find "unsafe[ _]" then return end
            complain "has no #![forbid(unsafe_code)]"
        end)
    end)
end)
