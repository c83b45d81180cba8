-- The programs in doc/ run, and print what stands below them.
local temporary_directory = require "temporary_directory"

local PAGES = { "structured_concurrency", "networking" }
local NAMES = { "task_group", "timeout", "channel", "select", "semaphore" }

local function read(path)
    local file = assert(io.open(path))
    local text = file:read "*a"
    file:close()
    return text
end

describe("doc/", function()
    after_each(temporary_directory.remove_all)

    for _, page in ipairs(PAGES) do
        local number = 0
        for program, output in read("doc/" .. page .. ".md"):gmatch "```lua\n(.-)```\n\n```\n(.-)```" do
            number = number + 1
            it(("%s.md: program %d prints what the page says"):format(page, number), function()
                local path = temporary_directory.make() .. "/program.lua"
                local file = assert(io.open(path, "w"))
                file:write(program)
                file:close()
                local pipe = assert(io.popen("LUA_PATH='lua/?.lua;lua/?/init.lua' luajit " .. path .. " 2>&1"))
                assert.equal(output, pipe:read "*a")
                pipe:close()
            end)
        end

        it(page .. ".md shows no program without its output", function()
            local _, programs = read("doc/" .. page .. ".md"):gsub("```lua\n", "")
            assert.equal(number, programs)
        end)
    end

    it("structured_concurrency.md names every public function of its modules", function()
        local text = read "doc/structured_concurrency.md"
        for _, name in ipairs(NAMES) do
            for key, value in pairs(require("ljos." .. name)) do
                local is_internal = name == "channel" and key == "connect_select"
                if type(value) == "function" and not is_internal then
                    assert.is_truthy(text:find(key, 1, true), name .. "." .. key)
                end
            end
        end
    end)
end)
