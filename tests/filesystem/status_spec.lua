local fs = require "ljos.filesystem"
local raised = require "raised"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local function write(name, text) text_file.write(name, text or "") end

describe("filesystem status", function()
    local dir, old_mask
    setup(function()
        old_mask = fs.umask(0)
        dir = temporary_directory.make()
        write(dir .. "/file", "12345")
        write(dir .. "/empty")
        fs.mkdir(dir .. "/directory", fs.mode(7, 5, 0))
        fs.mkfifo(dir .. "/fifo", fs.mode(6, 4, 0))
        fs.create_symlink("file", dir .. "/link")
        fs.create_symlink("directory", dir .. "/directory_link")
        fs.create_symlink("nowhere", dir .. "/dangling")
        fs.create_symlink("loop", dir .. "/loop")
        fs.create_hardlink(dir .. "/file", dir .. "/hard")
    end)
    teardown(function()
        fs.umask(old_mask)
        temporary_directory.remove_all()
    end)

    it("names type and mode, following links", function()
        fs.chmod(dir .. "/file", fs.mode(6, 4, 1) + fs.mode "set_gid")
        assert.are.same({ type = "regular", mode = tonumber("2641", 8) }, fs.status(dir .. "/link"))
        assert.are.same({ type = "directory", mode = tonumber("750", 8) }, fs.status(dir .. "/directory_link"))
        assert.are.same({ type = "fifo", mode = tonumber("640", 8) }, fs.status(fs.path.new(dir) / "fifo"))
        assert.are.equal("character", fs.status("/dev/null").type)
        assert.are.same({ type = "not_found", mode = "unknown" }, fs.status(dir .. "/dangling"))
        assert.are.same({ type = "not_found", mode = "unknown" }, fs.status(dir .. "/file/below"))
    end)

    it("names the link itself with symlink_status", function()
        assert.are.equal("symlink", fs.symlink_status(dir .. "/link").type)
        assert.are.equal("symlink", fs.symlink_status(dir .. "/dangling").type)
        assert.are.equal("regular", fs.symlink_status(dir .. "/file").type)
        assert.are.equal("not_found", fs.symlink_status(dir .. "/none").type)
    end)

    it("answers the predicates", function()
        local predicates = {
            "is_block_device",
            "is_character_device",
            "is_directory",
            "is_fifo",
            "is_other",
            "is_regular_file",
            "is_socket",
            "is_symlink",
            "exists",
        }
        local cases = {
            [dir .. "/file"] = { "is_regular_file", "exists" },
            [dir .. "/link"] = { "is_regular_file", "exists", "is_symlink" },
            [dir .. "/directory"] = { "is_directory", "exists" },
            [dir .. "/directory_link"] = { "is_directory", "exists", "is_symlink" },
            [dir .. "/fifo"] = { "is_fifo", "exists", "is_other" },
            ["/dev/null"] = { "is_character_device", "exists", "is_other" },
            [dir .. "/dangling"] = { "is_symlink" },
            [dir .. "/none"] = {},
            [dir .. "/file/below"] = {},
        }
        for name, expected in pairs(cases) do
            local set = {}
            for _, predicate in ipairs(expected) do
                set[predicate] = true
            end
            for _, predicate in ipairs(predicates) do
                assert.are.equal(set[predicate] or false, fs[predicate](name), predicate .. " " .. name)
            end
        end
    end)

    it("raises where the question cannot be answered", function()
        raised("ELOOP", fs.status, dir .. "/loop")
        raised("ELOOP", fs.exists, dir .. "/loop")
        local err = raised("ENOENT", fs.file_size, dir .. "/none")
        assert.are.equal(dir .. "/none", err.path)
        assert.truthy(tostring(err):find(dir .. "/none", 1, true))
        raised("ENAMETOOLONG", fs.exists, ("x"):rep(5000))
    end)

    it("knows sizes", function()
        assert.are.equal(5, fs.file_size(dir .. "/link"))
        raised("EISDIR", fs.file_size, dir .. "/directory")
        raised("ENOTSUP", fs.file_size, dir .. "/fifo")
        raised("ENOENT", fs.file_size, dir .. "/dangling")
        fs.resize_file(dir .. "/empty", 2 ^ 33 + 1)
        assert.are.equal(2 ^ 33 + 1, fs.file_size(dir .. "/empty"))
        fs.resize_file(dir .. "/empty", 0)
    end)

    it("knows what is empty", function()
        assert.is_true(fs.is_empty(dir .. "/empty"))
        assert.is_true(fs.is_empty(dir .. "/directory"))
        assert.is_false(fs.is_empty(dir .. "/file"))
        assert.is_false(fs.is_empty(dir))
        raised("ENOENT", fs.is_empty, dir .. "/none")
        raised("ENOTSUP", fs.is_empty, dir .. "/fifo")
    end)

    it("counts hard links", function()
        assert.are.equal(2, fs.hardlink_count(dir .. "/file"))
        assert.are.equal(1, fs.hardlink_count(dir .. "/empty"))
        raised("ENOENT", fs.hardlink_count, dir .. "/none")
    end)

    it("tells whether two paths are one file", function()
        assert.is_true(fs.equivalent(dir .. "/file", dir .. "/hard"))
        assert.is_true(fs.equivalent(dir .. "/link", dir .. "/directory/../file"))
        assert.is_true(fs.equivalent(dir .. "/fifo", dir .. "/./fifo"))
        assert.is_false(fs.equivalent(dir .. "/file", dir .. "/empty"))
        raised("ENOENT", fs.equivalent, dir .. "/file", dir .. "/none")
        raised("ENOENT", fs.equivalent, dir .. "/none", dir .. "/none")
    end)

    it("gets and sets the time of the last modification, to the nanosecond", function()
        local point = fs.clock.unix_epoch() + 1234567890
        point:add(987654321e-9)
        fs.last_write_time(dir .. "/link", point)
        assert.is_true(fs.last_write_time(dir .. "/file") == point)
        fs.last_write_time(dir .. "/file", fs.clock.unix_epoch() - 0.25)
        assert.are.equal(-0.25, fs.last_write_time(dir .. "/file").seconds_since_unix_epoch)
        raised("ENOENT", fs.last_write_time, dir .. "/none")
        raised("ENOENT", fs.last_write_time, dir .. "/none", point)
        assert.are.equal(2, raised("EINVAL", fs.last_write_time, dir .. "/file", 5).arg)
    end)

    it("leaves the time of the last access alone", function()
        local lfs = require "lfs"
        local before = lfs.attributes(dir .. "/file", "access")
        fs.last_write_time(dir .. "/file", fs.clock.unix_epoch() + 1)
        assert.are.equal(before, lfs.attributes(dir .. "/file", "access"))
        assert.are.equal(1, lfs.attributes(dir .. "/file", "modification"))
    end)

    it("knows the room of a filesystem", function()
        local space = fs.space(dir)
        assert.is_true(space.available <= space.free and space.free <= space.capacity and space.capacity > 0)
        raised("ENOENT", fs.space, dir .. "/none")
    end)

    it("takes a path or a string, and nothing else", function()
        for _, name in ipairs {
            "status",
            "symlink_status",
            "exists",
            "is_directory",
            "is_symlink",
            "is_other",
            "file_size",
            "hardlink_count",
            "is_empty",
            "last_write_time",
            "space",
        } do
            for _, bad in ipairs { 1, true, {}, "a\0b" } do
                assert.are.equal(1, raised("EINVAL", fs[name], bad).arg, name)
            end
            assert.are.equal(1, raised("EINVAL", fs[name]).arg, name)
        end
        assert.are.equal(2, raised("EINVAL", fs.equivalent, "/", 1).arg)
    end)
end)
