--- spawn_vm: starts an actor and returns the channel to it.
---
--- An actor is a Lua state on a thread of its own, with an engine and a loop of its own. With `subprocess` it is a
--- process that shares nothing: the namespaces that are asked for, the environment that is given, standard streams that
--- are closed unless they are shared or given. What else is taken from it is up to `init.script`; `ljos.sandbox` takes
--- everything in one line.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    the runner of actors, with `subprocess`
local context = require "ljos.actor.context"
local error_ = require "ljos.error"
local file_descriptor = require "ljos.file_descriptor"
local launch = require "ljos.actor.launch"
local namespaces = require "ljos.process.namespaces"
local options_ = require "ljos.error.options"
local process = require "ljos.process"
local slave = require "ljos.libc_service.slave"
local source = require "ljos.actor.source"
local surroundings = require "ljos.process.surroundings"
local thread = require "ljos.actor.thread"

---@class ljos.SubprocessOptions
---@field newns_user? boolean
---@field newns_mount? boolean
---@field newns_net? boolean
---@field newns_pid? boolean
---@field newns_uts? boolean
---@field newns_ipc? boolean
---@field environment? table<string, string>       empty by default
---@field stdin? "share"|ljos.FileDescriptor       a closed pipe by default
---@field stdout? "share"|ljos.FileDescriptor
---@field stderr? "share"|ljos.FileDescriptor
---@field init? {script: string, arg?: ljos.FileDescriptor}  seed 003, "init.script"
---@field libc_service? ljos.libc_service.Slave     consumed by the call
---@field source_tree_cache? table                 component -> source or tree; asked before any file

---@class ljos.SpawnOptions
---@field module? string|ljos.filesystem.Path  a path with `subprocess` only
---@field inherit_context? boolean              whether it belongs to the caller's context; true by default
---@field concurrency_hint? integer|"safe"      of the new context
---@field new_master? boolean                   whether it takes over the role of the process's master
---@field subprocess? ljos.SubprocessOptions

local REFUSED = { "native_modules_cache" }
local ELSEWHERE = { "pd_daemon", "ld_library_directories" }
local IN_PROCESS = { "inherit_context", "concurrency_hint", "new_master" }

local check_names = options_("spawn_vm", "module subprocess " .. table.concat(IN_PROCESS, " "))
local check_subprocess_names = options_(
    "subprocess",
    [[newns_user newns_mount newns_net newns_pid newns_uts newns_ipc environment stdin stdout stderr init
    libc_service source_tree_cache ]]
        .. table.concat(REFUSED, " ")
        .. " "
        .. table.concat(ELSEWHERE, " ")
)

local check_init_names = options_("subprocess/init", "script arg")

local function check_boolean(value, name)
    if value ~= nil then error_.check_type(value, "boolean", "subprocess/" .. name) end
    return value
end

local function namespaces_of(subprocess)
    local flags = 0
    for _, kind in ipairs(namespaces.KINDS) do
        if check_boolean(subprocess["newns_" .. kind[1]], "newns_" .. kind[1]) then flags = flags + kind[2] end
    end
    return flags
end

local function add_init(init, boot, grants)
    if init == nil then return end
    error_.check_type(init, "table", "subprocess/init")
    check_init_names(init, "subprocess/init/")
    error_.check_type(init.script, "string", "subprocess/init/script")
    boot.init = init.script
    if init.arg ~= nil then
        boot.init_arg = "1"
        grants[1] = file_descriptor.number_of(init.arg, "subprocess/init/arg")
    end
end

-- "/app.lua" is no module's name: the manual's recipes for namespaces mean a file of the actor's own file system.
local function add_module(module, caller, boot)
    local is_file = type(module) == "string" and module:find "^/.*%.lua$"
    if type(module) == "string" and not is_file then
        source.add_module(module, caller, boot)
    elseif is_file or getmetatable(module) == "filesystem.path" then
        source.add_path(tostring(module), boot)
    else
        error_.argument("module", "string or filesystem.path expected, got " .. type(module))
    end
end

local function refuse_options(options, subprocess)
    for _, name in ipairs(IN_PROCESS) do
        if options[name] ~= nil then error_.argument(name, "not together with subprocess") end
    end
    for _, name in ipairs(ELSEWHERE) do
        if subprocess[name] ~= nil then error_.not_on_linux("subprocess." .. name, "FreeBSD") end
    end
    for _, name in ipairs(REFUSED) do
        if subprocess[name] ~= nil then
            error(error_.generic("ENOTSUP", { arg = "subprocess/" .. name, detail = "see doc/rationale.md" }), 0)
        end
    end
end

local function check_option(options, name)
    if options[name] ~= nil then error_.check_type(options[name], "boolean", name) end
    return options[name]
end

local function spawn_thread(options, caller)
    error_.check_type(options.module, "string", "module")
    local inherits, hint = check_option(options, "inherit_context"), context.check_hint(options.concurrency_hint)
    local is_master = check_option(options, "new_master") or false
    local boot = {} ---@type table<string, string>
    source.hand_on(caller, boot)
    source.add_module(options.module, caller, boot)
    boot.concurrency_hint = tostring(inherits == false and hint or context.hint())
    local name = boot.file:match "([^/.]+)/init%.lua$" or boot.file:match "([^/.]+)[^/]*$" or "actor"
    return thread.start { boot = boot, name = name, is_master = is_master }
end

local function raise_refused(err, flags)
    local name, errno = namespaces.refused(err, flags)
    if not name then error(err, 0) end
    local about = { arg = "subprocess/newns_" .. name, detail = "the kernel refuses it", step = "clone" }
    error(error_.system(errno, about), 0)
end

local function spawn_process(options, subprocess, caller)
    refuse_options(options, subprocess)
    local boot, grants = {}, {} ---@type table<string, string>, integer[]
    boot.engine = os.getenv "LJOS_ENGINE"
    source.add_tree(subprocess.source_tree_cache, boot)
    add_module(options.module, caller, boot)
    add_init(subprocess.init, boot, grants)
    slave.grant(subprocess.libc_service, "subprocess/libc_service", boot, grants)
    if subprocess.newns_pid then boot.pid1 = "1" end
    if subprocess.newns_user then boot.user_namespace = "1" end
    local flags = namespaces_of(subprocess)
    local ok, result = pcall(launch.launch, {
        boot = boot,
        grants = grants,
        namespaces = flags,
        -- In a new user namespace init.script has every capability, as the seed's has.
        flags = subprocess.newns_user and process.KEEP_CAPABILITIES or 0,
        stdio = surroundings.stdio(subprocess, "subprocess/"),
        environment = surroundings.environment(subprocess.environment, "subprocess/environment"),
    })
    if not ok then raise_refused(result, flags) end
    slave.consume(subprocess.libc_service)
    return result --[[@as ljos.Channel]]
end

--- Starts an actor.
---@param options string|ljos.SpawnOptions  the module, or named parameters (seed 003, "spawn_vm")
---@param importer? ljos.Module             app mode: the module that calls
---@return ljos.Address|ljos.Channel
return function(options, importer)
    local caller = importer or source.caller(2)
    if type(options) == "string" then options = { module = options } end
    error_.check_type(options, "table", 1)
    check_names(options)
    local subprocess = options.subprocess
    if subprocess == nil then return spawn_thread(options, caller) end
    error_.check_type(subprocess, "table", "subprocess")
    check_subprocess_names(subprocess, "subprocess/")
    return spawn_process(options, subprocess, caller)
end
