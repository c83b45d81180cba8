-- Exits with 0 where the kernel and its policy allow an io_uring, also to the children of a spec that give up root's
-- capabilities, whose rings count against RLIMIT_MEMLOCK (io_uring_setup(2)), else with 1.
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local ffi = require "ffi"
local C = require("ljos.native").C
local S = require "ljos.syscall"

local ENOUGH = 2 ^ 21 -- some rings at a time
local locked = S.getrlimit "memlock"
local out = ffi.new "struct ljos_engine *[1]"
local status = C.ljos_engine_new(C.LJOS_ENGINE_IO_URING, out)
if status == 0 then C.ljos_engine_free(out[0]) end
os.exit(status == 0 and tonumber(locked.rlim_cur) >= ENOUGH and 0 or 1)
