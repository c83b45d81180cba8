-- Exits with 0 where the kernel and its policy allow an io_uring, else with 1.
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local ffi = require "ffi"
local C = require("ljos.native").C
local out = ffi.new "struct ljos_engine *[1]"
local status = C.ljos_engine_new(C.LJOS_ENGINE_IO_URING, out)
if status == 0 then C.ljos_engine_free(out[0]) end
os.exit(status == 0 and 0 or 1)
