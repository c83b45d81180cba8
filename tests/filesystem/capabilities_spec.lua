local fs = require "ljos.filesystem"
local lacks = require "lacks"
local raised = require "raised"
local system = require "ljos.system"
local temporary_directory = require "temporary_directory"

local allowed = system.cap_get_proc():get_flag("cap_setfcap", "effective")

describe("capabilities of files", function()
    local dir, name
    before_each(function()
        dir = temporary_directory.make()
        name = dir .. "/program"
        io.open(name, "w"):close()
    end)
    after_each(temporary_directory.remove_all)

    it("are absent on a new file", function()
        raised("ENODATA", fs.cap_get_file, name)
        raised("ENOENT", fs.cap_get_file, dir .. "/none")
        raised("ENOENT", fs.cap_set_file, dir .. "/none", system.cap_init())
    end)

    it("are read as they were written", function()
        if not allowed then
            pending "needs cap_setfcap"
            return
        end
        for _, text in ipairs { "=", "cap_net_raw=ep", "cap_net_raw=p", "cap_kill,cap_bpf=eip", "=ep" } do
            fs.cap_set_file(name, system.cap_from_text(text))
            assert.are.equal(text, tostring(fs.cap_get_file(name)))
        end
        if lacks "chown" then return end -- no id but root's: none to own a namespace
        local caps = system.cap_from_text "cap_kill=ep"
        caps:set_nsowner(1000)
        fs.cap_set_file(name, caps)
        assert.are.equal(1000, fs.cap_get_file(name):get_nsowner())
    end)

    it("can be had by a descriptor, too", function()
        if not allowed then
            pending "needs cap_setfcap"
            return
        end
        local fd = fs.open(name, { "read_only" })
        fd:cap_set(system.cap_from_text "cap_kill=p")
        assert.are.equal("cap_kill=p", tostring(fd:cap_get()))
        assert.are.equal("cap_kill=p", tostring(fs.cap_get_file(name)))
        assert.are.equal(2, raised("EINVAL", fd.cap_set, fd, {}).arg)
        fd:close()
        raised("EBADF", fd.cap_get, fd)
        raised("EBADF", fd.cap_set, fd, system.cap_init())
    end)

    it("are all effective, or none", function()
        local caps = system.cap_from_text "cap_kill=ep cap_chown=p"
        assert.are.equal(2, raised("EINVAL", fs.cap_set_file, name, caps).arg)
        raised("ENODATA", fs.cap_get_file, name)
    end)

    it("belong to regular files", function()
        assert.are.equal(1, raised("EINVAL", fs.cap_set_file, dir, system.cap_init()).arg)
        fs.create_symlink("program", dir .. "/link")
        assert.are.equal(1, raised("EINVAL", fs.cap_set_file, dir .. "/link", system.cap_init()).arg)
        assert.are.equal(2, raised("EINVAL", fs.cap_set_file, name, "cap_kill=p").arg)
        assert.are.equal(1, raised("EINVAL", fs.cap_get_file, 1).arg)
    end)
end)
