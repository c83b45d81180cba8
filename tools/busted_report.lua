-- Busted output for CI: one line per spec file as it ends, every failure in full, every pending test with its
-- reason. Leaves "passed failed" and the failures once more in the file named by -Xoutput, updated after each spec
-- file, so that a crash of the interpreter loses no count but that of the spec file it happened in.
local busted = require "busted"
local new_base = require "busted.outputHandlers.base"
local pretty = require "pl.pretty"

local function text_of(message) return type(message) == "string" and message or pretty.write(message) end

return function(options)
    local handler = new_base()
    local path = options.arguments[1]
    local shown_failures, shown_errors, shown_pendings = 0, 0, 0
    local before = 0
    local failures = {}

    local function save()
        if not path then return end
        local file = assert(io.open(path, "w"))
        file:write(handler.successesCount, " ", handler.failuresCount + handler.errorsCount, "\n")
        file:write(table.concat(failures))
        file:close()
    end

    local function show(kind, entry)
        local place = entry.element.trace or entry.trace or {}
        local head = ("  %s: %s (%s:%s)\n"):format(kind, entry.name, place.short_src or "?", place.currentline or "?")
        local text = "    " .. text_of(entry.message or "no message"):gsub("\n", "\n    ") .. "\n"
        io.write(head, text)
        if kind ~= "pending" then failures[#failures + 1] = head .. text end
        if kind ~= "pending" and entry.trace and entry.trace.traceback then
            io.write("    ", (entry.trace.traceback:gsub("^\n", ""):gsub("\n", "\n    ")), "\n")
        end
    end

    local function show_new(kind, entries, shown)
        for i = shown + 1, #entries do
            show(kind, entries[i])
        end
        return #entries
    end

    local function file_end(file)
        local passed = handler.successesCount - before
        before = handler.successesCount
        io.write(("%4d passed  %s (%.1f s)\n"):format(passed, file.name, busted.monotime() - file.starttick))
        shown_pendings = show_new("pending", handler.pendings, shown_pendings)
        shown_failures = show_new("FAILURE", handler.failures, shown_failures)
        shown_errors = show_new("ERROR", handler.errors, shown_errors)
        io.flush()
        save()
        return nil, true
    end

    local function suite_end(suite)
        shown_errors = show_new("ERROR", handler.errors, shown_errors)
        io.write(
            ("%d passed, %d failed, %d errors, %d pending, seed %s\n"):format(
                handler.successesCount,
                handler.failuresCount,
                handler.errorsCount,
                handler.pendingsCount,
                tostring(suite.randomseed)
            )
        )
        io.flush()
        save()
        return nil, true
    end

    busted.subscribe({ "file", "end" }, file_end)
    busted.subscribe({ "suite", "end" }, suite_end)
    return handler
end
