local fs = require "ljos.filesystem"
local lacks = require "lacks"
local lfs = require "lfs"
local raised = require "raised"
local temporary_directory = require "temporary_directory"

describe("changing files", function()
    local dir
    before_each(function()
        dir = temporary_directory.make()
        io.open(dir .. "/file", "w"):close()
        fs.create_symlink("file", dir .. "/link")
    end)
    after_each(temporary_directory.remove_all)

    it("renames, over what is there", function()
        fs.rename(dir .. "/file", dir .. "/new")
        assert.is_false(fs.exists(dir .. "/file"))
        io.open(dir .. "/other", "w"):close()
        fs.rename(fs.path.new(dir) / "new", dir .. "/other")
        assert.is_false(fs.exists(dir .. "/new"))
        fs.rename(dir .. "/link", dir .. "/link2")
        assert.is_true(fs.is_symlink(dir .. "/link2"))
        local err = raised("ENOENT", fs.rename, dir .. "/none", dir .. "/x")
        assert.are.equal(dir .. "/none", err.path)
        assert.are.equal(2, raised("EINVAL", fs.rename, "a", 1).arg)
    end)

    it("resizes", function()
        fs.resize_file(dir .. "/link", 1000)
        assert.are.equal(1000, fs.file_size(dir .. "/file"))
        fs.resize_file(dir .. "/file", 3)
        assert.are.equal(3, fs.file_size(dir .. "/file"))
        for _, bad in ipairs { -1, 1.5, 2 ^ 60, 0 / 0, "5", {} } do
            assert.are.equal(2, raised("EINVAL", fs.resize_file, dir .. "/file", bad).arg)
        end
        assert.are.equal(3, fs.file_size(dir .. "/file"))
        raised("EISDIR", fs.resize_file, dir, 0)
        raised("ENOENT", fs.resize_file, dir .. "/none", 0)
    end)

    it("changes modes, through links", function()
        fs.chmod(dir .. "/link", fs.mode(6, 0, 4))
        assert.are.equal(tonumber("604", 8), fs.status(dir .. "/file").mode)
        fs.lchmod(dir .. "/file", fs.mode(6, 4, 4))
        assert.are.equal(tonumber("644", 8), fs.status(dir .. "/file").mode)
        raised("ENOTSUP", fs.lchmod, dir .. "/link", fs.mode(6, 0, 0))
        assert.are.equal(tonumber("644", 8), fs.status(dir .. "/file").mode)
        raised("ENOENT", fs.chmod, dir .. "/none", 0)
        assert.are.equal(2, raised("EINVAL", fs.chmod, dir .. "/file", 2 ^ 16).arg)
        assert.are.equal(2, raised("EINVAL", fs.lchmod, dir .. "/file", "644").arg)
    end)

    it("changes owners", function()
        local uid, gid = lfs.attributes(dir .. "/file", "uid"), lfs.attributes(dir .. "/file", "gid")
        fs.chown(dir .. "/file", -1, -1)
        fs.chown(dir .. "/file", uid, gid)
        fs.lchown(dir .. "/link", uid, -1)
        assert.are.equal(uid, lfs.attributes(dir .. "/file", "uid"))
        raised("ENOENT", fs.chown, dir .. "/none", -1, -1)
        assert.are.equal(2, raised("EINVAL", fs.chown, dir .. "/file", -2, -1).arg)
        assert.are.equal(3, raised("EINVAL", fs.lchown, dir .. "/file", -1, 2 ^ 32).arg)
        local lacking = lacks "chown"
        if lacking then return pending(lacking) end
        fs.chown(dir .. "/link", 1234, 4321)
        assert.are.equal(1234, lfs.attributes(dir .. "/file", "uid"))
        assert.are.equal(0, lfs.symlinkattributes(dir .. "/link", "uid"))
        fs.lchown(dir .. "/link", 2345, -1)
        assert.are.equal(1234, lfs.attributes(dir .. "/file", "uid"))
        assert.are.equal(2345, lfs.symlinkattributes(dir .. "/link", "uid"))
        assert.are.equal(0, lfs.symlinkattributes(dir .. "/link", "gid"))
    end)

    it("sets the umask and tells the old one", function()
        local old = fs.umask(tonumber("027", 8))
        assert.are.equal(tonumber("027", 8), fs.umask(tonumber("7077", 8)))
        assert.are.equal(tonumber("077", 8), fs.umask(old))
        raised("EINVAL", fs.umask, "022")
        raised("EINVAL", fs.umask)
    end)
end)
