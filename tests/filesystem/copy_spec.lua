local fs = require "ljos.filesystem"
local lfs = require "lfs"
local raised = require "raised"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local function write(name, text, time)
    text_file.write(name, text)
    if time then fs.last_write_time(name, fs.clock.unix_epoch() + time) end
end

local read = text_file.read

-- All below a directory: path -> "type mode content".
local function picture(root)
    local seen = {}
    for entry in fs.recursive_directory_iterator(root) do
        local status = entry.symlink_status
        local content = ""
        if status.type == "regular" then content = read(tostring(entry.path)) end
        if status.type == "symlink" then content = tostring(fs.read_symlink(entry.path)) end
        seen[tostring(entry.path):sub(#root + 2)] = ("%s %o %s"):format(status.type, status.mode, content)
    end
    return seen
end

describe("filesystem.copy_file", function()
    local dir, old_mask
    before_each(function()
        dir = temporary_directory.make()
        old_mask = fs.umask(tonumber("022", 8))
        write(dir .. "/a", "new content", 2000)
        write(dir .. "/b", "old", 1000)
    end)
    after_each(function()
        fs.umask(old_mask)
        temporary_directory.remove_all()
    end)

    it("copies bytes and permissions", function()
        fs.chmod(dir .. "/a", tonumber("4757", 8))
        assert.is_true(fs.copy_file(dir .. "/a", fs.path.new(dir) / "c"))
        assert.are.equal("new content", read(dir .. "/c"))
        -- not set-user-ID: the copier would lend his rights
        assert.are.equal(tonumber("757", 8), fs.status(dir .. "/c").mode)
        write(dir .. "/empty", "")
        fs.chmod(dir .. "/empty", tonumber("400", 8))
        assert.is_true(fs.copy_file(dir .. "/empty", dir .. "/d"))
        assert.are.equal(0, fs.file_size(dir .. "/d"))
        assert.are.equal(tonumber("400", 8), fs.status(dir .. "/d").mode)
    end)

    it("does with an existing file what it was told to", function()
        local err = raised("EEXIST", fs.copy_file, dir .. "/a", dir .. "/b")
        assert.are.equal(dir .. "/b", err.other_path)
        assert.is_false(fs.copy_file(dir .. "/a", dir .. "/b", "skip"))
        assert.are.equal("old", read(dir .. "/b"))
        assert.is_false(fs.copy_file(dir .. "/b", dir .. "/a", "update"))
        assert.are.equal("new content", read(dir .. "/a"))
        assert.is_true(fs.copy_file(dir .. "/a", dir .. "/b", "update"))
        assert.are.equal("new content", read(dir .. "/b"))
        write(dir .. "/b", "x", 3000)
        assert.is_true(fs.copy_file(dir .. "/b", dir .. "/a", "overwrite"))
        assert.are.equal("x", read(dir .. "/a"))
    end)

    it("never copies a file to itself", function()
        fs.create_hardlink(dir .. "/a", dir .. "/hard")
        fs.create_symlink("a", dir .. "/soft")
        for _, name in ipairs { "/a", "/hard", "/soft" } do
            raised("EEXIST", fs.copy_file, dir .. "/a", dir .. name, "overwrite")
        end
        assert.are.equal("new content", read(dir .. "/a"))
    end)

    it("writes through a link, but not to nowhere", function()
        fs.create_symlink("b", dir .. "/soft")
        fs.create_symlink("nowhere", dir .. "/dangling")
        assert.is_true(fs.copy_file(dir .. "/a", dir .. "/soft", "overwrite"))
        assert.are.equal("new content", read(dir .. "/b"))
        raised("EEXIST", fs.copy_file, dir .. "/a", dir .. "/dangling", "overwrite")
        assert.is_false(fs.copy_file(dir .. "/a", dir .. "/dangling", "skip"))
        assert.is_false(fs.exists(dir .. "/nowhere"))
    end)

    it("copies regular files only, and waits for none", function()
        fs.mkfifo(dir .. "/fifo", fs.mode(6, 0, 0))
        raised("ENOTSUP", fs.copy_file, dir .. "/fifo", dir .. "/x")
        raised("ENOTSUP", fs.copy_file, dir, dir .. "/x")
        raised("ENOTSUP", fs.copy_file, "/dev/zero", dir .. "/x")
        raised("ENOTSUP", fs.copy_file, dir .. "/a", dir .. "/fifo", "overwrite")
        raised("ENOENT", fs.copy_file, dir .. "/none", dir .. "/x")
        raised("ENOENT", fs.copy_file, dir .. "/a", dir .. "/none/x")
        assert.is_false(fs.exists(dir .. "/x"))
    end)

    it("copies files whose size is not their length", function()
        assert.is_true(fs.copy_file("/proc/self/status", dir .. "/status"))
        assert.truthy(read(dir .. "/status"):find "CapEff")
        if fs.exists "/sys/kernel/notes" then
            assert.is_true(fs.copy_file("/sys/kernel/mm/transparent_hugepage/enabled", dir .. "/sys"))
            assert.are.equal(read "/sys/kernel/mm/transparent_hugepage/enabled", read(dir .. "/sys"))
        end
    end)

    it("keeps holes", function()
        local name = dir .. "/sparse"
        local file = assert(io.open(name, "w"))
        file:write "start"
        file:seek("set", 20 * 2 ^ 20)
        file:write "middle"
        file:close()
        fs.resize_file(name, 50 * 2 ^ 20)
        assert.is_true(fs.copy_file(name, dir .. "/copy"))
        assert.are.equal(50 * 2 ^ 20, fs.file_size(dir .. "/copy"))
        assert.is_true(lfs.attributes(dir .. "/copy", "blocks") * 512 < 2 ^ 20)
        assert.are.equal(0, os.execute(("cmp %s %s/copy"):format(name, dir)))
        fs.resize_file(dir .. "/b", 0)
        fs.resize_file(dir .. "/b", 2 ^ 30)
        assert.is_true(fs.copy_file(dir .. "/b", dir .. "/hole"))
        assert.are.equal(2 ^ 30, fs.file_size(dir .. "/hole"))
    end)

    it("copies by every means", function()
        local calls = require "ljos.filesystem.calls"
        local clone, range = calls.clone, calls.copy_file_range
        local text = ("0123456789abcdef"):rep(100000)
        write(dir .. "/big", text)
        calls.clone = function() return -95 end -- luacheck: ignore
        fs.copy_file(dir .. "/big", dir .. "/ranged")
        local pieces = 0
        calls.copy_file_range = function(from, to, length) -- luacheck: ignore
            pieces = pieces + 1
            return range(from, to, math.min(length, 4099))
        end
        fs.copy_file(dir .. "/big", dir .. "/pieces")
        calls.copy_file_range = function() return -18 end -- luacheck: ignore
        fs.copy_file(dir .. "/big", dir .. "/buffered")
        calls.clone, calls.copy_file_range = clone, range
        assert.is_true(pieces > 1)
        for _, name in ipairs { "/ranged", "/pieces", "/buffered" } do
            assert.is_true(read(dir .. name) == text)
        end
    end)

    it("leaves nothing behind when it fails", function()
        local calls = require "ljos.filesystem.calls"
        local clone, range = calls.clone, calls.copy_file_range
        calls.clone = function() return -95 end -- luacheck: ignore
        calls.copy_file_range = function() return -28 end -- luacheck: ignore
        local ok, err = pcall(fs.copy_file, dir .. "/a", dir .. "/c")
        calls.clone, calls.copy_file_range = clone, range
        assert.is_false(ok)
        assert.are.equal("NOSPC", err.sym)
        assert.is_false(fs.exists(dir .. "/c"))
    end)

    it("refuses wrong arguments", function()
        assert.are.equal(1, raised("EINVAL", fs.copy_file, 1, "b").arg)
        assert.are.equal(2, raised("EINVAL", fs.copy_file, "a").arg)
        assert.are.equal(3, raised("EINVAL", fs.copy_file, dir .. "/a", dir .. "/c", "replace").arg)
        assert.is_false(fs.exists(dir .. "/c"))
    end)
end)

describe("filesystem.copy", function()
    local dir, from, to, old_mask
    before_each(function()
        dir = temporary_directory.make()
        old_mask = fs.umask(tonumber("022", 8))
        from, to = dir .. "/from", dir .. "/to"
        fs.create_directories(from .. "/sub/deep")
        write(from .. "/file", "file", 1000)
        write(from .. "/sub/other", "other", 1000)
        write(from .. "/sub/deep/last", "last", 1000)
        fs.create_symlink("file", from .. "/link")
        fs.create_symlink("sub", from .. "/sublink")
        fs.create_symlink("nowhere", from .. "/sub/dangling")
    end)
    after_each(function()
        fs.umask(old_mask)
        temporary_directory.remove_all()
    end)

    it("copies a directory's files, but not those below, without options", function()
        fs.remove(from .. "/sublink")
        fs.copy(from, to)
        assert.are.same({ file = "regular 644 file", link = "regular 644 file" }, picture(to))
    end)

    it("copies all that is below, links as links", function()
        fs.copy(fs.path.new(from), fs.path.new(to), { recursive = true, symlinks = "copy" })
        assert.are.same(picture(from), picture(to))
        assert.are.equal("symlink", fs.symlink_status(to .. "/sub/dangling").type)
    end)

    it("leaves links out", function()
        fs.copy(from, to, { recursive = true, symlinks = "skip" })
        local expected = picture(from)
        expected.link, expected.sublink, expected["sub/dangling"] = nil, nil, nil
        assert.are.same(expected, picture(to))
    end)

    it("follows links without an option for them", function()
        raised("ENOENT", fs.copy, from, to, { recursive = true }) -- the dangling one
        fs.remove_all(to)
        fs.remove(from .. "/sub/dangling")
        fs.copy(from, to, { recursive = true })
        local expected = picture(from)
        expected.link, expected.sublink = "regular 644 file", "directory 755 "
        expected["sublink/other"], expected["sublink/deep"] = "regular 644 other", "directory 755 "
        expected["sublink/deep/last"] = "regular 644 last"
        assert.are.same(expected, picture(to))
    end)

    it("does not follow a link into a directory it is copying", function()
        fs.remove(from .. "/sub/dangling")
        fs.create_symlink("..", from .. "/sub/up")
        raised("ELOOP", fs.copy, from, to, { recursive = true })
    end)

    it("copies into a directory that is there", function()
        fs.create_directories(to .. "/sub")
        write(to .. "/sub/mine", "mine")
        fs.copy(from, to, { recursive = true, symlinks = "copy" })
        local expected = picture(from)
        expected["sub/mine"] = "regular 644 mine"
        assert.are.same(expected, picture(to))
        local err = raised("EEXIST", fs.copy, from, to, { recursive = true, symlinks = "skip" })
        assert.truthy(err.path:find(from, 1, true))
        write(to .. "/file", "newer", 5000)
        write(to .. "/sub/other", "older", 500)
        fs.copy(from, to, { recursive = true, symlinks = "skip", existing = "skip" })
        assert.are.equal("older", read(to .. "/sub/other"))
        fs.copy(from, to, { recursive = true, symlinks = "skip", existing = "update" })
        assert.are.equal("newer", read(to .. "/file"))
        assert.are.equal("other", read(to .. "/sub/other"))
        fs.copy(from, to, { recursive = true, symlinks = "skip", existing = "overwrite" })
        assert.are.equal("file", read(to .. "/file"))
    end)

    it("copies a file into a directory", function()
        fs.create_directory(to)
        fs.copy(from .. "/file", to)
        fs.copy(from .. "/file", dir .. "/single")
        assert.are.equal("file", read(to .. "/file"))
        assert.are.equal("file", read(dir .. "/single"))
        raised("EEXIST", fs.copy, from .. "/file", to)
        raised("EISDIR", fs.copy, from, dir .. "/single", { recursive = true })
    end)

    it("copies the directories only", function()
        fs.copy(from, to, { recursive = true, symlinks = "skip", copy = "directories_only" })
        assert.are.same({ sub = "directory 755 ", ["sub/deep"] = "directory 755 " }, picture(to))
        fs.copy(from .. "/file", dir .. "/x", { copy = "directories_only" })
        assert.is_false(fs.exists(dir .. "/x"))
    end)

    it("makes hard links instead", function()
        fs.copy(from, to, { recursive = true, symlinks = "skip", copy = "create_hardlinks" })
        assert.is_true(fs.equivalent(from .. "/sub/deep/last", to .. "/sub/deep/last"))
        assert.are.equal(2, fs.hardlink_count(from .. "/file"))
        fs.copy(from .. "/file", dir .. "/hard", { copy = "create_hardlinks" })
        assert.are.equal(3, fs.hardlink_count(from .. "/file"))
    end)

    it("makes symbolic links to files instead", function()
        fs.copy(from .. "/file", dir .. "/soft", { copy = "create_symlinks" })
        assert.are.equal(from .. "/file", tostring(fs.read_symlink(dir .. "/soft")))
        raised("EISDIR", fs.copy, from, to, { recursive = true, copy = "create_symlinks" })
        assert.is_false(fs.exists(to))
    end)

    it("copies a link itself", function()
        fs.copy(from .. "/link", dir .. "/l", { symlinks = "copy" })
        assert.are.equal("file", tostring(fs.read_symlink(dir .. "/l")))
        raised("EEXIST", fs.copy, from .. "/sublink", dir .. "/l", { symlinks = "copy" })
        fs.copy(from .. "/link", dir .. "/m", { symlinks = "skip" })
        assert.is_false(fs.exists(dir .. "/m"))
        fs.copy_symlink(from .. "/sublink", dir .. "/n")
        assert.are.equal("sub", tostring(fs.read_symlink(dir .. "/n")))
        raised("EINVAL", fs.copy_symlink, from .. "/file", dir .. "/o")
    end)

    it("copies directories that may not be written to, and their modes", function()
        fs.chmod(from .. "/sub", fs.mode(5, 5, 0))
        fs.copy(from, to, { recursive = true, symlinks = "copy" })
        assert.are.equal(tonumber("550", 8), fs.status(to .. "/sub").mode)
        assert.are.equal("other", read(to .. "/sub/other"))
        fs.chmod(from, fs.mode(5, 0, 0))
        fs.copy(from, dir .. "/again", { recursive = true, symlinks = "copy" })
        assert.are.equal(tonumber("500", 8), fs.status(dir .. "/again").mode)
        fs.chmod(from, fs.mode(7, 5, 5))
    end)

    it("does not copy a directory into itself", function()
        raised("EINVAL", fs.copy, from, from .. "/inside", { recursive = true })
        raised("EINVAL", fs.copy, from, from .. "/sub", { recursive = true })
        raised("EINVAL", fs.copy, from, dir .. "/from/sublink/deep/x", { recursive = true })
        raised("EEXIST", fs.copy, from, dir .. "/./from", { recursive = true })
        assert.is_false(fs.exists(from .. "/inside"))
        fs.copy(from, dir .. "/from2", { recursive = true, symlinks = "skip" })
    end)

    it("does not copy what is no file, directory or link", function()
        fs.mkfifo(dir .. "/fifo", fs.mode(6, 0, 0))
        raised("ENOTSUP", fs.copy, dir .. "/fifo", to)
        fs.rename(dir .. "/fifo", from .. "/sub/fifo")
        local err = raised("ENOTSUP", fs.copy, from, to, { recursive = true, symlinks = "skip" })
        assert.are.equal(from .. "/sub/fifo", err.path)
        raised("ENOENT", fs.copy, dir .. "/none", to)
    end)

    it("copies deeper than descriptors are kept open", function()
        local at = from
        for _ = 1, 150 do
            at = at .. "/d"
            fs.create_directory(at)
            write(at .. "/f", "x")
        end
        fs.copy(from, to, { recursive = true, symlinks = "copy" })
        assert.are.same(picture(from), picture(to))
        assert.is_true(fs.exists(to .. at:sub(#from + 1) .. "/f"))
    end)

    it("refuses wrong arguments", function()
        assert.are.equal(1, raised("EINVAL", fs.copy, 1, to).arg)
        assert.are.equal(2, raised("EINVAL", fs.copy, from).arg)
        assert.are.equal("recurse", raised("EINVAL", fs.copy, from, to, { recurse = true }).arg)
        assert.are.equal(3, raised("EINVAL", fs.copy, from, to, "recursive").arg)
        assert.are.equal("recursive", raised("EINVAL", fs.copy, from, to, { recursive = 1 }).arg)
        assert.are.equal("existing", raised("EINVAL", fs.copy, from, to, { existing = "x" }).arg)
        assert.are.equal("symlinks", raised("EINVAL", fs.copy, from, to, { symlinks = true }).arg)
        assert.are.equal("copy", raised("EINVAL", fs.copy, from, to, { copy = "x" }).arg)
        assert.is_false(fs.exists(to))
    end)
end)
