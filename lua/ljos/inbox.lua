--- The inbox of this actor: `local inbox = require "ljos.inbox"`.
---
--- Errors:   raises ljos.Error
--- Suspends: receive
--- Needs:    nothing beyond Linux 5.15
return require("ljos.actor.inbox").own()
