-- libc_service: who is asked: libraries in C, threads, forked children, and the modules of ljos themselves.
local attacks = require "actor.attacks"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local filesystem = require "ljos.filesystem"
local inbox = require "ljos.inbox"
local ip = require "ljos.ip"
local libc_service = require "ljos.libc_service"
local needs = require "needs"
local raised = require "raised"
local sandbox = require "ljos.sandbox"
local served = require "libc_service.served"
local temporary_directory = require "temporary_directory"
local text_file = require "text_file"

local errno = error_.errno_of
local run, noting, none = served.run, served.noting, served.none

local LIBRARY = [[
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int first_byte(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return -errno;
    int byte = fgetc(file);
    fclose(file);
    return byte;
}
int entries(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) return -errno;
    int count = 0;
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}
int size_of(const char *path) {
    struct statx status;
    return statx(AT_FDCWD, path, 0, STATX_SIZE, &status) ? -errno : (int)status.stx_size;
}
int remove_it(const char *path) { return remove(path) ? -errno : 0; }
int make_at(const char *path) { return mkdirat(AT_FDCWD, path, 0700) ? -errno : 0; }
int below(const char *path, const char *name) {
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    int result = mkdirat(directory, name, 0700) ? -errno : 0;
    close(directory);
    return result;
}
// Each thread asks for its own result, and returns how often it got another's.
static void *ask(void *number) {
    char path[16];
    long wrong = 0;
    snprintf(path, sizeof path, "/%ld", (long)number);
    for (int i = 0; i < 50; i++) wrong += unlink(path) != (long)number;
    return (void *)wrong;
}
long threads(void) {
    pthread_t all[8];
    long wrong = 0;
    for (long i = 0; i < 8; i++) pthread_create(&all[i], 0, ask, (void *)i);
    for (long i = 0; i < 8; i++) {
        void *result;
        pthread_join(all[i], &result);
        wrong += (long)result;
    }
    return wrong;
}
// While the other threads ask, children ask too.
int children(void) {
    pthread_t other;
    int wrong = 0;
    pthread_create(&other, 0, ask, (void *)9);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) _exit(unlink("/7") == 7 && rmdir("/8") == 8 ? 0 : 1);
        int status;
        waitpid(child, &status, 0);
        wrong += status != 0 || unlink("/6") != 6;
    }
    void *result;
    pthread_join(other, &result);
    return wrong + (int)(long)result;
}
// Children that were forked in the middle of a call hold all that it has open, for as long as they like.
static pid_t held[100];
static void *fork_on(void *unused) {
    for (int i = 0; i < 100; i++) {
        held[i] = fork();
        if (held[i] == 0) for (;;) pause();
    }
    return unused;
}
int denied(void) {
    pthread_t other;
    int count = 0;
    pthread_create(&other, 0, fork_on, 0);
    for (int i = 0; i < 500; i++) count += unlink("/a") == -1 && errno == EACCES;
    pthread_join(other, 0);
    for (int i = 0; i < 100; i++) {
        kill(held[i], SIGKILL);
        waitpid(held[i], 0, 0);
    }
    return count;
}
]]

local library

-- Answers with the number that is the path.
local function number(master) master:send(tonumber(tostring(master.path):match "%d+")) end

local function in_library(body)
    return ([[
        ffi.cdef "int first_byte(const char *); int entries(const char *); int size_of(const char *); int children();"
        ffi.cdef "int remove_it(const char *); int make_at(const char *); int below(const char *, const char *);"
        ffi.cdef "long threads(); int denied();"
        local library = ffi.load(%q)
        %s
    ]]):format(library, body)
end

describe("libc_service", function()
    setup(function()
        local directory = temporary_directory.make()
        text_file.write(directory .. "/library.c", LIBRARY)
        library = directory .. "/library.so"
        local command = "cc -O1 -Wall -Werror -shared -fPIC -pthread -o '%s' '%s/library.c'"
        assert(os.execute(command:format(library, directory)) == 0)
    end)
    teardown(temporary_directory.remove_all)
    after_each(function() assert.is_false((pcall(inbox.receive, inbox))) end)

    describe("hears of a C library's", function()
        it("fopen", function()
            local path = temporary_directory.make() .. "/file"
            text_file.write(path, "A")
            local notes = {}
            local answer = noting(notes, function(master)
                if tostring(master.path) == "/denied" then return master:send(-1, errno.ENXIO) end
                local fd = filesystem.open(path, { "read_only" })
                master:send_with_fds(0, { fd })
                fd:close()
            end)
            local code = in_library 'return library.first_byte "/file" + 1000 * library.first_byte "/denied"'
            assert.equal(65 - 1000 * errno.ENXIO, run(code, answer))
            assert.same({ "open /file read_only nil", "open /denied read_only nil" }, notes)
        end)

        it("opendir", function()
            local directory, notes = temporary_directory.make(), {}
            text_file.write(directory .. "/file", "A")
            local answer = noting(notes, function(master)
                local fd = filesystem.open(directory, { "read_only", "directory" })
                master:send_with_fds(0, { fd })
                fd:close()
            end)
            assert.equal(3, run(in_library 'return library.entries "/directory"', answer))
            assert.same({ "open /directory read_only+directory nil" }, notes)
        end)

        it("statx", function()
            local answer = function(master) master:send { type = "regular", mode = 0, size = 4711 } end
            assert.equal(4711, run(in_library 'return library.size_of "/file"', answer))
        end)

        it("remove, of a file or a directory", function()
            local notes = {}
            local answer = noting(notes, function(master)
                if master.function_ == "unlink" then return master:send(-1, errno.EISDIR) end
                master:send(0)
            end)
            assert.equal(0, run(in_library 'return library.remove_it "/a"', answer))
            assert.same({ "unlink /a", "rmdir /a" }, notes)
        end)

        it("functions with a directory, where none is meant", function()
            local directory, notes = temporary_directory.make(), {}
            local answer = noting(notes, function(master)
                if master.function_ == "open" then return master:use_slave_credentials() end
                master:send(-1, errno.EDQUOT)
            end)
            assert.equal(-errno.EDQUOT, run(in_library 'return library.make_at "a"', answer))
            -- There is no request for a directory below one's descriptor: the kernel is asked.
            assert.equal(0, run(in_library(('return library.below(%q, "b")'):format(directory)), answer))
            assert.is_true(filesystem.is_directory(directory .. "/b"))
            assert.same({ "mkdir a 448", ("open %s read_only+directory nil"):format(directory) }, notes)
        end)
    end)

    it(
        "answers each thread with its own",
        function() assert.equal(0, run(in_library "return tonumber(library.threads())", number)) end
    )

    it("runs filters one at a time", function()
        local filter = [[
            assert(not inside)
            inside = true
            local result = (...)(select(2, ...))
            inside = false
            return result
        ]]
        local code = in_library "return tonumber(library.threads())"
        assert.equal(0, run(code, number, function(slave) slave.unlink = filter end))
    end)

    it("answers forked children", function()
        assert.equal(0, run(in_library "return library.children()", number))
        local prepare = function(slave) slave.unlink = "return (...)(select(2, ...))" end
        assert.equal(0, run(in_library "return library.children()", number, prepare))
    end)

    it("denies in time, whatever forked children hold", function()
        assert.equal(500, run(in_library "return library.denied()", function() end))
    end)

    it("hears of what the modules of ljos open, make, remove and ask about", function()
        local directory, notes = temporary_directory.make(), {}
        text_file.write(directory .. "/file", "contents")
        local code = [[
            local filesystem, file, stream = require "filesystem", require "file", require "stream"
            local opened = file.stream.new()
            opened:open("/v/file", { "read_only" })
            local span = byte_span.new(8)
            stream.read_all(opened, span)
            assert(filesystem.open("/v/file", { "read_only", "resolve_no_symlinks" }).type == "regular")
            filesystem.create_directory "/v/made"
            filesystem.rename("/v/made", "/v/moved")
            filesystem.remove "/v/moved"
            assert(filesystem.exists "/v/file")
            assert(not filesystem.exists "/v/none")
            return tostring(span)
        ]]
        local result = run(
            code,
            noting(notes, function(master)
                local called = master.function_
                if called == "open" or called == "openat" then
                    local fd = filesystem.open(directory .. "/file", { "read_only" })
                    master:send_with_fds(0, { fd })
                    return fd:close()
                end
                local is_status = called:find "stat"
                if is_status and not tostring(master.path):find "file" then return master:send(-1, errno.ENOENT) end
                master:send(is_status and { type = "regular", mode = 0 } or 0)
            end)
        )
        assert.equal("contents", result)
        assert.same({
            "open /v/file read_only nil",
            "openat /v/file read_only+resolve_no_symlinks nil",
            "mkdir /v/made 511",
            "rename /v/made /v/moved",
            "unlink /v/moved",
            "stat /v/file",
            "stat /v/none",
        }, notes)
    end)

    it("hears of what the modules of ljos connect and resolve", function()
        local acceptor, notes = ip.tcp.listen "127.0.0.1:0", {}
        local code = [[
            local ip = require "ip"
            local socket = ip.tcp.dial "host.example:4711"
            local stream = require "stream"
            stream.write_all(socket, "hello")
            return socket.is_open
        ]]
        local result = run(
            code,
            noting(notes, function(master)
                if master.function_ == "getaddrinfo" then return master:send { ip.address.new "192.0.2.1" } end
                local socket = ip.tcp.socket.new()
                socket:connect(ip.address.loopback_v4(), acceptor.local_port)
                local fd = socket:release()
                master:send_with_fds(0, { fd })
                fd:close()
            end)
        )
        assert.is_true(result)
        assert.same({ "getaddrinfo host.example 4711 tcp", "connect_inet 192.0.2.1 4711" }, notes)
        local accepted = acceptor:accept()
        local span = require("ljos.byte_span").new(16)
        assert.equal("hello", tostring(span:first(accepted:read_some(span))))
        accepted:close()
        acceptor:close()
    end)

    it("hears nothing of init.script", function()
        local path = temporary_directory.make() .. "/made"
        local script = ("C.close(C.open(%q, C.O_CREAT + C.O_WRONLY, mode(6, 0, 0)))"):format(path)
        assert.equal(1, run("return 1", none, nil, { init = { script = script } }))
        assert.is_true(filesystem.exists(path))
    end)

    it("lets a descriptor of init.script be the first", function()
        local file = filesystem.open("/dev/null", { "read_only" })
        local init = { script = "assert(C.read(arg, 1) == '')", arg = file }
        assert.equal(7, run('return C.unlink "/7"', number, nil, { init = init }))
        file:close()
    end)

    it("hears nothing of a system call that the actor makes by itself", function()
        local directory = temporary_directory.make()
        local mkdirat = attacks.number_of "mkdirat"
        local code = 'return tonumber(C.syscall(%d, ffi.cast("long", -100), "%s/made", ffi.cast("long", 448)))'
        code = code:format(mkdirat, directory)
        assert.equal(0, run(code, none))
        assert.is_true(filesystem.is_directory(directory .. "/made"))
    end)

    describe("in a sandbox", function()
        local it = needs.sandboxes(it)

        local function in_sandbox(body, handler)
            local master, slave = libc_service.new()
            local serving = served.serve(master, handler)
            local result = attacks.inside(body, { libc_service = slave })
            local problem = serving:join()
            if problem ~= nil then error(problem, 0) end
            return result
        end

        it("opens what the master lets it have, and nothing else", function()
            local path = temporary_directory.make() .. "/file"
            text_file.write(path, "contents")
            local code = [[
                local function size(path)
                    local fd = C.open(path, 0)
                    if fd < 0 then return -ffi.errno() end
                    ffi.cdef "int64_t read(int, void *, size_t);"
                    return tonumber(C.read(fd, ffi.new "char[64]", 64))
                end
                return size "/granted" .. " " .. size "/other" .. " " .. size "/etc/passwd"
            ]]
            local result = in_sandbox(code, function(master)
                local asked = tostring(master.path)
                if asked == "/other" then return master:send(-1, errno.EPERM) end
                if asked == "/etc/passwd" then return master:use_slave_credentials() end
                local fd = filesystem.open(path, { "read_only" })
                master:send_with_fds(0, { fd })
                fd:close()
            end)
            assert.equal("8", result:match "^%S+")
            assert.equal(tostring(-errno.EPERM), result:match "^%S+ (%S+)")
            assert.is_true(tonumber(result:match "%S+$") < 0)
        end)

        it("is no way around the kernel's rules", function()
            local code = 'return tonumber(C.syscall(%d, ffi.cast("long", -100), "/etc/passwd", ffi.cast("long", 0)))'
            code = code:format(attacks.number_of "openat")
            local opened = attacks.outside(code) -- the control
            assert.is_true(opened >= 0)
            file_descriptor.new(opened):close()
            assert.equal(-1, in_sandbox(code, none))
        end)

        it(
            "refuses a slave that is none",
            function()
                assert.equal("libc_service", raised("EINVAL", sandbox.spawn, { source = "", libc_service = 5 }).arg)
            end
        )
    end)
end)
