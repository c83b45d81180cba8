-- Every function of the reference with nonsense in each place: an error that says what was wrong, or a result, and
-- nothing left behind. Each class has a process of its own, in an empty directory, without a network where that can
-- be had.
local temporary_directory = require "temporary_directory"

local ISOLATED = os.execute "unshare -n true 2>/dev/null" == 0 and "unshare -n"
    or os.execute "unshare -rn true 2>/dev/null" == 0 and "unshare -rn"
    or ""

-- Class -> its names, "" for a class that is a function itself. Constants are of no interest here.
local function reference()
    local classes, order = {}, {}
    for line in io.lines "tests/programs/reference_names.txt" do
        local class, name = line:match "^([^\t]*)\t?(.*)$"
        if not classes[class] then
            classes[class] = {}
            order[#order + 1] = class
        end
        if not name:find "^[A-Z0-9_]+$" then table.insert(classes[class], name) end
    end
    return classes, order
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local checkout = io.popen("pwd"):read "*l"
local path = ("%s/lua/?.lua;%s/lua/?/init.lua;%s/tests/?.lua;;"):format(checkout, checkout, checkout)

local function answers(class, names)
    local words = { quote(class) }
    for _, name in ipairs(names) do
        words[#words + 1] = quote(name)
    end
    local directory = temporary_directory.make()
    local program = ("luajit %s/tests/programs/bad_input.lua %s"):format(checkout, table.concat(words, " "))
    local command = "cd %s && LUA_PATH=%s timeout 120 %s %s </dev/null >/dev/null 2>&1; echo $?; cat complaints"
    local pipe = assert(io.popen(command:format(directory, quote(path), ISOLATED, program)))
    local output = pipe:read "*a"
    pipe:close()
    temporary_directory.remove_all()
    return output
end

describe("nonsense as arguments", function()
    local classes, order = reference()
    for _, class in ipairs(order) do
        it("is refused by " .. class, function()
            local output = answers(class, classes[class])
            if output == "0\nabsent\n" then return end
            assert.equal("0\ndone\n", output)
        end)
    end

    it("is tried on most of the reference", function()
        local total, present = 0, 0
        for class in pairs(classes) do
            total = total + 1
            if not answers(class, {}):find "absent" then present = present + 1 end
        end
        assert.is_true(present > total / 2)
    end)
end)

describe("a key that there is not", function()
    local ljos = require "ljos"

    local objects = {
        ["byte_span"] = ljos.byte_span.new(1),
        ["error_group"] = ljos.asio_error.misc,
        ["error category system"] = ljos.error.system_category,
        ["file.stream"] = ljos.file.stream.new(),
        ["filesystem"] = ljos.filesystem,
        ["filesystem.path"] = ljos.filesystem.path.new "x",
        ["ip.address"] = ljos.ip.address.loopback_v4(),
        ["ip.tcp.socket"] = ljos.ip.tcp.socket.new(),
        ["mutex"] = ljos.mutex.new(),
        ["regex"] = ljos.regex.new { pattern = "a", grammar = "ecma" },
        ["system.signal"] = ljos.system.signal,
        ["this_fiber"] = ljos.fiber.this_fiber,
    }
    for name, object in pairs(objects) do
        it("is named with the object: " .. name, function()
            local ok, err = pcall(function() return object.is_cancelled end)
            assert.is_false(ok)
            assert.is_true(ljos.error.is_core(err, "bad_index"))
            assert.equal(name .. " has no is_cancelled", err.detail)
            assert.matches("(" .. name .. " has no is_cancelled)", ljos.error.describe(err), 1, true)
        end)
    end
end)
