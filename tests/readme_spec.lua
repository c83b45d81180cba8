-- The first program of the README runs as the README says.
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local read = text_file.read

describe("the README", function()
    after_each(temporary_directory.remove_all)

    it("shows a first program that runs with the command below it", function()
        local readme = read "README.md"
        local program = assert(readme:match "```lua\n(.-)```")
        local command = assert(readme:match "```sh\n(LUA_PATH[^\n]*luajit hello%.lua)\n```")
        local path = temporary_directory.make() .. "/hello.lua"
        text_file.write(path, program)
        local pipe = assert(io.popen(command:gsub("hello%.lua", path) .. " 2>&1"))
        local output = pipe:read "*a"
        pipe:close()
        assert.equal(
            "hello from fiber one\nhello from fiber two\nhello from fiber three\n",
            output:match "^(.-)carried by"
        )
    end)

    it("shows the program that lies in examples", function()
        -- The example says how to run it, and finds the library of the checkout by itself.
        local example = read("examples/hello.lua"):gsub("%-%- Run:[^\n]*\nif package then[^\n]*\n", "")
        assert.equal(read("README.md"):match "```lua\n(.-)```", example)
    end)

    it("names folders and files that exist", function()
        for link in read("README.md"):gmatch "%]%(([%w_./-]+)%)" do
            local file = io.open(link)
            assert.is_truthy(file, link)
            file:close()
        end
    end)
end)
