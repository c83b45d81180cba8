-- What goes wrong with files: full disks, no descriptors left, loops, odd names, depth, denied permissions. What
-- changes limits, mounts or ids happens in processes of their own.
local ffi = require "ffi"
local file = require "ljos.file"
local fs = require "ljos.filesystem"
local raises = require "raises"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

ffi.cdef [[
int mkdirat(int, const char *, unsigned);
int openat(int, const char *, int, ...);
int close(int);
]]

local directory
before_each(function() directory = temporary_directory.make() end)
after_each(function() temporary_directory.remove_all() end)

local write = text_file.write

-- Runs Lua code in a process of its own, started by `command`; what it prints must be "ok\n".
local function run(command, code)
    local script = directory .. "/script.lua"
    write(script, [[
        package.path = "lua/?.lua;lua/?/init.lua;tests/?.lua;" .. package.path
        local fs, file, raises = require "ljos.filesystem", require "ljos.file", require "raises"
        local byte_span = require "ljos.byte_span"
        local function count_descriptors()
            local n = 0
            for _ in fs.directory_iterator "/proc/self/fd" do n = n + 1 end
            return n
        end
        local DIRECTORY = ...
        ]] .. code .. '\nprint "ok"\n')
    os.execute("chmod a+r " .. script) -- whatever the umask
    local pipe = assert(io.popen(("%s luajit %s %s 2>&1"):format(command, script, directory)))
    local output = pipe:read "*a"
    pipe:close()
    assert.equal("ok\n", output)
end

local namespaces = os.execute "unshare -m true 2>/dev/null" == 0 and "unshare -m"
    or os.execute "unshare -rm true 2>/dev/null" == 0 and "unshare -rm"

describe("a full filesystem", function()
    it("is ENOSPC, and a copy that does not fit leaves nothing behind", function()
        if not namespaces then return pending "no mount namespaces here" end
        os.execute("mkdir " .. directory .. "/small")
        local mount = "%s sh -c 'mount -t tmpfs -o size=64k none %s/small && exec \"$@\"' -"
        run(
            mount:format(namespaces, directory),
            [[
            local small = DIRECTORY .. "/small"
            fs.copy(DIRECTORY .. "/script.lua", small .. "/fits")
            local big = file.random_access.new()
            big:open(DIRECTORY .. "/big", { "read_write", "create" })
            file.write_all_at(big, 0, ("x"):rep(100000))
            local before = count_descriptors()
            local f = file.stream.new()
            f:open(small .. "/large", { "write_only", "create" })
            local span, written, err = byte_span.new(10000), 0, nil
            repeat
                local ok, n = pcall(f.write_some, f, span)
                if ok then written = written + n else err = n end
            until err
            assert(err.ENOSPC, tostring(err))
            assert(written > 0 and f.size == written)
            f:close()
            assert(raises.raised(fs.copy_file, DIRECTORY .. "/big", small .. "/copy").ENOSPC)
            assert(not fs.exists(small .. "/copy"))
            fs.mkdir(DIRECTORY .. "/tree", 448)
            fs.copy(DIRECTORY .. "/big", DIRECTORY .. "/tree/big")
            local failed = raises.raised(fs.copy, DIRECTORY .. "/tree", small .. "/tree", { recursive = true })
            assert(failed.ENOSPC and failed.other_path == small .. "/tree/big", tostring(failed))
            assert(not fs.exists(small .. "/tree/big"))
            fs.remove(small .. "/large")
            assert(fs.space(small).available > 0)
            assert(count_descriptors() == before)
            ]]
        )
    end)
end)

describe("a process without descriptors left", function()
    it(
        "gets EMFILE from what needs one, and goes on when there are some again",
        function()
            run(
                "ulimit -n 40 &&",
                [[
            fs.create_directories(DIRECTORY .. "/a/b/c")
            fs.open(DIRECTORY, { "read_only" }):close() -- so that all modules are loaded
            assert(not fs.is_empty(DIRECTORY))
            for _ in fs.recursive_directory_iterator(DIRECTORY) do end
            fs.copy(DIRECTORY .. "/a", DIRECTORY .. "/loaded", { recursive = true })
            fs.remove_all(DIRECTORY .. "/loaded")
            local held = {}
            repeat
                local f = file.stream.new()
                local ok, err = pcall(f.open, f, DIRECTORY .. "/script.lua", { "read_only" })
                held[#held + 1] = ok and f or nil
            until not ok and assert(err.EMFILE)
            local calls = {
                { fs.directory_iterator, DIRECTORY },
                { fs.recursive_directory_iterator, DIRECTORY },
                { fs.remove_all, DIRECTORY .. "/a" },
                { fs.copy, DIRECTORY .. "/a", DIRECTORY .. "/z", { recursive = true } },
                { fs.is_empty, DIRECTORY },
                { fs.open, DIRECTORY, { "read_only" } },
            }
            for i, call in ipairs(calls) do
                assert(raises.raised(unpack(call)).EMFILE, i)
            end
            -- One is enough for the root, none is left for what is below.
            table.remove(held):close()
            local step = fs.recursive_directory_iterator(DIRECTORY .. "/a")
            assert(step().path.filename == "b")
            assert(raises.raised(step).EMFILE)
            assert(step() == nil)
            assert(raises.raised(fs.remove_all, DIRECTORY .. "/a").EMFILE)
            for _, f in ipairs(held) do f:close() end
            assert(fs.remove_all(DIRECTORY .. "/a") == 3)
            ]]
            )
        end
    )
end)

describe("a loop of symbolic links", function()
    it("is ELOOP for what follows links, and can be removed", function()
        local loop = directory .. "/loop"
        fs.create_symlink("loop", loop)
        for _, name in ipairs {
            "status",
            "exists",
            "canonical",
            "file_size",
            "is_empty",
            "directory_iterator",
            "last_write_time",
            "recursive_directory_iterator",
            "current_working_directory",
            "space",
            "hardlink_count",
        } do
            assert.is_true(raises.raised(fs[name], loop).ELOOP)
        end
        assert.is_true(raises.raised(fs.open, loop, { "read_only" }).ELOOP)
        assert.is_true(raises.raised(fs.copy_file, loop, directory .. "/x").ELOOP)
        assert.is_true(raises.raised(file.stream.new().open, file.stream.new(), loop, { "read_only" }).ELOOP)
        assert.equal("symlink", fs.symlink_status(loop).type)
        fs.copy(loop, directory .. "/copy", { symlinks = "copy" })
        assert.equal("loop", tostring(fs.read_symlink(directory .. "/copy")))
        assert.equal(1, fs.remove_all(loop))
        assert.is_true(fs.remove(directory .. "/copy"))
    end)
end)

describe("a name", function()
    it("is bytes: newlines, invalid UTF-8, spaces, up to 255 of them", function()
        local names = { "new\nline", "\255\254\128", " ", "-rf", "*", "\27[31m", ("n"):rep(255), ("\195"):rep(255) }
        local all = {}
        for byte = 1, 255 do
            if byte ~= 47 then all[#all + 1] = string.char(byte) end
        end
        names[#names + 1] = table.concat(all)
        for _, name in ipairs(names) do
            fs.create_directory(directory .. "/t")
            fs.mkdir(directory .. "/t/" .. name, 448)
            write(directory .. "/t/" .. name .. "/" .. name, "x")
        end
        local found = {}
        for entry, depth in fs.recursive_directory_iterator(directory .. "/t") do
            if depth == 1 then
                found[#found + 1] = entry.path.filename
                assert.equal(entry.path.filename, entry.path.parent_path.filename)
                assert.equal(1, entry.file_size)
            end
        end
        table.sort(found)
        table.sort(names)
        assert.same(names, found)
        fs.copy(directory .. "/t", directory .. "/u", { recursive = true })
        assert.equal(1 + 2 * #names, fs.remove_all(directory .. "/t"))
        assert.equal(1 + 2 * #names, fs.remove_all(directory .. "/u"))
    end)

    it("of 256 bytes, or a path of 4096, is ENAMETOOLONG", function()
        local name = directory .. "/" .. ("n"):rep(256)
        assert.is_true(raises.raised(fs.mkdir, name, 448).ENAMETOOLONG)
        assert.is_true(raises.raised(fs.exists, name).ENAMETOOLONG)
        assert.is_true(raises.raised(fs.remove_all, name).ENAMETOOLONG)
        assert.is_true(raises.raised(fs.exists, ("a/"):rep(2048)).ENAMETOOLONG)
    end)
end)

describe("a tree ten thousand levels deep", function()
    local O_PATH = 2097152

    local function descend(root, levels, name)
        local fd = ffi.C.openat(-100, root, O_PATH)
        for _ = 1, levels do
            assert(ffi.C.mkdirat(fd, name, 448) == 0)
            local below = ffi.C.openat(fd, name, O_PATH)
            ffi.C.close(fd)
            fd = below
        end
        ffi.C.close(fd)
    end

    it("is walked, copied and removed, within the descriptors and the stack of anybody", function()
        -- In memory: a disk's journal makes this slow.
        local place = fs.exists "/dev/shm" and temporary_directory.make "/dev/shm" or directory
        local root, name = place .. "/deep", ("n"):rep(200)
        fs.create_directory(root)
        descend(root, 10000, name)
        local count, last = 0, nil
        for entry, depth in fs.recursive_directory_iterator(root) do
            assert.equal(count, depth)
            count = count + 1
            last = entry
        end
        assert.equal(10000, count)
        -- What the walk kept of each directory is its name; the path is put together when asked for.
        assert.equal(#root + 10000 * 201, #tostring(last.path))
        assert.is_true(raises.raised(function() return last.file_size end).ENAMETOOLONG)
        fs.copy(root, place .. "/copy", { recursive = true })
        assert.equal(10001, fs.remove_all(root))
        assert.equal(10001, fs.remove_all(place .. "/copy"))
    end)
end)

describe("somebody who may not", function()
    it("is told so, and changes nothing", function()
        if os.execute "test $(id -u) = 0" ~= 0 then return pending "needs root, to become somebody else" end
        if os.execute "setpriv --reuid 65534 --clear-groups true 2>/dev/null" ~= 0 then
            return pending "no setpriv(1) here"
        end
        fs.create_directories(directory .. "/closed/inner")
        write(directory .. "/closed/file", "x")
        write(directory .. "/private", "x")
        fs.create_directory(directory .. "/open")
        fs.chmod(directory .. "/closed", fs.mode(7, 0, 0))
        fs.chmod(directory .. "/private", fs.mode(6, 0, 0))
        fs.chmod(directory, fs.mode(7, 5, 5))
        run(
            "setpriv --reuid 65534 --regid 65534 --clear-groups",
            [[
            local function denied(f, ...)
                local err = raises.raised(f, ...)
                assert(err.EACCES or err.EPERM, tostring(err))
            end
            local closed, private = DIRECTORY .. "/closed", DIRECTORY .. "/private"
            denied(fs.directory_iterator, closed)
            denied(fs.status, closed .. "/file")
            denied(fs.exists, closed .. "/file")
            denied(fs.copy_file, private, "/tmp/never-made")
            denied(fs.copy, closed, DIRECTORY .. "/open/copy", { recursive = true })
            denied(fs.open, private, { "read_only" })
            denied(file.stream.new().open, file.stream.new(), private, { "read_only" })
            denied(fs.remove, private)
            denied(fs.remove_all, closed)
            denied(fs.rename, private, DIRECTORY .. "/other")
            denied(fs.chmod, private, 511)
            denied(fs.chown, private, 65534, -1)
            denied(fs.resize_file, private, 0)
            denied(fs.last_write_time, private, fs.clock.now())
            denied(fs.mkdir, DIRECTORY .. "/new", 448)
            denied(fs.mkfifo, DIRECTORY .. "/new", 448)
            denied(fs.mknod, DIRECTORY .. "/new", 448, fs.makedev(1, 3), "character")
            denied(fs.create_symlink, "x", DIRECTORY .. "/new")
            denied(fs.create_hardlink, private, DIRECTORY .. "/new")
            denied(fs.current_working_directory, closed)
            denied(fs.chroot, DIRECTORY)
            assert(fs.directory_iterator(closed, { skip_permission_denied = true })() == nil)
            local seen = {}
            for entry in fs.recursive_directory_iterator(DIRECTORY, { skip_permission_denied = true }) do
                seen[entry.path.filename] = true
            end
            assert(seen.closed and seen.open and seen.private and not seen.inner)
            local step = fs.recursive_directory_iterator(DIRECTORY)
            denied(function() for _ in step do end end)
            assert(step() == nil)
            ]]
        )
        assert.equal(1, fs.file_size(directory .. "/private"))
        assert.is_true(fs.exists(directory .. "/closed/inner"))
    end)
end)
