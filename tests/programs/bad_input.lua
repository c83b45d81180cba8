-- Calls what is in one class or module of the reference with nonsense, in a process of its own. Writes a line for each
-- complaint, and "done", to the file "complaints": the standard streams are among what is called.
-- Run: luajit tests/programs/bad_input.lua CLASS NAME... (in an empty directory)
-- A complaint: an error that is no ljos.Error and names no argument; descriptors or operations left behind.
local CLASS = arg[1]
local MOMENT = 0.004

local ffi = require "ffi"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"
local ljos = require "ljos"
local loop = require "ljos.loop"
local subjects = require "programs.bad_input_subjects"
local timeout = require "ljos.timeout"

ffi.cdef "unsigned alarm(unsigned);"

local complaints = assert(io.open("complaints", "w"))
complaints:setvbuf "no"
local function complain(...) complaints:write(CLASS, " ", table.concat({ ... }, " "), "\n") end

local closed_file = ljos.file.stream.new()
local closed_socket = ljos.ip.tcp.socket.new()
local span = ljos.byte_span.new(4)

-- What is passed: name for the complaint, value.
local garbage = {
    { "a table", {} },
    { "true", true },
    { "a function", function() end },
    { "a coroutine", coroutine.create(function() end) },
    { "a string", "garbage" },
    { "an empty string", "" },
    { "a NUL", "gar\0bage" },
    { "a long string", ("x"):rep(5000) },
    { "-1", -1 },
    { "0.5", 0.5 },
    { "2^31", 2 ^ 31 },
    { "2^53", 2 ^ 53 },
    { "1e300", 1e300 },
    { "-1e300", -1e300 },
    { "nan", 0 / 0 },
    { "infinity", math.huge },
    { "a closed file", closed_file },
    { "a closed socket", closed_socket },
    { "a span", span },
    { "a cdata", ffi.new "int[1]" },
    { "an array of garbage", { {}, 5, "x" } },
    { "a garbage table", { garbage = {}, [1.5] = 1 } },
}

-- An error that does not say what was wrong with the call: one of our own lines failed.
local function is_internal(err)
    if error_.is_error(err) then
        return err.category == error_.generic_category and err.EINVAL and err.arg == nil and err.detail == nil
    end
    if type(err) ~= "string" then return false end -- garbage that was raised on purpose (future, channel)
    return err:find "attempt to " or err:find "ljos_" or err:find "cannot convert" or err:find "assertion failed"
end

-- What is open: number -> what it leads to.
local function descriptors()
    collectgarbage()
    collectgarbage()
    local open = {}
    for entry in ljos.filesystem.directory_iterator "/proc/self/fd" do
        local ok, target = pcall(ljos.filesystem.read_symlink, entry.path)
        if ok then open[entry.path.filename] = tostring(target) end
    end
    return open
end

-- One call; fibers may suspend in it, for a moment.
local function call(what, f, ...)
    local arguments, n = { ... }, select("#", ...)
    local err
    local caller = fiber.spawn(function()
        local ok, raised = fiber.pcall(timeout.run, MOMENT, function() return f(unpack(arguments, 1, n)) end)
        if not ok then err = raised end
    end)
    fiber.pcall(caller.join, caller)
    if err ~= nil and is_internal(err) then complain(what .. ":", tostring(err):gsub("\n.*", "") .. "") end
end

-- A method with garbage in place of its object: called with a dot, or on another class's object.
local function try_without_object(name, f, good)
    for _, item in ipairs(garbage) do
        local is_right = type(item[2]) == "table" and getmetatable(item[2]) == CLASS
        if not is_right then call(("%s on %s"):format(name, item[1]), f, item[2], unpack(good, 1, #good)) end
    end
    call(name .. " on nothing", f)
end

-- Each argument in turn is garbage, after the ones in `good`; all of them are garbage; and there are none.
local function try(name, f, good, ...)
    local self, n = { ... }, select("#", ...)
    local function with(what, extra, count)
        local arguments = {}
        for i = 1, n do
            arguments[i] = self[i]
        end
        for i = 1, count do
            arguments[n + i] = extra[i]
        end
        local fits = subjects.fits[CLASS]
        if fits and fits(unpack(arguments, 1, n + count)) then return end
        call(name .. what, f, unpack(arguments, 1, n + count))
    end
    ffi.C.alarm(60)
    with("()", {}, 0)
    for position = 1, #good + 1 do
        for _, item in ipairs(garbage) do
            local extra = {}
            for i = 1, #good do
                extra[i] = good[i]
            end
            extra[position] = item[2]
            with(("(%s as #%d)"):format(item[1], position), extra, math.max(#good, position))
        end
        with(("(nil as #%d)"):format(position), good, position - 1)
    end
    for _, item in ipairs(garbage) do
        with(("(%s everywhere)"):format(item[1]), { item[2], item[2], item[2], item[2] }, 4)
    end
end

-- What a function left behind; what a child or the collector has still to give back gets some rounds for it.
local function settle(name, before)
    local left
    for _ = 1, 3000 do
        left = nil
        for number, target in pairs(descriptors()) do
            if not before[number] then left = ("left open: %s %s"):format(number, target) end
        end
        if loop.load() > 0 then left = "left an operation in flight" end
        if not left then return end
        ljos.time.sleep(0.01)
    end
    complain(name, left)
end

local subject = subjects.of(CLASS)
if not subject then
    complaints:write "absent\n"
    return
end

local function get(object, name)
    local ok, value = pcall(function() return object[name] end)
    if not ok then
        if is_internal(value) then complain("." .. name .. ":", value) end
        return nil
    end
    return value
end

local function try_row(name)
    local bare = name:gsub("%(%)$", "")
    local good = subjects.good(CLASS, bare)
    if subjects.skipped[CLASS .. "." .. bare] or subjects.skipped[CLASS] then return end
    local is_option = bare == name and (subject.option or subject.constructor_option)
    if name == "" then
        if type(subject.value) == "function" then try(CLASS, subject.value, good) end
    elseif is_option then
        for _, item in ipairs(garbage) do
            call(("{%s = %s}"):format(bare, item[1]), is_option, bare, item[2])
        end
    else
        local f = type(subject.value) == "table" and get(subject.value, bare)
        if type(f) == "function" then try("." .. bare, f, good) end
        for _, maker in ipairs(subject.makers or {}) do
            local object, extra = maker()
            local method = get(object, bare)
            if type(method) == "function" then
                try(":" .. bare, method, good, object)
                try_without_object(":" .. bare, method, good)
            else
                for _, item in ipairs(garbage) do
                    call(("%s = %s"):format(bare, item[1]), function() object[bare] = item[2] end)
                end
            end
            if not subject.kept then subjects.close(object, extra) end
        end
    end
end

ffi.C.alarm(60)
require("ljos.loop.engine").handle()
-- In a network namespace of its own there is a loopback interface, but it is down.
pcall(function() require("ljos.syscall.nl").interfaces().lo:up() end)
local before
local ok, err = xpcall(function()
    for i = 2, #arg do
        try_row(arg[i])
        -- The first one loads what is loaded lazily.
        if not before then
            before = descriptors()
            try_row(arg[i])
        end
        settle(arg[i], before)
    end
end, debug.traceback)
if not ok then complain("failed:", tostring(err)) end
complaints:write "done\n"
