--- Threads: actors that are Lua states beside this one, each on a thread of its own.
---
--- The native library makes the state with the Lua C API of this very program, which Lua finds for it, and runs a chunk
--- in it that is written here: it looks for modules where this state does, and starts `ljos.app.worker`. Where an actor
--- belongs to a context, that is no more than what was said about it when the context was made: every actor has its own
--- thread, engine and loop.
---
--- Errors:   raises ljos.Error: EAGAIN when there can be no further thread, ENOTSUP without Lua's C API
--- Suspends: never
--- Needs:    a program that exports Lua's C API, as luajit and libluajit do
local ffi = require "ffi"
local address = require "ljos.actor.address"
local engine = require "ljos.loop.engine"
local error_ = require "ljos.error"
local inbox = require "ljos.actor.inbox"
local master = require "ljos.system.master"
local native = require "ljos.native"

local C = native.C

native.declare [[
void *lua_api_newstate(void) __asm__("luaL_newstate");
void lua_api_openlibs(void *) __asm__("luaL_openlibs");
int lua_api_loadbuffer(void *, const char *, size_t, const char *) __asm__("luaL_loadbuffer");
int lua_api_pcall(void *, int, int, int) __asm__("lua_pcall");
const char *lua_api_tolstring(void *, int, size_t *) __asm__("lua_tolstring");
void lua_api_close(void *) __asm__("lua_close");
]]

---@class ljos.actor.thread
local M = {}

local lua_api

local function find_lua_api()
    local api = ffi.new "struct ljos_lua_api"
    local ok, message = pcall(function()
        local lua = ffi.C
        api.newstate, api.openlibs, api.loadbuffer = lua.lua_api_newstate, lua.lua_api_openlibs, lua.lua_api_loadbuffer
        api.pcall, api.tolstring, api.close = lua.lua_api_pcall, lua.lua_api_tolstring, lua.lua_api_close
    end)
    if ok then return api end
    local detail = "actors in threads need Lua's C API, which this program hides: " .. tostring(message)
    return error(error_.generic("ENOTSUP", { detail = detail }), 0)
end

-- What a module's name is looked up by, with the directories that are relative to the current one made absolute.
local function absolute(templates, directory)
    local result = {}
    for template in templates:gmatch "[^;]+" do
        result[#result + 1] = template:sub(1, 1) == "/" and template or directory .. "/" .. template
    end
    return table.concat(result, ";")
end

local CHUNK = [[
local boot = {%s}
package.path, package.cpath = boot.package_path, boot.package_cpath
if boot.embedded then
    local ffi = require "ffi"
    ffi.cdef "const char *actor_module_source(const char *name, size_t *size);"
    package.loaded["ljos.embedded"] = true
    table.insert(package.loaders, 2, function(name)
        local size = ffi.new "size_t[1]"
        local source = ffi.C.actor_module_source(name, size)
        if source ~= nil then return assert(loadstring(ffi.string(source, size[0]), "@" .. name)) end
    end)
end
require("ljos.actor.bytecode").install()
require(boot.worker).run_in_thread(boot)
]]

local function chunk_of(boot)
    local fields = {}
    for key, value in pairs(boot) do
        fields[#fields + 1] = ("[%q]=%q"):format(key, value)
    end
    return CHUNK:format(table.concat(fields, ","))
end

local out = ffi.new "const struct ljos_address *[1]"

---@class ljos.actor.ThreadOptions
---@field boot table<string, string>  the boot record: the module
---@field name string                 of the thread, for ps(1); the first 15 bytes count
---@field is_master boolean           whether the new state takes over the role of the calling one

--- Starts an actor.
---@param options ljos.actor.ThreadOptions
---@return ljos.Address
function M.start(options)
    lua_api = lua_api or find_lua_api()
    if options.is_master then master.check "new_master" end
    local boot, directory = options.boot, require("ljos.filesystem.calls").getcwd() or "."
    boot.package_path, boot.package_cpath = absolute(package.path, directory), absolute(package.cpath, directory)
    if package.loaded["ljos.embedded"] then boot.embedded = "1" end
    boot.engine, boot.worker = engine.choice(), "ljos.app.worker"
    local chunk = chunk_of(boot)
    local res = C.ljos_thread_spawn(lua_api, options.name, chunk, #chunk, options.is_master and 1 or 0, out)
    error_.check(res, { detail = "an actor's thread" })
    return address.new(out[0])
end

--- Closes all channels and the inbox of this Lua state, which is about to end; then waits until all actors in threads
--- of this process have ended, unless this state is one of those.
function M.finish()
    address.close_all()
    inbox.own():close()
    if C.ljos_thread_number() == 0 then C.ljos_thread_wait_all() end
end

return M
