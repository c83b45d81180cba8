-- The seed's sandboxes ("Linux namespaces", "Landlock"), as programs of app mode that its reader would have written.
local attacks = require "actor.attacks"
local needs = require "needs"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local root = assert(io.popen "pwd"):read "*l"

-- Runs a program; returns its output, its status, and what came on stderr. `path` goes before PATH.
local function run(text, path)
    local directory = temporary_directory.make()
    text_file.write(directory .. "/main.lua", text)
    local command = "cd '%s' && { PATH='%s'$PATH timeout 60 %s/bin/ljos main.lua 2>stderr; echo status=$?; }"
    local pipe = assert(io.popen(command:format(directory, path or "", root)))
    local output, status = pipe:read("*a"):match "^(.*)status=(%d+)\n$"
    pipe:close()
    return output, tonumber(status), text_file.read(directory .. "/stderr")
end

local function prints(expected, text, path)
    local output, status, errors = run(text, path)
    assert.same({ expected, 0, "" }, { output, status, errors })
end

-- The parent's half of an id map of one id: root in there is who started it.
local MAPS_FROM_OUTSIDE = [[
    local uidmap = ({system.getresuid()})[2]
    uidmap = byte_span.append('0 ', tostring(uidmap), ' 1\n')
    local uidmapfd = ({shost:receive_with_fds(ignored_buf, 1)})[2][1]
    file.stream.new(uidmapfd):write_some(uidmap)

    local gidmap = ({system.getresgid()})[2]
    gidmap = byte_span.append('0 ', tostring(gidmap), ' 1\n')
    local gidmapfd = ({shost:receive_with_fds(ignored_buf, 1)})[2][1]
    file.stream.new(gidmapfd):write_some(gidmap)
]]

local MAPS_FROM_INSIDE = [[
    local uidmap = C.open('/proc/self/uid_map', C.O_WRONLY)
    send_with_fd(arg, '.', uidmap)
    C.write(C.open('/proc/self/setgroups', C.O_WRONLY), 'deny')
    local gidmap = C.open('/proc/self/gid_map', C.O_WRONLY)
    send_with_fd(arg, '.', gidmap)
    C.read(arg, 1)
]]

local IMPORTS = [[
    local stream = require 'stream'
    local system = require 'system'
    local inbox = require 'inbox'
    local file = require 'file'
    local unix = require 'unix'
    local shost, sguest = unix.seqpacket.socket.pair()
    sguest = sguest:release()
    local ignored_buf = byte_span.new(1)
]]

-- A tree of one module, which sends what `code` returns.
local function answering(code)
    return ("source_tree_cache = { ['app.lua'] = %q },"):format([[
        local inbox = require 'inbox'
        local function body() ]] .. code .. [[ end
        inbox:receive().dest:send(body())
    ]])
end

-- What newuidmap and newgidmap do for root, by which they are set-user-id.
local function stand_ins()
    local directory = temporary_directory.make()
    for _, map in ipairs { "uid_map", "gid_map" } do
        local program = ("%s/new%s"):format(directory, map:gsub("_", ""))
        text_file.write(program, ('#!/bin/sh\necho "$2 $3 $4" >"/proc/self/fd/${1#fd:}/%s"\n'):format(map))
        os.execute("chmod +x " .. program)
    end
    return directory .. ":"
end

local function has(program) return os.execute(("command -v %s >/dev/null 2>&1"):format(program)) == 0 end

describe("the manual's sandbox", function()
    teardown(temporary_directory.remove_all)

    needs.namespaces(it)(
        "with a user namespace whose ids the parent maps",
        function()
            prints(
                "0 0 =\n",
                IMPORTS
                    .. ("local init_script = %q\n"):format(MAPS_FROM_INSIDE .. "C.cap_set_proc('=')")
                    .. [[
            local my_channel = spawn_vm{
                module = '/app.lua',
                subprocess = {
                    newns_user = true,
                    init = { script = init_script, arg = sguest },
                    stderr = 'share',
                    ]]
                    .. answering [[
                        local system = require 'system'
                        local uid, gid = system.getresuid(), system.getresgid()
                        return ('%d %d %s'):format(uid, gid, tostring(system.cap_get_proc()))
                    ]]
                    .. [[
                }
            }
            sguest:close()
        ]]
                    .. MAPS_FROM_OUTSIDE
                    .. [[
            shost:send(ignored_buf)
            shost:close()
            my_channel:send{ dest = inbox }
            print(inbox:receive())
        ]]
            )
        end
    )

    needs.namespaces(it)("with ids that newuidmap maps", function()
        local is_root = os.execute "[ $(id -u) = 0 ]" == 0
        if not is_root and not has "newuidmap" then return pending "newuidmap is not installed" end
        prints("0\n", IMPORTS .. [[
            local init_script = [=[
                send_with_fd(arg, '.', C.open('/proc/self', C.O_RDONLY))
                C.read(arg, 1)
                C.setresgid(0, 0, 0)
                C.setresuid(0, 0, 0)
            ]=]
            local my_channel = spawn_vm{
                module = '/app.lua',
                subprocess = {
                    newns_user = true,
                    init = { script = init_script, arg = sguest },
                    ]] .. answering "return (require 'system'.getresuid())" .. [[
                }
            }
            sguest:close()
            local pidfd = ({shost:receive_with_fds(ignored_buf, 1)})[2][1]
            for _, program in ipairs{ 'newuidmap', 'newgidmap' } do
                system.spawn{
                    program = program,
                    arguments = { program, 'fd:3', '0', '100000', '1001' },
                    stderr = 'share',
                    extra_fds = { [3] = pidfd }
                }:wait()
            end
            shost:send(ignored_buf)
            my_channel:send{ dest = inbox }
            print(inbox:receive())
        ]], is_root and stand_ins())
    end)

    needs.namespaces(it)("with a network whose loopback device is up", function()
        if not has "ip" then return pending "the program ip is not installed" end
        local maps = ("local MAPS = %q\n"):format(MAPS_FROM_INSIDE)
        prints("127.0.0.1\n", IMPORTS .. maps .. [[
            -- Without an id that is root in there exec would leave the program no right to use.
            local init_script = [=[
            ]=] .. MAPS .. [=[
                local userns = C.open('/proc/self/ns/user', C.O_RDONLY)
                send_with_fd(arg, '.', userns)
                local netns = C.open('/proc/self/ns/net', C.O_RDONLY)
                send_with_fd(arg, '.', netns)
                C.read(arg, 1)
            ]=]
            local my_channel = spawn_vm{
                module = '/app.lua',
                subprocess = {
                    newns_user = true,
                    newns_net = true,
                    init = { script = init_script, arg = sguest },
                    stderr = 'share',
                    ]] .. answering [[
                        local ip = require 'ip'
                        local acceptor = ip.tcp.listen('127.0.0.1:0')
                        local socket = ip.tcp.dial('127.0.0.1:' .. acceptor.local_port)
                        return tostring(socket.remote_address)
                    ]] .. [[
                }
            }
            sguest:close()
        ]] .. MAPS_FROM_OUTSIDE .. [[
            shost:send(ignored_buf)
            local usersns = ({shost:receive_with_fds(ignored_buf, 1)})[2][1]
            local netns = ({shost:receive_with_fds(ignored_buf, 1)})[2][1]
            system.spawn{
                program = 'ip',
                arguments = {'ip', 'link', 'set', 'dev', 'lo', 'up'},
                stderr = 'share',
                nsenter_user = usersns,
                nsenter_net = netns
            }:wait()
            shost:close()
            my_channel:send{ dest = inbox }
            print(inbox:receive())
        ]])
    end)

    needs.own_proc(it)("in full: a root of its own, names of its own, no rights", function()
        if not has "ip" then return pending "the program ip is not installed" end
        prints("mycoolhostname\tno\tno\t2\t=\n", IMPORTS .. [==[
            local guest_code = [[
                local inbox = require 'inbox'
                local ip = require 'ip'
                local system = require 'system'
                local fs = require 'filesystem'
                local function is_there(path) return fs.exists(fs.path.new(path)) and 'yes' or 'no' end

                local ch = inbox:receive().dest
                ch:send{ name = ip.host_name(), etc = is_there('/etc'), usr = is_there('/mnt/usr'),
                    pid = system.getpid(), caps = tostring(system.cap_get_proc()) }
            ]]

            local init_script = [[
        ]==] .. MAPS_FROM_INSIDE .. [==[
                local userns = C.open('/proc/self/ns/user', C.O_RDONLY)
                send_with_fd(arg, '.', userns)
                local netns = C.open('/proc/self/ns/net', C.O_RDONLY)
                send_with_fd(arg, '.', netns)

                -- unshare propagation events
                C.mount(nil, '/', nil, C.MS_PRIVATE)

                C.umask(0)
                C.mount(nil, '/mnt', 'tmpfs', 0)
                C.mkdir('/mnt/proc', mode(7, 5, 5))
                C.mount(nil, '/mnt/proc', 'proc', 0)
                C.mkdir('/mnt/tmp', mode(7, 7, 7))

                -- pivot root
                C.mkdir('/mnt/mnt', mode(7, 5, 5))
                C.chdir('/mnt')
                C.pivot_root('.', '/mnt/mnt')
                C.chroot('.')
                C.umount2('/mnt', C.MNT_DETACH)

                local modulefd = C.open(
                    '/app.lua',
                    bit.bor(C.O_WRONLY, C.O_CREAT),
                    mode(6, 0, 0))
                send_with_fd(arg, '.', modulefd)

                C.read(arg, 1)

                C.sethostname('mycoolhostname')
                C.setdomainname('mycooldomainname')

                -- drop all root privileges
                C.cap_set_proc('=')
            ]]

            local my_channel = spawn_vm{
                module = '/app.lua',
                subprocess = {
                    newns_user = true,
                    newns_net = true,
                    newns_mount = true,
                    newns_pid = true,
                    newns_uts = true,
                    newns_ipc = true,
                    stderr = 'share',
                    init = { script = init_script, arg = sguest }
                }
            }
            sguest:close()
        ]==] .. MAPS_FROM_OUTSIDE .. [[
            -- sync point #1
            shost:send(ignored_buf)

            local usersns = ({shost:receive_with_fds(ignored_buf, 1)})[2][1]
            local netns = ({shost:receive_with_fds(ignored_buf, 1)})[2][1]
            system.spawn{
                program = 'ip',
                arguments = {'ip', 'link', 'set', 'dev', 'lo', 'up'},
                nsenter_user = usersns,
                nsenter_net = netns
            }:wait()

            local module = ({shost:receive_with_fds(ignored_buf, 1)})[2][1]
            module = file.stream.new(module)
            stream.write_all(module, guest_code)

            -- sync point #2
            shost:close()

            my_channel:send{ dest = inbox }
            local answer = inbox:receive()
            print(answer.name, answer.etc, answer.usr, answer.pid, answer.caps)
        ]])
    end)

    it("of Landlock alone", function()
        if attacks.landlock_abi() < 3 then return pending "this kernel's Landlock is older than the example" end
        prints("Permission denied\tPermission denied\n", IMPORTS .. [==[
            local init_script = [[
                local rules = C.landlock_create_ruleset{ handled_access_fs = {
                    "execute", "write_file", "read_file", "read_dir", "remove_dir",
                    "remove_file", "make_char", "make_dir", "make_reg", "make_sock",
                    "make_fifo", "make_block", "make_sym", "refer", "truncate" } }
                set_no_new_privs()
                C.landlock_restrict_self(rules)
            ]]
            local my_channel = spawn_vm{
                module = '/app.lua',
                subprocess = {
                    init = { script = init_script },
                    stderr = 'share',
                    ]==] .. answering [[
                        local file, fs = require 'file', require 'filesystem'
                        local _, read = pcall(function() file.stream.new():open('/etc/passwd', { 'read_only' }) end)
                        local _, made = pcall(fs.mkdir, fs.path.new('/tmp/ljos-tutorial'), 448)
                        return tostring(read) .. '\t' .. tostring(made)
                    ]] .. [==[
                }
            }
            my_channel:send{ dest = inbox }
            print(inbox:receive())
        ]==])
    end)

    it("with a filter of system calls, compiled by the parent or in the script", function()
        for _, script in ipairs {
            "('set_no_new_privs() C.seccomp_set_mode_filter(%q)'):format(require 'seccomp'.compile(rules))",
            [=[ [[
                set_no_new_privs()
                C.seccomp_set_mode_filter(require 'ljos.seccomp'.compile {
                    default = 'allow', { 'errno(EXFULL)', { 'mkdir?', 'mkdirat' } }
                })
            ]] ]=],
        } do
            prints("Exchange full\n", IMPORTS .. [[
                local rules = { default = 'allow', { 'errno(EXFULL)', { 'mkdir?', 'mkdirat' } } }
                local my_channel = spawn_vm{
                    module = '/app.lua',
                    subprocess = {
                        init = { script = ]] .. script .. [[ },
                        stderr = 'share',
                        ]] .. answering [[
                            local fs = require 'filesystem'
                            local _, err = pcall(fs.mkdir, fs.path.new('/tmp/ljos-tutorial'), 448)
                            return tostring(err)
                        ]] .. [[
                    }
                }
                my_channel:send{ dest = inbox }
                print(inbox:receive())
            ]])
        end
    end)
end)
