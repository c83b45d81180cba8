--- UDP: `socket`.
---
--- Errors:   raises ljos.Error
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15

---@class ljos.ip.udp
local M = { socket = require "ljos.ip.udp.socket" }

return M
