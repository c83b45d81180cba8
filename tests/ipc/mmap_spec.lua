local collect = require "collect"
local mmap = require "ljos.ipc.mmap"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

describe("mmap.open", function()
    local directory, path
    before_each(function()
        directory = temporary_directory.make()
        path = directory .. "/file"
        text_file.write(path, "line one\nline two\n")
    end)
    after_each(temporary_directory.remove_all)

    local function content() return text_file.read(path) end

    it("reads a file", function()
        local file = assert(mmap.open(path))
        assert.are.equal(18, file:size())
        assert.are.equal("line one", file:read())
        assert.are.same({ nil, "permission denied" }, { file:write "x" })
        assert.are.same({ nil, "permission denied" }, { file:flush() })
        file:close()
    end)

    it("writes to a file", function()
        local file = assert(mmap.open(path, "rw"))
        file:write "LINE"
        assert.is_true(file:flush())
        assert.are.equal(" one", file:read())
        assert.are.same({ nil, "not enough space" }, { file:write(("x"):rep(100)) })
        file:close()
        assert.are.equal("LINE one\nxxxxxxxxx", content())
    end)

    it("refuses to read what was opened for writing", function()
        local file = assert(mmap.open(path, "w"))
        assert.are.same({ nil, "permission denied" }, { file:read() })
        assert.error_matches(function() file:lines() end, "permission denied")
        file:write "LINE"
        file:close()
        assert.are.equal("LINE one\nline two\n", content())
    end)

    it("maps a part, on page boundaries", function()
        text_file.write(path, ("a"):rep(mmap.pagesize), ("b"):rep(mmap.pagesize), "end")
        local part = assert(mmap.open(path, "r", mmap.pagesize, 5))
        assert.are.equal("bbbbb", part:read "*a")
        part:close()
        part = assert(mmap.open(path, "r", 2 * mmap.pagesize))
        assert.are.equal("end", part:read "*a")
        part:close()
    end)

    it("refuses what lies beyond the file, instead of a SIGBUS later", function()
        local invalid = { nil, "Invalid argument", 22 }
        assert.are.same(invalid, { mmap.open(path, "r", 0, 19) })
        assert.are.same(invalid, { mmap.open(path, "r", mmap.pagesize) })
        assert.are.same(invalid, { mmap.open(path, "r", 1) })
        assert.are.same(invalid, { mmap.open(path, "r", 0, -1) })
        assert.are.same(invalid, { mmap.open(path, "r", 0, 2 ^ 60) })
        assert(io.open(path, "w")):close()
        assert.are.same(invalid, { mmap.open(path) })
    end)

    it("gives nil, message and code for what the system refuses", function()
        assert.are.same({ nil, "No such file or directory", 2 }, { mmap.open(directory .. "/none") })
        assert.are.same({ nil, "No such device", 19 }, { mmap.open(directory) })
        assert.are.same({ nil, "Is a directory", 21 }, { mmap.open(directory, "rw") })
        assert.are.same({ nil, "Invalid argument", 22 }, { mmap.open "a\0b" })
        assert.are.equal(75, (select(3, mmap.open(path, "r", -mmap.pagesize))))
    end)

    it("raises for wrong modes and types", function()
        for _, mode in ipairs { "rb", "", "x", "r+" } do
            assert.error_matches(function() mmap.open(path, mode) end, "bad argument #2 to 'open' %(invalid option")
        end
        assert.error_matches(function() mmap.open(path, 1) end, "bad argument #2 to 'open' %(string expected")
        assert.error_matches(function() mmap.open() end, "bad argument #1 to 'open'")
        assert.error_matches(function() mmap.open(path, "r", {}) end, "bad argument #3 to 'open'")
        assert.error_matches(function() mmap.open(path, "r", 0, {}) end, "bad argument #4 to 'open'")
    end)

    it("unmaps when it is closed or collected", function()
        local function mapped()
            local text = text_file.read("/proc/self/maps")
            return text:find(path, 1, true) ~= nil
        end
        local file = assert(mmap.open(path))
        assert.is_true(mapped())
        file:close()
        assert.is_false(mapped())
        mmap.open(path)
        collect()
        assert.is_false(mapped())
    end)
end)
