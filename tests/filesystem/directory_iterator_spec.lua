local collect = require "collect"
local error_ = require "ljos.error"
local fs = require "ljos.filesystem"
local raised = require "raised"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local function write(name, text) text_file.write(name, text or "") end

local function names_of(iterator)
    local names = {}
    for entry in iterator do
        names[#names + 1] = entry.path.filename
    end
    table.sort(names)
    return names
end

local function open_descriptors()
    local count = 0
    for _ in fs.directory_iterator "/proc/self/fd" do
        count = count + 1
    end
    return count
end

describe("filesystem.directory_iterator", function()
    local dir
    setup(function()
        dir = temporary_directory.make()
        fs.create_directory(dir .. "/full")
        fs.create_directory(dir .. "/empty")
        fs.create_directory(dir .. "/full/below")
        write(dir .. "/full/below/deeper")
        write(dir .. "/full/.hidden", "123")
        write(dir .. "/full/..odd")
        write(dir .. "/full/new\nline")
        fs.create_symlink("below", dir .. "/full/link")
    end)
    teardown(temporary_directory.remove_all)

    it("yields every entry but . and ..", function()
        local expected = { "..odd", ".hidden", "below", "link", "new\nline" }
        assert.are.same(expected, names_of(fs.directory_iterator(dir .. "/full")))
        assert.are.same({}, names_of(fs.directory_iterator(fs.path.new(dir) / "empty")))
    end)

    it("yields more than one batch", function()
        local many = dir .. "/many"
        fs.create_directory(many)
        local expected = {}
        for i = 1, 2200 do
            local name = ("a name that is long enough for several batches %04d"):format(i)
            write(many .. "/" .. name)
            expected[i] = name
        end
        assert.are.same(expected, names_of(fs.directory_iterator(many)))
        assert.are.equal(2201, fs.remove_all(many))
    end)

    it("yields entries that know their paths when the iterator is gone", function()
        local entries = {}
        for entry in fs.directory_iterator(dir .. "/full") do
            entries[#entries + 1] = entry
        end
        names_of(fs.directory_iterator(dir .. "/full/below"))
        collectgarbage()
        local paths = {}
        for i, entry in ipairs(entries) do
            paths[i] = tostring(entry.path):sub(#dir + 7)
        end
        table.sort(paths)
        assert.are.same({ "..odd", ".hidden", "below", "link", "new\nline" }, paths)
    end)

    it("builds paths as the directory was named", function()
        for _, name in ipairs { dir .. "/full", dir .. "/full/", dir .. "/empty/../full" } do
            for entry in fs.directory_iterator(name) do
                assert.are.equal(tostring(fs.path.new(name) / entry.path.filename), tostring(entry.path))
            end
        end
    end)

    it(
        "follows a link to the directory itself",
        function() assert.are.same({ "deeper" }, names_of(fs.directory_iterator(dir .. "/full/link"))) end
    )

    it("goes on returning nil after its end", function()
        local iterator = fs.directory_iterator(dir .. "/empty")
        assert.is_nil(iterator())
        assert.is_nil(iterator())
    end)

    it("keeps no descriptor, not even when it is left early", function()
        collect() -- what others left
        local before = open_descriptors()
        fs.directory_iterator(dir .. "/full")()
        assert.are.equal(before, open_descriptors())
    end)

    it("raises where there is no directory", function()
        assert.are.equal(dir .. "/none", raised("ENOENT", fs.directory_iterator, dir .. "/none").path)
        raised("ENOTDIR", fs.directory_iterator, dir .. "/full/.hidden")
        raised("ENOENT", fs.directory_iterator, "")
    end)

    it("refuses wrong arguments", function()
        assert.are.equal(1, raised("EINVAL", fs.directory_iterator, 1).arg)
        assert.are.equal(2, raised("EINVAL", fs.directory_iterator, dir, 1).arg)
        local err = raised("EINVAL", fs.directory_iterator, dir, { skip_permission_denied = 1 })
        assert.are.equal("skip_permission_denied", err.arg)
        assert.are.equal("skip", raised("EINVAL", fs.directory_iterator, dir, { skip = true }).arg)
        assert.are.equal("skip", raised("EINVAL", fs.recursive_directory_iterator, dir, { skip = true }).arg)
    end)

    describe("entry", function()
        local function entry_of(name)
            for entry in fs.directory_iterator(dir .. "/full") do
                if entry.path.filename == name then return entry end
            end
        end

        it("answers what filesystem answers for its path", function()
            local entry = entry_of ".hidden"
            assert.are.equal(3, entry.file_size)
            assert.are.equal(1, entry.hardlink_count)
            assert.is_true(entry.last_write_time == fs.last_write_time(entry.path))
            assert.are.same(fs.status(entry.path), entry.status)
            assert.are.same(fs.symlink_status(entry.path), entry.symlink_status)
            local link = entry_of "link"
            assert.are.equal("directory", link.status.type)
            assert.are.equal("symlink", link.symlink_status.type)
            raised("EISDIR", function() return link.file_size end)
        end)

        it("keeps what it has answered until it is refreshed", function()
            local name = dir .. "/full/.hidden"
            local entry = entry_of ".hidden"
            assert.are.equal(3, entry.file_size)
            write(name, "12345")
            assert.are.equal(3, entry.file_size)
            entry:refresh()
            assert.are.equal(5, entry.file_size)
            fs.remove(name)
            assert.are.equal(5, entry.file_size)
            entry:refresh()
            assert.are.equal("not_found", entry.status.type)
            assert.are.equal("not_found", entry.symlink_status.type)
            raised("ENOENT", function() return entry.file_size end)
            raised("ENOENT", function() return entry.hardlink_count end)
            raised("ENOENT", function() return entry.last_write_time end)
            write(name, "123")
        end)

        it("gives a status of its own each time", function()
            local entry = entry_of ".hidden"
            entry.status.type = "changed"
            assert.are.equal("regular", entry.status.type)
        end)

        it("raises bad_index for an unknown key, and EPERM for a change", function()
            local entry = entry_of "below"
            local ok, err = pcall(function() return entry.nothing end)
            assert.is_false(ok)
            assert.is_true(error_.is_core(err, "bad_index"))
            raised("EPERM", function() entry.path = fs.path.new() end)
            raised("EINVAL", entry.refresh, {})
        end)
    end)
end)
