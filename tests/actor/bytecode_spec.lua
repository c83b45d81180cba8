-- Modules that are compiled once in a process, for the actors in its threads.
local bytecode = require "ljos.actor.bytecode"
local lfs = require "lfs"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

describe("bytecode", function()
    local path, directory = package.path, nil

    before_each(function()
        directory = temporary_directory.make()
        lfs.mkdir(directory .. "/ljos")
        package.path = directory .. "/?.lua;" .. path
        bytecode.install()
    end)

    after_each(function()
        table.remove(package.loaders, 2)
        package.path = path
        temporary_directory.remove_all()
    end)

    -- What a state that comes later gets.
    local function require_anew(name)
        package.loaded[name] = nil
        local ok, result = pcall(require, name)
        package.loaded[name] = nil
        return ok and result
    end

    it("of a module is there when its file is not, and names its lines", function()
        local file = directory .. "/ljos/probe.lua"
        text_file.write(file, "local name = ...\nreturn { name = name, fail = function() error 'here' end }")
        assert.equal("ljos.probe", require_anew("ljos.probe").name)
        os.remove(file)
        local probe = require_anew "ljos.probe"
        assert.equal("ljos.probe", probe.name)
        assert.same({ false, file .. ":2: here" }, { pcall(probe.fail) })
    end)

    it("is of no use where modules are looked for elsewhere", function()
        text_file.write(directory .. "/ljos/other.lua", "return 1")
        assert.equal(1, require_anew "ljos.other")
        os.remove(directory .. "/ljos/other.lua")
        package.path = path
        assert.is_false(require_anew "ljos.other")
    end)

    it("is kept of no other modules", function()
        text_file.write(directory .. "/ljos_probe.lua", "return 1")
        assert.equal(1, require_anew "ljos_probe")
        os.remove(directory .. "/ljos_probe.lua")
        assert.is_false(require_anew "ljos_probe")
    end)

    it("is none of what cannot be compiled, until it can", function()
        local file = directory .. "/ljos/broken.lua"
        text_file.write(file, "return +")
        assert.is_false(require_anew "ljos.broken")
        text_file.write(file, "return 2")
        assert.equal(2, require_anew "ljos.broken")
    end)
end)
