-- doc/api: what doc/api.lua writes today, and every function that the manual has. LJOS_WRITE_DOC=1 rewrites it.
local temporary_directory = require "temporary_directory"

local function output_of(command)
    local pipe = assert(io.popen(command .. " 2>&1"))
    local output = pipe:read "*a"
    pipe:close()
    return output
end

-- What the manual names and Linux has not got; operators are told in the guides.
local function is_left_out(name) return name:find "^cap_%l+s_" or name:find "^__" end

describe("the reference", function()
    teardown(temporary_directory.remove_all)

    it("is what doc/api.lua makes of the sources", function()
        local directory = temporary_directory.make()
        assert.equal("", output_of("luajit doc/api.lua " .. directory))
        if os.getenv "LJOS_WRITE_DOC" then output_of(("cp %s/*.md doc/api/"):format(directory)) end
        local difference = output_of(("diff -r %s doc/api"):format(directory))
        assert.equal("", difference, "run `make reference`: doc/api is not what the sources say")
    end)

    it("has the name of every function of the manual", function()
        local text = output_of "cat doc/api/*.md"
        local missing = {}
        for line in io.lines "tests/programs/reference_names.txt" do
            local module, name = line:match "^(%S+)\t([%w_]+)%(%)$"
            if name and not is_left_out(name) and not text:find("[.:`]" .. name .. "[`(]") then
                missing[#missing + 1] = module .. "." .. name
            end
        end
        assert.same({}, missing)
    end)
end)
