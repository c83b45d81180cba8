--- Most system calls, compiled from one line each.
---
--- A line is `name  parameters | kernel call | result`, for example
---
---     fchmodat  dir:at path:path mode:MODE flags:AT | fchmodat dir path mode | ok
---
--- A parameter is `name:type`, with `=default` for what nil stands for. Types: `fd`, `at` (a directory), `path`, `int`,
--- `ptr` (buffer, string or nil), `buf` (buffer or nil), `buf16` (of 16 bytes at least), `size` (of the parameter
--- before it), structs in lower case that `t` knows,
--- and groups of constants in upper case, with `+` where they are the flags of a new descriptor, which is
--- close-on-exec. The kernel call may be left out when it is the same name with all the parameters in order; in it
--- `@GROUP.NAME` is a constant, and a number is itself. `libc:` before its name takes the C library's function.
--- Results: `ok` (true), `int`, `fd`, `wide` (a number above 2^31), and `!` after it when the call is not repeated on
--- EINTR. The Lua source made of a line has fixed arity and is compiled when the function is first asked for.
---
--- Errors:   the functions return nil, Error; wrong arguments raise
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
--- Long:     compile binds a source to its upvalues in one list, whose order is that of the names
local argument = require "ljos.syscall.argument"
local c = require "ljos.syscall.constants"
local fd = require "ljos.syscall.fd"
local kernel = require "ljos.syscall.kernel"
local Error = require "ljos.error"

---@class ljos.syscall.spec
local M = {}

-- The tables of lines, in the order of their names in doc/syscalls.md.
local tables =
    { "file", "path", "socket", "process", "identity", "memory", "time", "event", "system", "security", "modern" }

local blocks ---@type string[]
local function load_blocks()
    blocks = {}
    for i, name in ipairs(tables) do
        blocks[i] = "\n" .. require("ljos.syscall.table." .. name)
    end
end

--- Finds the line of a function.
---@param name string
---@return string?
function M.line(name)
    if not blocks then load_blocks() end
    for i = 1, #blocks do
        local line = blocks[i]:match("\n" .. name .. " +([^\n]+)")
        if line then return line end
    end
end

--- Iterates all lines, name and rest.
---@return fun(): string?, string?
function M.lines()
    if not blocks then load_blocks() end
    return table.concat(blocks):gmatch "\n([%w_]+) +([^\n]+)"
end

local function split(line)
    local parts = {}
    for part in (line .. "|"):gmatch "%s*(.-)%s*|" do
        parts[#parts + 1] = part
    end
    if #parts == 2 then return parts[1], nil, parts[2] end
    return parts[1], parts[2], parts[3]
end

---@class ljos.syscall.Parameter
---@field name string
---@field type string
---@field default? string

---@param text string
---@return ljos.syscall.Parameter[]
function M.parameters(text)
    local list = {}
    for name, kind, default in text:gmatch "([%w_]+):([%w_]+%+?)=?([^%s]*)" do
        list[#list + 1] = { name = name, type = kind, default = default ~= "" and default or nil }
    end
    return list
end

local letters = { fd = "i", at = "i", int = "i", size = "i", path = "p", ptr = "p", buf = "p" }
local function letter_of(kind)
    if letters[kind] then return letters[kind] end
    if kind:match "^buf%d" then return "p" end
    return kind:upper() == kind and "i" or "p"
end

local checks = {
    fd = "%s = K_number(%s, %d)",
    at = "%s = K_at(%s, %d)",
    path = "%s = K_path(%s, %d)",
    ptr = "%s = K_pointer(%s, %d)",
    buf = "%s = K_buffer(%s, %d)",
}

-- The statement that checks and converts one parameter; `upvalues` collects what it needs.
local function check(parameter, position, upvalues, previous)
    local name, kind = parameter.name, parameter.type
    local least = kind:match "^buf(%d+)$"
    local lines = {}
    if parameter.default then
        local default = tonumber(parameter.default) and parameter.default or ("%q"):format(parameter.default)
        lines[1] = ("if %s == nil then %s = %s end"):format(name, name, default)
    end
    if checks[kind] then
        lines[#lines + 1] = checks[kind]:format(name, name, position)
    elseif least then
        lines[#lines + 1] = ("%s = K_memory(%s, %d, %s)"):format(name, name, position, least)
    elseif kind == "size" then
        lines[#lines + 1] = ("%s = K_size(%s, %d, %s)"):format(name, name, position, previous.name)
    elseif kind == "int" then
        -- a number that is no number is not equal to itself
        local line = 'if K_type($) ~= "number" or $ ~= $ then $ = K_integer($, %d) end'
        lines[#lines + 1] = line:gsub("%$", name):format(position)
    elseif kind:sub(-1) == "+" then
        kind = kind:sub(1, -2)
        upvalues[#upvalues + 1] = { "G_" .. kind, c[kind] }
        lines[#lines + 1] = ("%s = K_cloexec(G_%s, %s, %d)"):format(name, kind, name, position)
    elseif kind:upper() == kind then
        upvalues[#upvalues + 1] = { "G_" .. kind, c[kind] }
        lines[#lines + 1] = ("%s = K_flag(G_%s, %s, %d)"):format(name, kind, name, position)
    else
        upvalues[#upvalues + 1] = { "T_" .. kind, kind }
        lines[#lines + 1] = ("%s = K_struct(T_%s, %s, %d)"):format(name, kind, name, position)
    end
    return table.concat(lines, " ")
end

-- The kernel's argument list: expressions and the signature.
local function arguments(text, parameters)
    local kinds, list, signature = {}, {}, {}
    for _, parameter in ipairs(parameters) do
        kinds[parameter.name] = parameter.type
    end
    if not text then
        for i, parameter in ipairs(parameters) do
            list[i], signature[i] = parameter.name, letter_of(parameter.type)
        end
        return nil, list, table.concat(signature)
    end
    local target, rest = text:match "^(%S+)%s*(.*)$"
    for word in rest:gmatch "%S+" do
        local group, name = word:match "^@([%w_]+)%.([%w_]+)$"
        if group then
            list[#list + 1], signature[#signature + 1] = tostring(c[group][name]), "i"
        elseif word == "nil" then
            list[#list + 1], signature[#signature + 1] = "nil", "p"
        elseif word:match "^#" then
            -- the size of a struct argument
            list[#list + 1], signature[#signature + 1] =
                ("%s == nil and 0 or K_sizeof(%s)"):format(word:sub(2), word:sub(2)), "i"
        else
            list[#list + 1] = word
            signature[#signature + 1] = kinds[word] and letter_of(kinds[word]) or "i"
        end
    end
    return target, list, table.concat(signature)
end

local results = {
    ok = "if K_res >= 0 then return true end return nil, K_errno(-K_res)",
    int = "if K_res >= 0 then return K_res end return nil, K_errno(-K_res)",
    fd = "if K_res >= 0 then return K_fd(K_res) end return nil, K_errno(-K_res)",
    wide = "",
}

local function bind_target(target, signature, result)
    local libc = target:match "^libc:(.*)"
    if libc then
        local list = signature:gsub("i", "int64_t, "):gsub("p", "const void *, "):gsub(", $", "")
        local f = kernel.libc(libc, "int (" .. list .. ")")
        return function(a, b, x, d, e, g)
            local n = #signature
            local res
            if n == 0 then
                res = f()
            elseif n == 1 then
                res = f(a)
            elseif n == 2 then
                res = f(a, b)
            elseif n == 3 then
                res = f(a, b, x)
            elseif n == 4 then
                res = f(a, b, x, d)
            elseif n == 5 then
                res = f(a, b, x, d, e)
            else
                res = f(a, b, x, d, e, g)
            end
            return res == -1 and -require("ffi").errno() or res
        end
    end
    if result == "wide" then return kernel.wide(target, signature) end
    return kernel.call(target, signature)
end

--- Compiles the function of a line.
---@param name string
---@param line string
---@return function
function M.compile(name, line)
    local parameter_text, target_text, result = split(line)
    local retry = not result:find("!", 1, true)
    result = result:match "%w+"
    local parameters = M.parameters(parameter_text)
    local target, list, signature = arguments(target_text, parameters)
    local upvalues = {}
    local body = {}
    local names = {}
    for i, parameter in ipairs(parameters) do
        names[i] = parameter.name
        body[i] = check(parameter, i, upvalues, parameters[i - 1])
    end
    local call = ("K_call(%s)"):format(table.concat(list, ", "))
    if result == "wide" then
        body[#body + 1] = "return " .. call
    else
        body[#body + 1] = "local K_res = " .. call
        if retry then
            body[#body + 1] = ("while K_res == %d do K_kernel.interrupted() K_res = %s end"):format(
                -Error.errno_of.EINTR,
                call
            )
        end
        body[#body + 1] = results[result]
    end
    local head = "local K_call, K_number, K_at, K_path, K_pointer, K_buffer, K_memory, K_integer, K_size, "
        .. "K_flag, K_cloexec, K_struct, K_errno, K_fd, K_sizeof, K_type, K_kernel, up = ...\n"
    local values = {}
    for i, upvalue in ipairs(upvalues) do
        head = head .. ("local %s = up[%d]\n"):format(upvalue[1], i)
        values[i] = upvalue[2]
    end
    local source = head .. ("return function(%s)\n%s\nend"):format(table.concat(names, ", "), table.concat(body, "\n"))
    local types = require "ljos.syscall.types"
    for i, upvalue in ipairs(upvalues) do
        if upvalue[1]:sub(1, 2) == "T_" then values[i] = types.t[upvalue[2]] end
    end
    return assert(loadstring(source, "=ljos.syscall." .. name))(
        bind_target(target or name, signature, result),
        fd.number,
        fd.at,
        argument.path,
        argument.pointer,
        argument.buffer,
        argument.memory,
        argument.integer,
        argument.size,
        argument.flag,
        argument.cloexec,
        argument.struct,
        Error.errno,
        fd.new,
        require("ffi").sizeof,
        type,
        kernel,
        values
    )
end

--- Compiles the function of that name, if a line has it.
---@param name string
---@return function?
function M.get(name)
    local line = M.line(name)
    return line and M.compile(name, line)
end

return M
