local fs = require "ljos.filesystem"
local raised = require "raised"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"

local function touch(name) io.open(name, "w"):close() end

-- Runs `f` without the capabilities that let root pass over permissions.
local function without_override(f)
    local before = system.cap_get_proc()
    local less = before:dup()
    less:set_flag("effective", { "cap_dac_override", "cap_dac_read_search", "cap_fowner" }, false)
    less:set_proc()
    local ok, err = pcall(f)
    before:set_proc()
    if not ok then error(err, 0) end
end

describe("removing files", function()
    local dir
    before_each(function() dir = temporary_directory.make() end)
    after_each(temporary_directory.remove_all)

    it("removes a file, a link or an empty directory", function()
        touch(dir .. "/file")
        fs.create_symlink("file", dir .. "/link")
        fs.create_directory(dir .. "/empty")
        assert.is_true(fs.remove(dir .. "/link"))
        assert.is_true(fs.exists(dir .. "/file"))
        assert.is_true(fs.remove(fs.path.new(dir) / "file"))
        assert.is_true(fs.remove(dir .. "/empty"))
        assert.is_false(fs.remove(dir .. "/file"))
    end)

    it("does not remove what has something in it", function()
        fs.create_directories(dir .. "/a/b")
        local err = raised("ENOTEMPTY", fs.remove, dir .. "/a")
        assert.are.equal(dir .. "/a", err.path)
        touch(dir .. "/file")
        raised("ENOTDIR", fs.remove, dir .. "/file/x")
        raised("EINVAL", fs.remove, 1)
    end)

    it("removes all and counts", function()
        fs.create_directories(dir .. "/t/a/b/c")
        fs.create_directories(dir .. "/t/d")
        touch(dir .. "/t/a/b/file")
        touch(dir .. "/t/.hidden")
        fs.mkfifo(dir .. "/t/d/fifo", fs.mode(6, 0, 0))
        assert.are.equal(8, fs.remove_all(dir .. "/t/"))
        assert.is_false(fs.exists(dir .. "/t"))
        assert.are.equal(0, fs.remove_all(dir .. "/t"))
        touch(dir .. "/file")
        assert.are.equal(1, fs.remove_all(dir .. "/file"))
    end)

    it("removes links and not what they lead to", function()
        fs.create_directories(dir .. "/keep/below")
        touch(dir .. "/keep/file")
        fs.create_directory(dir .. "/t")
        fs.create_symlink("../keep", dir .. "/t/link")
        fs.create_symlink("../keep/file", dir .. "/t/to_file")
        fs.create_symlink("nowhere", dir .. "/t/dangling")
        assert.are.equal(4, fs.remove_all(dir .. "/t"))
        assert.is_true(fs.exists(dir .. "/keep/below"))
        assert.is_true(fs.exists(dir .. "/keep/file"))
        fs.create_symlink("keep", dir .. "/link")
        raised("ENOTDIR", fs.remove_all, dir .. "/link/")
        assert.are.equal(1, fs.remove_all(dir .. "/link"))
        assert.is_true(fs.exists(dir .. "/keep/file"))
    end)

    it("follows no link that takes a directory's place meanwhile", function()
        -- The exchange happens at the worst moment: between reading the type and opening.
        fs.create_directories(dir .. "/keep/below")
        fs.create_directories(dir .. "/t/victim/x")
        local directory = require "ljos.filesystem.directory"
        local open = directory.open
        function directory.open(dirfd, name, follow) -- luacheck: ignore
            if name == "victim" then
                fs.rename(dir .. "/t/victim", dir .. "/moved")
                fs.create_symlink("../keep", dir .. "/t/victim")
            end
            return open(dirfd, name, follow)
        end
        local ok, count = pcall(fs.remove_all, dir .. "/t")
        directory.open = open
        assert.is_true(ok, tostring(count))
        assert.are.equal(2, count)
        assert.is_true(fs.exists(dir .. "/keep/below"))
        assert.is_true(fs.exists(dir .. "/moved/x"))
    end)

    it("stops when the way back leads elsewhere", function()
        -- More levels than are kept open, so that ".." is needed; meanwhile the lowest is moved away.
        local at = dir .. "/t"
        fs.create_directory(at)
        local middle
        for i = 1, 100 do
            at = at .. "/d"
            fs.create_directory(at)
            if i == 10 then middle = at end
        end
        touch(at .. "/last")
        fs.create_directory(dir .. "/elsewhere")
        touch(dir .. "/elsewhere/keep")
        local calls = require "ljos.filesystem.calls"
        local statx, done = calls.statx, false
        local directory = require "ljos.filesystem.directory"
        local open = directory.open
        function directory.open(dirfd, name, follow) -- luacheck: ignore
            if name == ".." and not done then
                done = true
                fs.rename(middle, dir .. "/elsewhere/moved")
            end
            return open(dirfd, name, follow)
        end
        local ok, err = pcall(fs.remove_all, dir .. "/t")
        directory.open, calls.statx = open, statx
        assert.is_true(done)
        assert.is_false(ok)
        assert.are.equal("STALE", err.sym)
        assert.is_true(fs.exists(dir .. "/elsewhere/keep"))
    end)

    it("will not remove the root, . and ..", function()
        for _, name in ipairs { "/", "//", ".", "..", "./", dir .. "/.", dir .. "/..", dir .. "/../" } do
            raised("EINVAL", fs.remove_all, name)
        end
        assert.is_true(fs.exists(dir))
        assert.are.equal(0, fs.remove_all "")
    end)

    it("reports what may not be removed", function()
        fs.create_directories(dir .. "/t/sealed/below")
        touch(dir .. "/t/sealed/file")
        fs.create_directories(dir .. "/t/unreadable")
        fs.chmod(dir .. "/t/sealed", fs.mode(5, 5, 5))
        fs.chmod(dir .. "/t/unreadable", 0)
        without_override(function()
            local err = raised("EACCES", fs.remove_all, dir .. "/t")
            assert.truthy(err.path:find(dir .. "/t/sealed/", 1, true))
        end)
        fs.chmod(dir .. "/t/sealed", fs.mode(7, 7, 7))
        without_override(function()
            fs.remove_all(dir .. "/t") -- an unreadable directory goes when it is empty
        end)
        assert.is_false(fs.exists(dir .. "/t"))
        fs.create_directories(dir .. "/u/below")
        fs.chmod(dir .. "/u", 0)
        without_override(function() raised("EACCES", fs.remove_all, dir .. "/u") end)
        fs.chmod(dir .. "/u", fs.mode(7, 7, 7))
        assert.is_true(fs.exists(dir .. "/u/below"))
    end)

    it("goes on when files come while it removes", function()
        fs.create_directories(dir .. "/t/a")
        local calls = require "ljos.filesystem.calls"
        local remove = require "ljos.filesystem.remove"
        local getdents64, rounds = calls.getdents64, 0
        function calls.getdents64(fd, buffer, length) -- luacheck: ignore
            local res = getdents64(fd, buffer, length)
            if res == 0 and rounds < 3 then
                rounds = rounds + 1
                touch(dir .. "/t/a/late" .. rounds)
            end
            return res
        end
        local ok, err = pcall(remove.remove_all, dir .. "/t")
        calls.getdents64 = getdents64
        -- A file in the root of the tree that comes last is the caller's to see; one further down is removed.
        assert.is_true(ok, tostring(err))
        assert.is_false(fs.exists(dir .. "/t/a"))
    end)

    it("skips directories that may not be read, if iterators are told so", function()
        fs.create_directories(dir .. "/t/closed/below")
        fs.create_directory(dir .. "/t/open")
        fs.chmod(dir .. "/t/closed", 0)
        without_override(function()
            raised("EACCES", fs.directory_iterator, dir .. "/t/closed")
            assert.is_nil(fs.directory_iterator(dir .. "/t/closed", { skip_permission_denied = true })())
            raised("EACCES", fs.recursive_directory_iterator, dir .. "/t/closed")
            assert.is_nil(fs.recursive_directory_iterator(dir .. "/t/closed", { skip_permission_denied = true })())
            local count = 0
            for _ in fs.recursive_directory_iterator(dir .. "/t", { skip_permission_denied = true }) do
                count = count + 1
            end
            assert.are.equal(2, count)
            local iterator = fs.recursive_directory_iterator(dir .. "/t")
            raised("EACCES", function()
                for _ in iterator do
                    count = count + 1
                end
            end)
            assert.is_nil(iterator())
        end)
        fs.chmod(dir .. "/t/closed", fs.mode(7, 0, 0))
    end)
end)
