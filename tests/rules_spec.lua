-- The rules of seed 003 and of its originals for fibers, cancellation, scopes, synchronisation, time and errors: for
-- each a program and all it prints (stdout and stderr on one descriptor), in app mode and in library mode. The tables
-- are in tests/rules: { title, program, output, status, app_only =, library_only =, traceback = pattern }.
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local root = assert(io.popen "pwd"):read "*l"
local library = "LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua' luajit %s/tests/programs/library_mode.lua"
local MODES = {
    { "app mode", root .. "/bin/ljos", "library_only" },
    { "library mode", (library:gsub("%%s", root)), "app_only" },
}

-- What varies from run to run is cut out: addresses, and tracebacks, which come second.
local function normalized(text)
    local lines, tracebacks, inside = {}, {}, false
    for line in text:gsub("0x%x+", "ID"):gmatch "[^\n]*\n" do
        inside = line:find "^stack traceback:" ~= nil or inside and line:find "^[\t ]" ~= nil
        local list = inside and tracebacks or lines
        list[#list + 1] = line
    end
    return table.concat(lines), table.concat(tracebacks)
end

describe("the rule:", function()
    local directory

    before_each(function() directory = temporary_directory.make() end)
    after_each(temporary_directory.remove_all)

    local function run(command, program)
        text_file.write(directory .. "/main.lua", program)
        local line = "cd '%s' && { env -u LJOS_PATH -u LJOS_TRACE %s main.lua; echo status=$?; } 2>&1"
        local pipe = assert(io.popen(line:format(directory, command)))
        local output, status = pipe:read("*a"):match "^(.*)status=(%d+)\n$"
        pipe:close()
        local text, tracebacks = normalized(output)
        return text, tonumber(status), tracebacks
    end

    for _, name in ipairs { "names", "errors", "fibers", "cancellation", "scopes", "sync" } do
        for _, rule in ipairs(dofile("tests/rules/" .. name .. ".lua")) do
            for _, mode in ipairs(MODES) do
                if not rule[mode[3]] then
                    it(rule[1] .. " (" .. mode[1] .. ")", function()
                        local text, status, tracebacks = run(mode[2], rule[2])
                        assert.equal(rule[3], text)
                        assert.equal(rule[4] or 0, status)
                        if rule.traceback then assert.matches(rule.traceback, tracebacks) end
                    end)
                end
            end
        end
    end
end)
