-- What sandboxes were left by, or could be, point by point: where it is tested here, or why it is not. A point has the
-- titles of tests by file, and may have what is `untested`.
local text_file = require "text_file"

local SANDBOX, ESCAPES, SECCOMP =
    "tests/sandbox_spec.lua", "tests/actor/escape_spec.lua", "tests/actor/seccomp_spec.lua"
local FILES, PROCESSES = "tests/actor/escape_files_spec.lua", "tests/actor/escape_processes_spec.lua"
local LIMITS, GRANTS = "tests/actor/limits_spec.lua", "tests/actor/grants_spec.lua"
local NO_JIT, INBOX, WIRE = "tests/actor/no_jit_spec.lua", "tests/actor/inbox_spec.lua", "tests/actor/wire_spec.lua"

local SERVICE = "tests/libc_service_spec.lua"
local HOSTILE, INTERPOSED = "tests/libc_service/hostile_spec.lua", "tests/libc_service/interposed_spec.lua"

local POINTS = {
    {
        "descriptors, directories and roots that are inherited",
        { SANDBOX, "no descriptor but the standard streams and its inbox" },
        { SANDBOX, "cannot leave its root by the working directory" },
    },
    {
        "rings, inherited or made",
        { SANDBOX, "no descriptor but the standard streams and its inbox" },
        { SECCOMP, "makes no ring, no file in memory, and no list of the pages that others use" },
        { GRANTS, "no object of the kernel" },
    },
    {
        "the program of the parent or the runner, written to",
        { ESCAPES, "the runner that other actors start from cannot be written to" },
        { GRANTS, "no program that others run, open for writing" },
    },
    {
        "environment and arguments",
        { SANDBOX, "no environment" },
        { PROCESSES, "its process leaves no core and is called what it is" },
    },
    { "memory of the parent", { PROCESSES, "nothing of the parent's memory is in the actor's" } },
    {
        "directories that are granted",
        { ESCAPES, "a granted directory leads to no file" },
        { GRANTS, "no directory, nor what was opened as a path, unless these are allowed" },
    },
    {
        "terminals",
        { ESCAPES, "the session of the parent, and its terminal with it, is out of reach" },
        { SECCOMP, "types into no terminal, however the request is written" },
        { GRANTS, "a terminal for one direction alone" },
    },
    {
        "open files that are shared",
        { SECCOMP, "that it only appends" },
        { SECCOMP, "who gets its signals" },
        { GRANTS, "a pipe whose flags are its own" },
        untested = "the position in a shared file and its locks stay shared: doc/actors.md says so",
    },
    { "signal masks and dispositions", { ESCAPES, "no signal's mask or disposition of the parent comes along" } },
    {
        "set-user-id programs",
        { SANDBOX, "has no_new_privs" },
        { FILES, "stays nobody, whoever owns the program that it starts" },
    },
    {
        "capabilities",
        { SANDBOX, "has no capability, and can gain none" },
        { PROCESSES, "no user id gives it capabilities again" },
    },
    {
        "calls of other architectures",
        { SECCOMP, "ends a process that enters the kernel as another architecture does" },
    },
    {
        "namespaces",
        { SANDBOX, "makes no namespace" },
        { SECCOMP, "allows threads, but no process of its own memory and no namespace" },
        { SECCOMP, "answers for calls that it does not know, and for clone3, as an older kernel would" },
    },
    { "io_uring", { SECCOMP, "makes no ring, no file in memory, and no list of the pages that others use" } },
    {
        "the memory of other processes",
        { ESCAPES, "the memory of the parent cannot be read" },
        { FILES, "reads the memory of neither its parent nor its sibling" },
        { SECCOMP, "denies what it does not list" },
    },
    { "system calls that nobody needs", { SECCOMP, "denies what it does not list" } },
    {
        "sockets",
        { ESCAPES, "no datagram gets out, and no raw packet" },
        { SECCOMP, "allows sockets of the UNIX family alone" },
        { SECCOMP, "allows TCP and UDP where the actor is to have the host's network, and nothing else" },
    },
    { "filters taken off", { SECCOMP, "cannot be taken off, nor hand its decisions to a listener" } },
    {
        "core files and speculation",
        { SANDBOX, "leaves no core and cannot be looked into" },
        { PROCESSES, "its process leaves no core and is called what it is" },
        untested = "the controls of speculation: most machines leave nothing to choose",
    },
    { "new code", { NO_JIT, "makes no code" }, { NO_JIT, "makes no code of data by either of its two protections" } },
    { "time", untested = "the clock is read without a system call, and nothing denies it: doc/actors.md says so" },
    {
        "files, right by right",
        { ESCAPES, "Landlock by itself, with the host's files in sight, leaves no way to" },
        { FILES, "cuts no file by opening it, and links none" },
    },
    {
        "what Landlock does not know",
        { FILES, "changes no mode, no owner, no times and no attributes, which Landlock does not know" },
        { SANDBOX, "opens none" },
    },
    {
        "links, `..` and /proc",
        { SANDBOX, "cannot leave its root by the working directory" },
        { FILES, "leads nowhere by /proc, whose links go around every path" },
    },
    { "devices", { FILES, "makes no device" }, { SANDBOX, "opens none" } },
    { "/proc and /sys", { FILES, "sets no parameter of the kernel and reads none of its memory" } },
    {
        "sockets with names",
        { SANDBOX, "connects to no socket in the file system" },
        { SANDBOX, "connects to no abstract socket" },
        { PROCESSES, "nobody outside meets a socket that it has named" },
    },
    {
        "signals",
        { ESCAPES, "a signal to everybody reaches nobody" },
        { PROCESSES, "a pidfd signals nobody who is not in sight" },
        { PROCESSES, "no thread of the parent is in sight" },
        { SECCOMP, "who gets its signals" },
    },
    {
        "processes that stay behind",
        { SANDBOX, "however it ends" },
        { SANDBOX, "while it computes" },
        { SANDBOX, "is killed with all its processes" },
    },
    {
        "resources",
        { LIMITS, "of memory is an error in the actor that takes more" },
        { LIMITS, "of processes ends a fork bomb" },
        { LIMITS, "of descriptors is EMFILE" },
        { LIMITS, "of a file's size is EFBIG" },
        { LIMITS, "of processor time ends the actor, and the parent hears why" },
        { SECCOMP, "allows a second process in the same memory to who may start programs alone" },
        { PROCESSES, "its pipes have the size that the kernel gives" },
    },
    {
        "messages that are no messages",
        { WIRE, "survives random bytes (property)" },
        { WIRE, "believes no NaN from outside: LuaJIT's values must not be forged" },
        { INBOX, "sends more descriptors than fit" },
        { INBOX, "sends a descriptor that the message does not speak of" },
        { INBOX, "sends more than the largest message" },
    },
    { "descriptors that are something else", { INBOX, "sends a descriptor that is no socket as an address" } },
    {
        "a supervisor that is deceived",
        { HOSTILE, "drops what does not add up" },
        { HOSTILE, "sends no answer to what is no end of a socket pair" },
        { SERVICE, "the calls under way and to come of a master that is closed" },
        untested = "nobody decides for the kernel: the filter has no listener",
    },
    {
        "interposition instead of a boundary",
        { INTERPOSED, "is no way around the kernel's rules" },
        { SECCOMP, "is asked whoever makes the call, also where that is no C library" },
    },
    { "threads", { PROCESSES, "a program with threads confines the actor alone, and the whole of it" } },
    {
        "kernels that lack something",
        { SANDBOX, "names the user namespace where it is forbidden" },
        { SANDBOX, "names Landlock where the kernel has none" },
        { SANDBOX, "names seccomp where the kernel has none" },
        { SANDBOX, "names MDWE where the kernel has none" },
        { SANDBOX, "names Landlock where it is too old to stand in for what is done without" },
        { SECCOMP, "can be done without" },
    },
    {
        "ids and groups",
        { SANDBOX, "is nobody, and nobody else" },
        { SANDBOX, "works for a user who is not root" },
        { PROCESSES, "it is in none of the parent's groups, where that is root" },
    },
    {
        "grants that defeat the sandbox",
        { GRANTS, "no terminal and no other device" },
        { GRANTS, "no object of the kernel" },
        { GRANTS, "no file of the kernel, wherever that is mounted" },
        { GRANTS, "no socket of another family" },
        untested = "a UNIX socket that was connected to a powerful service is as good as that service",
    },
}

describe("each way out of a sandbox", function()
    for number, point in ipairs(POINTS) do
        it(("%d, %s, is tested, or it is said why not"):format(number, point[1]), function()
            assert.is_true(#point > 1 or point.untested ~= nil)
            for i = 2, #point do
                local file, title = unpack(point[i])
                assert.is_truthy(text_file.read(file):find('"' .. title .. '"', 1, true), file .. ": " .. title)
            end
        end)
    end

    it("has its point", function() assert.equal(38, #POINTS) end)
end)
