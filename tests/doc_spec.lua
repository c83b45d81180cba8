-- The programs in doc/ run, and print what stands below them: "```lua" by luajit, "```lua app" by bin/ljos.
local needs = require "needs"
local source_files = require "source_files"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local STRUCTURED_CONCURRENCY = { "task_group", "timeout", "channel", "select", "semaphore" }

local root = source_files.lines_of("pwd")[1]
local ENVIRONMENT = ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua' "):format(root, root)
local RUNNERS = { [""] = ENVIRONMENT .. "luajit", [" app"] = root .. "/bin/ljos" }

local lines_of, read = source_files.lines_of, text_file.read

-- What a program prints, in a directory of its own.
local function output_of(runner, program)
    local directory = temporary_directory.make()
    text_file.write(directory .. "/program.lua", program)
    local pipe = assert(io.popen(("cd %s && %s program.lua 2>&1"):format(directory, runner)))
    local output = pipe:read "*a"
    pipe:close()
    return output
end

describe("doc/", function()
    after_each(temporary_directory.remove_all)

    for _, path in ipairs(lines_of "ls doc/*.md") do
        local text, number = read(path), 0
        for mode, program, output in text:gmatch "```lua([^\n]*)\n(.-)```\n\n```\n(.-)```" do
            number = number + 1
            local it = program:find("sandbox.spawn", 1, true) and needs.sandboxes(it)
                or program:find("landlock_", 1, true) and needs.landlock(it)
                or program:find("newns_user", 1, true) and needs.namespaces(it)
                or it
            it(("%s: program %d prints what the page says"):format(path, number), function()
                local runner = assert(RUNNERS[mode], "no such mode:" .. mode)
                assert.equal(output, output_of(runner, program))
            end)
        end

        it(path .. " shows no program without its output", function()
            local _, programs = text:gsub("```lua", "")
            assert.equal(number, programs)
        end)

        it(path .. " links to what exists", function()
            for link in text:gmatch "%]%(([^)#:]+)[^):]*%)" do
                local file = io.open("doc/" .. link)
                assert.is_truthy(file, link)
                file:close()
            end
        end)
    end

    it("README.md leads to every page", function()
        local index = read "doc/README.md"
        for _, path in ipairs(lines_of "ls doc/*.md") do
            local page = path:match "[^/]+$"
            if page ~= "README.md" then assert.matches("](" .. page .. ")", index, 1, true) end
        end
    end)

    it("structured_concurrency.md names every public function of its modules", function()
        local text = read "doc/structured_concurrency.md"
        for _, name in ipairs(STRUCTURED_CONCURRENCY) do
            for key, value in pairs(require("ljos." .. name)) do
                local is_internal = name == "channel" and key == "connect_select"
                if type(value) == "function" and not is_internal then
                    assert.is_truthy(text:find(key, 1, true), name .. "." .. key)
                end
            end
        end
    end)
end)
