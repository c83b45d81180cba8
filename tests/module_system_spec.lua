-- The programs here are tables of files, read by a module system that was told how.
local app = require "ljos.app"
local error_ = require "ljos.error"
local fiber = require "ljos.fiber"

local EIO, ENOENT = error_.errno_of.EIO, error_.errno_of.ENOENT

--- Makes a module system over `files` (path -> text, or an errno); /p and /q are LJOS_PATH.
local function system_over(files)
    return app.module_system {
        directory = "/app",
        path = { "/p", "/q" },
        read = function(file)
            local text = files[file] or ENOENT
            if type(text) == "string" then return text end
            return nil, file .. ": errno " .. text, text
        end,
    }
end

--- Runs /app/init.lua (or `root`) as the main fiber does and returns its globals.
local function run(files, root)
    local main = system_over(files):load_root(root or "/app/init.lua", "main")
    main()
    return getfenv(main)
end

--- Runs a program whose root says `result = ...`; returns that.
local function result_of(files, root) return run(files, root).result end

--- Runs a program that fails; returns its error.
local function failure_of(files, root)
    local ok, err = pcall(run, files, root)
    assert.is_false(ok)
    return err
end

--- A table of {title, files, alias of the error of emilua.core}.
local function core_failures(rows)
    for _, row in ipairs(rows) do
        it(("raises %s %s"):format(row[3], row[1]), function()
            local err = failure_of(row[2])
            assert.is_true(error_.is_core(err, row[3]), tostring(err))
        end)
    end
end

describe("require", function()
    local rows = {
        { "a child", { ["/app/init.lua"] = "result = require('./x').v", ["/app/x.lua"] = "v = 1" } },
        {
            "a child in a directory",
            { ["/app/init.lua"] = "result = require('./x').v", ["/app/x/init.lua"] = "v = 1" },
        },
        {
            "x.lua before x/init.lua",
            {
                ["/app/init.lua"] = "result = require('./x').v",
                ["/app/x.lua"] = "v = 1",
                ["/app/x/init.lua"] = "v = 2",
            },
        },
        {
            "a sibling from a leaf",
            {
                ["/app/init.lua"] = "result = require('./x').v",
                ["/app/x.lua"] = "v = require('../y').v",
                ["/app/y.lua"] = "v = 1",
            },
        },
        {
            "a child of init.lua",
            {
                ["/app/init.lua"] = "result = require('./x').v",
                ["/app/x/init.lua"] = "v = require('./y').v",
                ["/app/x/y.lua"] = "v = 1",
            },
        },
        {
            "a sibling of a directory",
            {
                ["/app/init.lua"] = "result = require('./x').v",
                ["/app/x/init.lua"] = "v = require('../y').v",
                ["/app/y.lua"] = "v = 1",
            },
        },
        {
            "several levels up",
            {
                ["/app/init.lua"] = "result = require('./a/b/c').v",
                ["/app/a/b/c.lua"] = "v = require('../../../y').v",
                ["/app/y.lua"] = "v = 1",
            },
        },
        {
            "from the root, in any module",
            {
                ["/app/init.lua"] = "result = require('/a/b').v",
                ["/app/a/b.lua"] = "v = require('/c/d').v",
                ["/app/c/d/init.lua"] = "v = 1",
            },
        },
        {
            "an external package that is a file",
            { ["/app/init.lua"] = "result = require('x').v", ["/q/x.lua"] = "v = 1" },
        },
        {
            "an external package that is a directory",
            {
                ["/app/init.lua"] = "result = require('x').v",
                ["/p/x/init.lua"] = "v = require('./y').v + require('/y').v",
                ["/p/x/y.lua"] = "v = 0.5",
            },
        },
        {
            "an external package from the first directory that has it",
            { ["/app/init.lua"] = "result = require('x').v", ["/p/x.lua"] = "v = 1", ["/q/x.lua"] = "v = 2" },
        },
        {
            "through a tail call",
            {
                ["/app/init.lua"] = "result = (function() return require './x' end)().v",
                ["/app/x.lua"] = "v = require('../y').v",
                ["/app/y.lua"] = "v = 1",
            },
        },
        {
            "through pcall",
            { ["/app/init.lua"] = "result = select(2, pcall(require, './x')).v", ["/app/x.lua"] = "v = 1" },
        },
        {
            "in a coroutine of the main fiber",
            {
                ["/app/init.lua"] = "result = coroutine.wrap(function() return require('./x').v end)()",
                ["/app/x.lua"] = "v = 1",
            },
        },
        {
            "in a function that another module calls, relative to its own module",
            {
                ["/app/init.lua"] = "result = require('./a').get()",
                ["/app/a/init.lua"] = "function get() return require('./b').v end",
                ["/app/a/b.lua"] = "v = 1",
                ["/app/b.lua"] = "v = 2",
            },
        },
        {
            "after a line for the shell",
            { ["/app/init.lua"] = "#!/usr/bin/env ljos\nresult = require('./x').v", ["/app/x.lua"] = "#!x\nv = 1" },
        },
    }
    for _, row in ipairs(rows) do
        it("finds " .. row[1], function() assert.equal(1, result_of(row[2])) end)
    end

    it("finds children beside a root module of any name", function()
        local files = { ["/app/main.lua"] = "result = require('./x').v", ["/app/x.lua"] = "v = 1" }
        assert.equal(1, result_of(files, "/app/main.lua"))
    end)

    it("runs a module once, however it is called", function()
        local files = {
            ["/app/init.lua"] = [[
                local a, b = require "./x", require "/x"
                result = { a == b, a == require("./x/init"), a.count, require("./y").x == a }]],
            ["/app/x/init.lua"] = "count = (count or 0) + 1",
            ["/app/y.lua"] = "x = require '../x'",
        }
        assert.same({ true, true, 1, true }, result_of(files))
    end)

    it("gives the core modules of ljos by their bare names, and others as ljos.x", function()
        local files = {
            ["/app/init.lua"] = [[
                result = { require 'time', require 'ffi', require 'bit', require 'ljos.fiber', require 'ljos' }]],
        }
        local expected = { require "ljos.time", require "ffi", bit, fiber, require "ljos" }
        for i, module in ipairs(result_of(files)) do
            assert.equal(expected[i], module)
        end
    end)

    it("prefers a core module to an external package", function()
        local files = { ["/app/init.lua"] = "result = require 'time'", ["/p/time.lua"] = "v = 1" }
        assert.equal(require "ljos.time", result_of(files))
    end)

    core_failures {
        { "for an empty id", { ["/app/init.lua"] = "require ''" }, "invalid_module_name" },
        { "for ./ alone", { ["/app/init.lua"] = "require './'" }, "invalid_module_name" },
        { "for / alone", { ["/app/init.lua"] = "require '/'" }, "invalid_module_name" },
        { "for .", { ["/app/init.lua"] = "require '.'" }, "invalid_module_name" },
        { "for ..", { ["/app/init.lua"] = "require '..'" }, "invalid_module_name" },
        { "for .//x", { ["/app/init.lua"] = "require './/x'" }, "invalid_module_name" },
        { "for ./x/", { ["/app/init.lua"] = "require './x/'" }, "invalid_module_name" },
        { "for ./../x", { ["/app/init.lua"] = "require './../x'" }, "invalid_module_name" },
        { "for ./x-", { ["/app/init.lua"] = "require './x-'" }, "invalid_module_name" },
        { "for ./1x", { ["/app/init.lua"] = "require './1x'" }, "invalid_module_name" },
        { "for a/b", { ["/app/init.lua"] = "require 'a/b'" }, "invalid_module_name" },
        { "for ./x.lua", { ["/app/init.lua"] = "require './x.lua'", ["/app/x.lua"] = "" }, "invalid_module_name" },
        { "for a missing child", { ["/app/init.lua"] = "require './x'" }, "module_not_found" },
        { "for a missing package", { ["/app/init.lua"] = "require 'x'" }, "module_not_found" },
        { "for a missing module of ljos", { ["/app/init.lua"] = "require 'ljos.x'" }, "module_not_found" },
        { "for io", { ["/app/init.lua"] = "require 'io'" }, "module_not_found" },
        { "above the root", { ["/app/init.lua"] = "require '../x'", ["/x.lua"] = "" }, "root_cannot_import_parent" },
        {
            "above the root from a leaf",
            { ["/app/init.lua"] = "require './x'", ["/app/x.lua"] = "require '../../y'", ["/y.lua"] = "" },
            "root_cannot_import_parent",
        },
        {
            "above a package",
            { ["/app/init.lua"] = "require 'x'", ["/p/x/init.lua"] = "require '../y'", ["/p/y.lua"] = "" },
            "root_cannot_import_parent",
        },
        {
            "above a package that is a file",
            { ["/app/init.lua"] = "require 'x'", ["/p/x.lua"] = "require '../y'", ["/p/y.lua"] = "" },
            "root_cannot_import_parent",
        },
        {
            "in a leaf",
            { ["/app/init.lua"] = "require './x'", ["/app/x.lua"] = "require './y'", ["/app/y.lua"] = "" },
            "leaf_cannot_import_child",
        },
        {
            "in a package that is a file",
            { ["/app/init.lua"] = "require 'x'", ["/p/x.lua"] = "require '/y'", ["/p/y.lua"] = "" },
            "leaf_cannot_import_child",
        },
        {
            "between two modules",
            {
                ["/app/init.lua"] = "require './x'",
                ["/app/x.lua"] = "require '../y'",
                ["/app/y.lua"] = "require '../x'",
            },
            "cyclic_import",
        },
        {
            "for the module itself",
            { ["/app/init.lua"] = "require './x'", ["/app/x.lua"] = "require '../x'" },
            "cyclic_import",
        },
        {
            "for the root",
            { ["/app/init.lua"] = "require './x'", ["/app/x.lua"] = "require '/init'" },
            "cyclic_import",
        },
        {
            "in another fiber",
            { ["/app/init.lua"] = "spawn(function() require './x' end):join()", ["/app/x.lua"] = "" },
            "only_main_fiber_may_import",
        },
    } -- stylua: ignore

    it("gives other fibers what was imported before, and nothing new", function()
        local exports = run {
            ["/app/init.lua"] = [[
                require "./x"
                local core = require "time"
                same, refused = false, {}
                spawn(function()
                    same = require "./x".name == "x" and require "time" == core
                    for _, id in ipairs { "./y", "mutex", "ljos.mutex", "nowhere" } do
                        local _, err = pcall(require, id)
                        refused[#refused + 1] = err
                    end
                end):join()]],
            ["/app/x.lua"] = "name = 'x'",
            ["/app/y.lua"] = "name = 'y'",
        }
        assert.is_true(exports.same)
        local new = error_.core "only_main_fiber_may_import"
        assert.same({ new, new, new, new }, exports.refused)
    end)

    it("raises EINVAL for an id that is no string", function()
        local err = failure_of { ["/app/init.lua"] = "require(1)" }
        assert.equal(error_.generic "EINVAL", err)
        assert.equal(1, err.arg)
    end)

    it("lists where it looked", function()
        local err = failure_of { ["/app/init.lua"] = "require 'x'" }
        local tried =
            "/p/x.lua, /p/x/init.lua, /p/x.ttl, /p/x/init.ttl, /q/x.lua, /q/x/init.lua, /q/x.ttl, /q/x/init.ttl"
        assert.equal("x: tried " .. tried, err.detail)
    end)

    it("raises the error of a file that cannot be read", function()
        local err = failure_of { ["/app/init.lua"] = "require './x'", ["/app/x.lua"] = EIO }
        assert.equal(error_.system "EIO", err)
    end)

    it("raises the compiler's message, with the file relative to the directory", function()
        local err = failure_of { ["/app/init.lua"] = "require './x'", ["/app/x.lua"] = "\n v = = 1" }
        assert.equal("x.lua:2: unexpected symbol near '='", err)
    end)

    it("passes a module's own error through all importers, the very same value", function()
        local files = {
            ["/app/init.lua"] = "local ok, err = pcall(require, './x') result = err",
            ["/app/x.lua"] = "require '../y'",
            ["/app/y.lua"] = "error(setmetatable({}, { __index = { mine = true } }))",
        }
        assert.is_true(result_of(files).mine)
    end)

    it("runs a module again that failed", function()
        local files = {
            ["/app/init.lua"] = "state = require './state' pcall(require, './x') result = require('./x').v",
            ["/app/state.lua"] = "",
            ["/app/x.lua"] = [[
                local state = require '../state'
                state.n = (state.n or 0) + 1
                assert(state.n > 1)
                v = state.n]],
        }
        assert.equal(2, result_of(files))
    end)

    it("lets a module's body suspend, with clean-up handlers of its own", function()
        local files = {
            ["/app/init.lua"] = "order = require './order' require './x' order[#order + 1] = 'importer' result = order",
            ["/app/order.lua"] = "",
            ["/app/x.lua"] = [[
                local order = require '../order'
                scope_cleanup_push(function() order[#order + 1] = "handler" end)
                spawn(function() order[#order + 1] = "fiber" end):join()
                order[#order + 1] = "body"]],
        }
        local order = result_of(files)
        assert.same({ "fiber", "body", "handler", "importer" }, { unpack(order) })
    end)
end)

describe("A module's environment", function()
    it("keeps its globals from the importer and the importer's from it", function()
        local files = {
            ["/app/init.lua"] = [[
                mine = 1
                local x = require './x'
                result = { theirs == nil, x.theirs, x.mine == nil, x.seen == nil }]],
            ["/app/x.lua"] = "theirs = 2 seen = mine",
        }
        assert.same({ true, 2, true, true }, result_of(files))
    end)

    it("exports what is assigned, also later, and nothing else", function()
        local files = {
            ["/app/init.lua"] = [[
                local x = require './x'
                local names = {}
                for name in pairs(x) do names[#names + 1] = name end
                table.sort(names)
                x.set(5)
                result = { table.concat(names, " "), x.v, x.print or x._FILE or x.require or x._G }]],
            ["/app/x.lua"] = "v = 1 local hidden = 2 function set(n) v = n end",
        }
        assert.same({ "set v", 5, nil }, result_of(files))
    end)

    it("lets a module's functions see what they assigned, and redefine what is built in", function()
        local files = {
            ["/app/init.lua"] = "local x = require './x' result = { x.f(), x.tostring(1), tostring(1) }",
            ["/app/x.lua"] = "function f() g = 3 return g end function tostring() return 'mine' end",
        }
        assert.same({ 3, "mine", "1" }, result_of(files))
    end)

    it("exports another table after setfenv(0, t)", function()
        local files = {
            ["/app/init.lua"] = "local x = require './x' result = { x.v, x.w, getmetatable(x).mine }",
            ["/app/x.lua"] = [[
                w = 1
                local t = setmetatable({ v = 2 }, { mine = true })
                setfenv(0, t)
                assert(getfenv(0) == t)]],
        }
        assert.same({ 2, nil, true }, result_of(files))
    end)

    it("is what getfenv and _G show", function()
        local files = {
            ["/app/init.lua"] = [[
                require './x'
                result = { getfenv() == _G, getfenv(0) == _G, getfenv(1) == _G, _G.result == nil }]],
            ["/app/x.lua"] = [[
                assert(getfenv() == _G and getfenv(0) == _G and _G.print == print) _G.v = 1
                assert(v == 1)]],
        }
        assert.same({ true, true, true, true }, result_of(files))
    end)

    it("can be replaced by setfenv for one function", function()
        local files = {
            ["/app/init.lua"] = [[
                local function f() setfenv(1, { v = 4 }) return v end
                local function g() return v end
                result = { f(), setfenv(g, { v = 5 })(), pcall(setfenv, 0, 1) }]],
        }
        local result = result_of(files)
        assert.same({ 4, 5, false }, { result[1], result[2], result[3] })
        assert.matches("table expected, got number", result[4], 1, true)
    end)

    it("is the one of chunks that the module compiles", function()
        local files = {
            ["/app/init.lua"] = [[
                v = 6
                result = {
                    loadstring("return v")(), load(function() local s = code code = nil return s end)(),
                    load("return v", "chunk", "t", { v = 7 })(), (loadstring("v ="))
                }]],
        }
        files["/app/init.lua"] = "code = 'return v' " .. files["/app/init.lua"]
        assert.same({ 6, 6, 7 }, result_of(files))
    end)

    it("has _CONTEXT in the root alone, and _FILE everywhere", function()
        local files = {
            ["/app/init.lua"] = "result = { _CONTEXT, tostring(_FILE), getmetatable(_FILE), require './x' }",
            ["/app/x.lua"] = "context, file = _CONTEXT, tostring(_FILE)",
        }
        local result = result_of(files)
        assert.same({ "main", "/app/init.lua", "filesystem.path" }, { result[1], result[2], result[3] })
        assert.same({ context = "", file = "/app/x.lua" }, result[4])
    end)

    it("has the standard library without io, os, package and debug", function()
        local files =
            { ["/app/init.lua"] = "result = { io or os or package or debug or module, jit, bit, string, unpack }" }
        local result = result_of(files)
        assert.is_nil(result[1])
        assert.same({ jit, bit, string, unpack }, { unpack(result, 2, 5) })
    end)

    it("has the fiber-aware pcall, xpcall and coroutine", function()
        local files = { ["/app/init.lua"] = "result = { pcall, xpcall, coroutine, spawn, scope, this_fiber }" }
        local expected = { fiber.pcall, fiber.xpcall, fiber.coroutine, fiber.spawn, fiber.scope, fiber.this_fiber }
        for i, value in ipairs(result_of(files)) do
            assert.equal(expected[i], value)
        end
    end)

    it("loads format and byte_span when they are first used", function()
        local files = { ["/app/init.lua"] = "result = { format('{:>3}', 1), tostring(byte_span.append('a', 'b')) }" }
        assert.same({ "  1", "ab" }, result_of(files))
    end)
end)

describe("A .ttl file", function()
    local TEXT = [[
        @prefix cat: <https://schema.emilua.org/error_category/0/#>.
        <about:emilua-module> a <https://schema.emilua.org/error_category/0/>;
            cat:error [ cat:code 2; cat:alias "EGREGIOUS"; cat:message "You really blew it this time" ].]]

    it("is imported as an error category", function()
        local files = {
            ["/app/init.lua"] = [[
                local c = require '/c'
                result = { c.EGREGIOUS == c[2], c == require './c', c.EGREGIOUS }]],
            ["/app/c.ttl"] = TEXT,
        }
        local result = result_of(files)
        assert.same({ true, true }, { result[1], result[2] })
        assert.equal("You really blew it this time", result[3].category:message(2))
        assert.equal("/app/c.ttl", tostring(result[3].category))
    end)

    it("raises bad_rdf with the place when it is malformed", function()
        local err = failure_of { ["/app/init.lua"] = "require './c'", ["/app/c.ttl"] = "\n nonsense" }
        assert.is_true(error_.is_core(err, "bad_rdf"))
        assert.equal("/app/c.ttl:2:2: a subject expected", err.detail)
    end)
end)

describe("The module of an actor", function()
    local files = {
        ["/app/main.lua"] = "result = getfenv(0)",
        ["/app/x/init.lua"] = "",
        ["/app/x/y.lua"] = "",
        ["/p/e.lua"] = "",
    }

    -- What spawn_vm does: finds `id` from `importer`, an id itself or nil for the root.
    local function resolve(id, importer)
        local system = system_over(files)
        system:load_root("/app/main.lua", "main")
        local from = system.modules["/app/main.lua"]
        if importer then from = system:resolve(from, importer) end
        return system:resolve_actor(from, id), system
    end

    it("is found as by require, and `.` is the caller's own", function()
        assert.equal("/app/main.lua", resolve(".").file)
        assert.equal("/app/x/init.lua", resolve("./x").file)
        assert.equal("/app/x/y.lua", resolve("/x/y").file)
        assert.equal("/app/x/y.lua", resolve(".", "./x/y").file)
        assert.equal("/app/x/init.lua", resolve("../../x", "./x/y").file)
    end)

    it("is no external package", function()
        for _, id in ipairs { "e", "", ".." } do
            local ok, err = pcall(resolve, id)
            assert.is_false(ok)
            assert.is_true(error_.is_core(err, "invalid_module_name"))
        end
    end)

    it("keeps its place in the tree: a leaf has no children", function()
        local worker_files = setmetatable({
            ["/app/x/y.lua"] = "result = { _CONTEXT, require('../z').v, select(2, pcall(require, './z')) }",
            ["/app/x/z.lua"] = "v = 1",
        }, { __index = files })
        local found = resolve "/x/y"
        local system = system_over(worker_files)
        local main = system:load_root(found.file, "worker", found)
        main()
        local result = getfenv(main).result
        assert.same({ "worker", 1 }, { result[1], result[2] })
        assert.is_true(error_.is_core(result[3], "leaf_cannot_import_child"))
    end)
end)
