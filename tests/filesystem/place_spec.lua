local fs = require "ljos.filesystem"
local native = require "ljos.native"
local raised = require "raised"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"

-- This spec changes the working directory, to which the module path is relative.
require "ljos.system.linux_capabilities"

describe("filesystem places", function()
    local dir, cwd
    setup(function()
        cwd = fs.current_working_directory()
        dir = tostring(fs.canonical(temporary_directory.make()))
        fs.create_directories(dir .. "/a/b")
        fs.create_symlink("a/b", dir .. "/link")
        fs.create_symlink("loop", dir .. "/loop")
        fs.current_working_directory(dir)
    end)
    teardown(function()
        fs.current_working_directory(cwd)
        temporary_directory.remove_all()
    end)

    it("gets and sets the working directory, by path and by descriptor", function()
        assert.are.equal(dir, tostring(fs.current_working_directory()))
        fs.current_working_directory(fs.path.new "a")
        assert.are.equal(dir .. "/a", tostring(fs.current_working_directory()))
        local fd = fs.open(dir, { "directory", "path" })
        fs.current_working_directory(fd)
        assert.are.equal(dir, tostring(fs.current_working_directory()))
        fd:close()
        raised("EBADF", fs.current_working_directory, fd)
        raised("ENOENT", fs.current_working_directory, "none")
        raised("EINVAL", fs.current_working_directory, 5)
        assert.are.equal(dir, tostring(fs.current_working_directory()))
    end)

    it("makes paths absolute by text alone", function()
        assert.are.equal(dir .. "/none/../x", tostring(fs.absolute "none/../x"))
        assert.are.equal("/x/../y", tostring(fs.absolute "/x/../y"))
        raised("EINVAL", fs.absolute, "")
    end)

    it("makes paths canonical", function()
        assert.are.equal(dir .. "/a/b", tostring(fs.canonical "link/."))
        assert.are.equal(dir .. "/a", tostring(fs.canonical "link/.."))
        assert.are.equal("/", tostring(fs.canonical "/"))
        raised("ENOENT", fs.canonical, "none")
        raised("ELOOP", fs.canonical, "loop")
        raised("ENOENT", fs.canonical, "")
    end)

    it("makes paths canonical as far as they exist", function()
        assert.are.equal(dir .. "/a/b/c/d", tostring(fs.weakly_canonical "link/c/./d"))
        assert.are.equal(dir .. "/a/x", tostring(fs.weakly_canonical "link/c/../../x"))
        assert.are.equal(dir .. "/a/b", tostring(fs.weakly_canonical "link"))
        assert.are.equal("none/x", tostring(fs.weakly_canonical "none/./y/../x"))
        assert.are.equal("", tostring(fs.weakly_canonical ""))
        assert.are.equal("/", tostring(fs.weakly_canonical "/"))
    end)

    it("makes paths relative, links resolved", function()
        assert.are.equal("a/b", tostring(fs.relative "link"))
        assert.are.equal("..", tostring(fs.relative("a", "link")))
        assert.are.equal("../..", tostring(fs.relative(dir .. "/a", "link/x")))
        assert.are.equal(".", tostring(fs.relative(dir)))
        assert.are.equal("../x", tostring(fs.relative(dir .. "/a/x", "link")))
        assert.are.equal("a/b", tostring(fs.proximate "link"))
        assert.are.equal("none", tostring(fs.proximate("none", "/")))
        assert.are.equal("", tostring(fs.relative("none", "/")))
    end)

    it("reads symbolic links", function()
        assert.are.equal("a/b", tostring(fs.read_symlink "link"))
        local long = ("x/"):rep(1500) .. "y"
        fs.create_symlink(long, "long")
        assert.are.equal(long, tostring(fs.read_symlink "long"))
        raised("EINVAL", fs.read_symlink, "a")
        raised("ENOENT", fs.read_symlink, "none")
    end)

    it("knows the directory for temporary files", function()
        local path = fs.temp_directory_path()
        assert.is_true(fs.is_directory(path))
        assert.are.equal(os.getenv "TMPDIR" or "/tmp", tostring(path))
    end)

    it("refuses what is no path", function()
        for _, name in ipairs {
            "absolute",
            "canonical",
            "weakly_canonical",
            "relative",
            "proximate",
            "read_symlink",
            "chroot",
        } do
            for _, bad in ipairs { 1, {}, "a\0b" } do
                assert.are.equal(1, raised("EINVAL", fs[name], bad).arg)
            end
        end
        assert.are.equal(2, raised("EINVAL", fs.relative, "a", 1).arg)
        raised("ENOENT", fs.chroot, "none")
    end)

    it("changes the root, seen from a process of its own", function()
        if not system.cap_get_proc():get_flag("cap_sys_chroot", "effective") then
            pending "needs cap_sys_chroot"
            return
        end
        local templates = package.path:gsub("[^;]+", function(template)
            if template:sub(1, 1) == "/" then return template end
            return tostring(cwd) .. "/" .. template
        end)
        local file = assert(io.open("script.lua", "w"))
        file:write(([[
            package.path = %q
            local fs = require "ljos.filesystem"
            assert(not fs.is_directory "/b" and fs.canonical "/" and fs.current_working_directory())
            fs.chroot(%q)
            fs.current_working_directory "/"
            assert(fs.is_directory "/b")
            assert(tostring(fs.canonical "/b/../..") == "/")
        ]]):format(templates, dir .. "/a"))
        file:close()
        fs.current_working_directory(cwd)
        local status = os.execute(("LJOS_LIB=%s luajit %s/script.lua"):format(native.path, dir))
        fs.current_working_directory(dir)
        assert.are.equal(0, status)
    end)
end)
