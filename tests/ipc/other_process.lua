-- Another process for a test: `local other = other_process.start(program)` runs a Lua program that talks by lines.
-- It runs in a luajit of its own, with the same library.
local proc = require "ljos.ipc.proc"

local Other = {}
Other.__index = Other

local M = {}

--- Starts a Lua program; `arg` has the arguments.
function M.start(program, ...)
    local words = { "LUA_PATH='lua/?.lua;lua/?/init.lua'", "luajit", "-e" }
    for _, text in ipairs { "io.stdout:setvbuf 'line' " .. program, ... } do
        words[#words + 1] = "'" .. text:gsub("'", "'\\''") .. "'"
    end
    -- With `-e` alone luajit would go on to read a program from its input.
    words[3] = "-e " .. words[4]
    words[4] = "-e 'os.exit(0, true)'"
    local self = setmetatable({ output = "" }, Other)
    self.process = assert(proc.spawn(table.concat(words, " ", 1, 4), {
        stdin = true,
        stdout = true,
        callback = function(_, data)
            self.output = self.output .. data
            if self.output:find("\n", 1, true) then error(self, 0) end
        end,
    }))
    return self
end

--- Waits for its next line.
function Other:line()
    while not self.output:find("\n", 1, true) do
        local ok, err = pcall(self.process.wait, self.process)
        if not ok and err ~= self then error(err, 0) end
        if ok then return nil end
    end
    local line, rest = self.output:match "^([^\n]*)\n(.*)$"
    self.output = rest
    return line
end

--- Sends it a line.
function Other:send(line) self.process:write(line .. "\n") end

--- Ends its input and waits for its end.
function Other:finish()
    self.process:write(proc.EOF)
    while true do
        local ok, result, kind, number = pcall(self.process.wait, self.process)
        if ok then return result, kind, number end
        if result ~= self then error(result, 0) end
        self.output = ""
    end
end

return M
