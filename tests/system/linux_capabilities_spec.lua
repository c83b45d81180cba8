local error_ = require "ljos.error"
local ffi = require "ffi"
local raised = require "raised"
local set_ = require "ljos.system.linux_capabilities.set"
local system = require "ljos.system"
local text_ = require "ljos.system.linux_capabilities.text"

ffi.cdef [[
struct _cap_struct *cap_init(void);
struct _cap_struct *cap_from_text(const char *);
char *cap_to_text(struct _cap_struct *, void *);
int cap_set_flag(struct _cap_struct *, int, int, const int *, int);
int cap_free(void *);
]]

-- libcap itself, where it is installed: the oracle of the text form.
local has_libcap, libcap = pcall(ffi.load, "libcap.so.2")

local function libcap_text(caps)
    local text = libcap.cap_to_text(caps, nil)
    local copy = ffi.string(text)
    libcap.cap_free(text)
    libcap.cap_free(caps)
    return copy
end

describe("system.linux_capabilities", function()
    it("writes sets as libcap does", function()
        if not has_libcap then
            pending "no libcap.so.2"
            return
        end
        local seed = os.time()
        math.randomseed(seed)
        local flags = { [0] = "effective", "permitted", "inheritable" }
        for _ = 1, 300 do
            local caps, set = libcap.cap_init(), set_.new()
            local last = math.random() < 0.5 and set_.count - 1 or set_.MAX
            for flag = 0, 2 do
                local density = math.random() ^ 2
                for number = 0, last do
                    if math.random() < density then
                        libcap.cap_set_flag(caps, flag, 1, ffi.new("int[1]", number), 1)
                        set_.put(set, flags[flag], number, true)
                    end
                end
            end
            assert.are.equal(libcap_text(caps), text_.write(set), "seed " .. seed)
        end
    end)

    it("reads text as libcap does", function()
        if not has_libcap then
            pending "no libcap.so.2"
            return
        end
        local seed = os.time()
        math.randomseed(seed)
        local pieces = { "all", "cap_chown", "CAP_KILL", "0", "0x3f", "077", "41", "64", "cap_x" }
        for piece in ("= = + - e i p ep , x"):gmatch "%S+" do
            pieces[#pieces + 1] = piece
        end
        pieces[#pieces + 1], pieces[#pieces + 2] = " ", "\t"
        for _ = 1, 5000 do
            local text = ""
            for _ = 1, math.random(1, 8) do
                text = text .. pieces[math.random(#pieces)]
            end
            local caps, set = libcap.cap_from_text(text), text_.read(text)
            local expected = caps ~= nil and libcap_text(caps) or nil
            assert.are.equal(expected, set and text_.write(set), ("%q, seed %d"):format(text, seed))
        end
    end)

    it("reads and writes some sets, libcap or not", function()
        local cases = {
            [""] = "=",
            ["all=ep"] = "=ep",
            ["cap_chown,cap_kill+ep"] = "cap_chown,cap_kill=ep",
            ["=eip cap_chown-p cap_kill-e"] = "=eip cap_kill-e cap_chown-p",
            ["cap_chown=p cap_kill+ei"] = "cap_kill=ei cap_chown+p",
            ["63=e"] = "= 63+e",
            ["63,all=e"] = "=e",
            ["all,63=e"] = "=e 63+e",
        }
        for text, expected in pairs(cases) do
            assert.are.equal(expected, tostring(system.cap_from_text(text)))
        end
        for _, bad in ipairs { "cap_chown", "+ep", "cap_nope=e", "=x", "cap_chown=e\0", 1, {} } do
            assert.are.equal(1, raised("EINVAL", system.cap_from_text, bad).arg)
        end
    end)

    it("changes flags", function()
        local caps = system.cap_init()
        assert.are.equal("=", tostring(caps))
        caps:set_flag("permitted", { "cap_chown", "CAP_KILL", "cap_checkpoint_restore" }, true)
        assert.is_true(caps:get_flag("cap_kill", "permitted"))
        assert.is_true(caps:get_flag("cap_checkpoint_restore", "permitted"))
        assert.is_false(caps:get_flag("cap_kill", "effective"))
        caps:fill("inheritable", "permitted")
        caps:set_flag("permitted", { "cap_kill" }, false)
        assert.are.equal("cap_chown,cap_checkpoint_restore=ip cap_kill+i", tostring(caps))
        local other = system.cap_init()
        other:fill_flag("effective", caps, "inheritable")
        assert.are.equal("cap_chown,cap_kill,cap_checkpoint_restore=e", tostring(other))
        local copy = caps:dup()
        caps:clear_flag "inheritable"
        assert.are.equal("cap_chown,cap_checkpoint_restore=p", tostring(caps))
        caps:clear()
        assert.are.equal("=", tostring(caps))
        assert.are.equal("cap_chown,cap_checkpoint_restore=ip cap_kill+i", tostring(copy))
        copy:set_nsowner(1000)
        assert.are.equal(1000, copy:get_nsowner())
        assert.are.equal(1000, copy:dup():get_nsowner())
    end)

    it("refuses wrong arguments and changes nothing then", function()
        local caps = system.cap_from_text "cap_chown=p"
        assert.are.equal(3, raised("EINVAL", caps.set_flag, caps, "permitted", { "cap_kill", "x" }, true).arg)
        assert.are.equal(2, raised("EINVAL", caps.set_flag, caps, "allowed", { "cap_kill" }, true).arg)
        assert.are.equal(4, raised("EINVAL", caps.set_flag, caps, "permitted", { "cap_kill" }).arg)
        assert.are.equal(2, raised("EINVAL", caps.get_flag, caps, "kill", "permitted").arg)
        assert.are.equal(3, raised("EINVAL", caps.get_flag, caps, "cap_kill", "x").arg)
        assert.are.equal(2, raised("EINVAL", caps.clear_flag, caps).arg)
        assert.are.equal(3, raised("EINVAL", caps.fill_flag, caps, "permitted", {}, "permitted").arg)
        assert.are.equal(3, raised("EINVAL", caps.fill, caps, "permitted").arg)
        assert.are.equal(2, raised("EINVAL", caps.set_nsowner, caps, -1).arg)
        assert.are.equal(1, raised("EINVAL", caps.dup, {}).arg)
        assert.are.equal(1, raised("EINVAL", system.cap_get_bound, "x").arg)
        assert.are.equal(1, raised("EINVAL", system.cap_drop_bound).arg)
        assert.are.equal(2, raised("EINVAL", system.cap_set_ambient, "cap_kill").arg)
        assert.are.equal(1, raised("EINVAL", system.cap_set_secbits, -1).arg)
        assert.are.equal("cap_chown=p", tostring(caps))
        raised("EPERM", function() caps.set = 1 end)
        local ok, err = pcall(function() return caps.nothing end)
        assert.is_false(ok)
        assert.is_true(error_.is_core(err, "bad_index"))
    end)

    it("agrees with /proc about the thread, the bounding and the ambient set", function()
        local words = {}
        for line in io.lines "/proc/thread-self/status" do
            local name, high, low = line:match "^Cap(%a+):%s+(%x%x%x%x%x%x%x%x)(%x%x%x%x%x%x%x%x)$"
            if name then words[name] = { tonumber(low, 16), tonumber(high, 16) } end
        end
        local function has(name, number)
            return math.floor(words[name][number < 32 and 1 or 2] / 2 ^ (number % 32)) % 2 == 1
        end
        local caps = system.cap_get_proc()
        for number = 0, set_.count - 1 do
            local name = set_.name_of[number]
            assert.are.equal(has("Eff", number), caps:get_flag(name, "effective"))
            assert.are.equal(has("Prm", number), caps:get_flag(name, "permitted"))
            assert.are.equal(has("Inh", number), caps:get_flag(name, "inheritable"))
            assert.are.equal(has("Bnd", number), system.cap_get_bound(name))
            assert.are.equal(has("Amb", number), system.cap_get_ambient(name))
        end
    end)

    it("gives capabilities up and takes them back", function()
        local before = system.cap_get_proc()
        if not before:get_flag("cap_kill", "permitted") then
            pending "needs cap_kill"
            return
        end
        local less = before:dup()
        less:set_flag("effective", { "cap_kill" }, false)
        less:set_proc()
        assert.is_false(system.cap_get_proc():get_flag("cap_kill", "effective"))
        assert.are.equal(tostring(less), tostring(system.cap_get_proc()))
        before:set_proc()
        assert.are.equal(tostring(before), tostring(system.cap_get_proc()))
    end)

    it("raises and resets the ambient set", function()
        local before = system.cap_get_proc()
        if not before:get_flag("cap_kill", "permitted") then
            pending "needs cap_kill"
            return
        end
        raised("EPERM", system.cap_set_ambient, "cap_kill", true) -- it is not inheritable
        local caps = before:dup()
        caps:set_flag("inheritable", { "cap_kill" }, true)
        caps:set_proc()
        system.cap_set_ambient("cap_kill", true)
        assert.is_true(system.cap_get_ambient "cap_kill")
        system.cap_set_ambient("cap_kill", false)
        assert.is_false(system.cap_get_ambient "cap_kill")
        system.cap_set_ambient("cap_kill", true)
        system.cap_reset_ambient()
        assert.is_false(system.cap_get_ambient "cap_kill")
        before:set_proc()
    end)

    it("knows the securebits", function()
        assert.are.equal(1, system.SECBIT_NOROOT)
        local before = system.cap_get_secbits()
        if not system.cap_get_proc():get_flag("cap_setpcap", "effective") then
            raised("EPERM", system.cap_set_secbits, before)
            return
        end
        system.cap_set_secbits(bit.bor(before, system.SECBIT_KEEP_CAPS))
        assert.are_not.equal(0, bit.band(system.cap_get_secbits(), system.SECBIT_KEEP_CAPS))
        system.cap_set_secbits(before)
        assert.are.equal(before, system.cap_get_secbits())
    end)
end)
