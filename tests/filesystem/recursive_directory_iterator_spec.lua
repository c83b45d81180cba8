local collect = require "collect"
local error_ = require "ljos.error"
local fs = require "ljos.filesystem"
local raised = require "raised"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

-- Makes a tree: keys are names, values are trees, texts or {link = target}.
local function build(at, tree)
    fs.create_directory(at)
    for name, value in pairs(tree) do
        local where = at .. "/" .. name
        if type(value) == "string" then
            text_file.write(where, value)
        elseif value.link then
            fs.create_symlink(value.link, where)
        else
            build(where, value)
        end
    end
end

-- What an iterator yields, as "depth path", sorted.
local function walk(root, iterator)
    local seen = {}
    for entry, depth in iterator do
        local text = tostring(entry.path)
        assert.are.equal(root .. "/", text:sub(1, #root + 1))
        seen[#seen + 1] = depth .. " " .. text:sub(#root + 2)
    end
    table.sort(seen)
    return seen
end

describe("filesystem.recursive_directory_iterator", function()
    local dir, root
    before_each(function()
        dir = temporary_directory.make()
        root = dir .. "/root"
        build(root, {
            a = { b = { c = "" }, d = "" },
            e = {},
            f = "text",
            to_a = { link = "a" },
            to_nowhere = { link = "nowhere" },
            to_f = { link = "f" },
        })
    end)
    after_each(temporary_directory.remove_all)

    local plain = { "0 a", "0 e", "0 f", "0 to_a", "0 to_f", "0 to_nowhere", "1 a/b", "1 a/d", "2 a/b/c" }

    it(
        "yields all below, with depths, and does not follow links",
        function() assert.are.same(plain, walk(root, (fs.recursive_directory_iterator(root)))) end
    )

    it("yields a directory before what is in it", function()
        local seen = {}
        for entry in fs.recursive_directory_iterator(fs.path.new(root)) do
            local text = tostring(entry.path)
            local parent = tostring(entry.path.parent_path)
            assert.is_true(parent == root or seen[parent])
            seen[text] = true
        end
    end)

    it("follows links to directories when asked to", function()
        local expected = { unpack(plain) }
        expected[#expected + 1] = "1 to_a/b"
        expected[#expected + 1] = "1 to_a/d"
        expected[#expected + 1] = "2 to_a/b/c"
        table.sort(expected)
        local iterator = fs.recursive_directory_iterator(root, { follow_directory_symlink = true })
        assert.are.same(expected, walk(root, iterator))
    end)

    it("does not follow a link into a directory it is in", function()
        fs.create_symlink("..", root .. "/a/up")
        fs.create_symlink(root, root .. "/a/b/top")
        fs.create_symlink(".", root .. "/e/self")
        local seen = walk(root, fs.recursive_directory_iterator(root, { follow_directory_symlink = true }))
        local count = 0
        for _, line in ipairs(seen) do
            assert.is_nil(line:find "up/" or line:find "top/" or line:find "self/")
            count = count + 1
        end
        assert.are.equal(17, count)
    end)

    it("passes over a directory when recursion is disabled", function()
        local iterator, control = fs.recursive_directory_iterator(root)
        local seen = {}
        for entry, depth in iterator do
            assert.is_true(control.recursion_pending)
            seen[#seen + 1] = depth .. " " .. entry.path.filename
            if entry.path.filename == "b" then
                control:disable_recursion_pending()
                assert.is_false(control.recursion_pending)
            end
        end
        table.sort(seen)
        assert.are.same({ "0 a", "0 e", "0 f", "0 to_a", "0 to_f", "0 to_nowhere", "1 b", "1 d" }, seen)
    end)

    it("can be wrapped, as in the reference", function()
        local function exclude(iterator, control)
            return function()
                local entry, depth = iterator()
                if entry == nil then return end
                if entry.path.filename == "a" then control:disable_recursion_pending() end
                return entry, depth
            end,
                control
        end
        local seen = walk(root, (exclude(fs.recursive_directory_iterator(root))))
        assert.are.same({ "0 a", "0 e", "0 f", "0 to_a", "0 to_f", "0 to_nowhere" }, seen)
    end)

    it("goes up with pop, and ends with pop at the top", function()
        local iterator, control = fs.recursive_directory_iterator(root)
        local seen = 0
        for entry, depth in iterator do
            if depth == 2 then
                assert.are.equal("c", entry.path.filename)
                control:pop()
            end
            seen = seen + 1
        end
        assert.are.equal(9, seen)
        iterator, control = fs.recursive_directory_iterator(root)
        assert.is_not_nil(iterator())
        control:pop()
        assert.is_nil(iterator())
        assert.is_nil(iterator())
        control:pop()
    end)

    it("leaves a directory without entering the one it stands on", function()
        local iterator, control = fs.recursive_directory_iterator(root)
        for entry in iterator do
            if entry.path.filename == "b" then
                control:pop()
                local following = iterator()
                assert.is_true(following == nil or following.path.parent_path == fs.path.new(root))
                break
            end
        end
    end)

    it("passes over a directory that has vanished", function()
        local iterator = fs.recursive_directory_iterator(root)
        for entry in iterator do
            if entry.path.filename == "a" then fs.remove_all(entry.path) end
        end
    end)

    it("climbs deeper than descriptors are kept open, and than a path can name", function()
        local fd = fs.open(root .. "/e", { "directory" })
        local depth, name = 100, ("deep"):rep(25)
        local cwd = fs.current_working_directory()
        for _ = 1, depth do
            fs.current_working_directory(fd)
            fs.mkdir(name, fs.mode(7, 0, 0))
            fs.mkdir("beside", fs.mode(7, 0, 0))
            local below = fd:openat(name, { "directory" })
            fd:close()
            fd = below
        end
        fd:close()
        fs.current_working_directory(cwd)
        local deepest, count = 0, 0
        local entries, at_depth = {}, {}
        for entry, at in fs.recursive_directory_iterator(root .. "/e") do
            deepest, count = math.max(deepest, at), count + 1
            entries[count], at_depth[count] = entry, at
        end
        assert.are.equal(depth - 1, deepest)
        assert.are.equal(2 * depth, count)
        for i, entry in ipairs(entries) do
            local above = root .. "/e/" .. (name .. "/"):rep(at_depth[i])
            local text = tostring(entry.path)
            assert.is_true(text == above .. name or text == above .. "beside")
        end
        assert.are.equal(2 * depth + 1, fs.remove_all(root .. "/e"))
    end)

    it("loses nothing of a large directory that it closes on a long way down", function()
        local large = root .. "/large"
        fs.create_directories(large .. ("/down"):rep(70))
        for i = 1, 3000 do
            text_file.write(("%s/a name that is long enough for several batches %04d"):format(large, i), "")
        end
        local seen, count = {}, 0
        for entry, depth in fs.recursive_directory_iterator(large) do
            if depth == 0 then
                seen[tostring(entry.path)] = true
            else
                count = count + 1
            end
        end
        assert.are.equal(69, count)
        for i = 1, 3000 do
            assert.is_true(seen[("%s/a name that is long enough for several batches %04d"):format(large, i)])
        end
    end)

    it("ends a directory that is removed while it is read", function()
        fs.create_directory(root .. "/e/gone")
        local names = {}
        for entry, _ in fs.recursive_directory_iterator(root .. "/e") do
            names[#names + 1] = entry.path.filename
            fs.remove_all(root .. "/e")
        end
        assert.are.equal(1, #names)
        local cwd = fs.current_working_directory()
        fs.current_working_directory(root .. "/a")
        fs.remove_all(root .. "/a")
        local iterator = fs.recursive_directory_iterator "."
        fs.current_working_directory(cwd)
        assert.is_nil(iterator())
    end)

    it("keeps no descriptor when it ends, fails or is collected", function()
        local function count()
            local n = 0
            for _ in fs.directory_iterator "/proc/self/fd" do
                n = n + 1
            end
            return n
        end
        collect() -- what others left
        local before = count()
        walk(root, (fs.recursive_directory_iterator(root)))
        assert.are.equal(before, count())
        for _, depth in fs.recursive_directory_iterator(root) do
            if depth == 1 then break end
        end
        collect()
        assert.are.equal(before, count())
    end)

    it("raises where there is no directory", function()
        raised("ENOENT", fs.recursive_directory_iterator, dir .. "/none")
        raised("ENOTDIR", fs.recursive_directory_iterator, root .. "/f")
    end)

    it("refuses wrong arguments", function()
        assert.are.equal(1, raised("EINVAL", fs.recursive_directory_iterator).arg)
        assert.are.equal(2, raised("EINVAL", fs.recursive_directory_iterator, root, "x").arg)
        for _, name in ipairs { "skip_permission_denied", "follow_directory_symlink" } do
            assert.are.equal(name, raised("EINVAL", fs.recursive_directory_iterator, root, { [name] = "yes" }).arg)
        end
        local _, control = fs.recursive_directory_iterator(root)
        raised("EINVAL", control.pop, {})
        raised("EPERM", function() control.recursion_pending = false end)
        local ok, err = pcall(function() return control.nothing end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "bad_index"))
    end)
end)
