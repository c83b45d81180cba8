local collect = require "collect"
local fiber = require "ljos.fiber"
local filesystem = require "ljos.filesystem"
local ip = require "ljos.ip"
local ledger = require "ljos.fiber.ledger"
local uncaught = require "ljos.fiber.uncaught"

describe("the ledger of descriptors", function()
    after_each(function() fiber.trace.stop() end)

    it("lists what was opened and not closed: kind, place and fiber", function()
        fiber.trace.start()
        local acceptor, other
        fiber.spawn(function() acceptor = ip.tcp.listen "127.0.0.1:0" end):join()
        other = ip.tcp.listen "127.0.0.1:0"
        local file = filesystem.open(filesystem.path.new "/dev/null", { "read_only" })
        local lines = fiber.trace.descriptors() .. "\n"
        local by_fiber = "fd %d+  ip.tcp.acceptor  opened at tests/fiber/ledger_spec.lua:%d+ by Fiber 0x%x+\n"
        local by_main =
            "fd %d+  ip.tcp.acceptor  opened at tests/fiber/ledger_spec.lua:%d+ by Main fiber from VM 0x%x+\n"
        assert.matches(
            by_fiber .. by_main .. "fd %d+  file_descriptor  opened at tests/fiber/ledger_spec.lua:%d+ by",
            lines
        )
        acceptor:close()
        local moved = other:release()
        file:close()
        assert.matches(
            "^fd %d+  file_descriptor  opened at tests/fiber/ledger_spec.lua:%d+ by [^\n]*$",
            fiber.trace.descriptors()
        )
        moved:close()
        assert.equal("", fiber.trace.descriptors())
    end)

    it("reports an object that is collected with its descriptor open", function()
        local printed, print_ = {}, uncaught.print
        uncaught.print = function(text) printed[#printed + 1] = text end
        fiber.trace.start();
        (function() ip.tcp.listen "127.0.0.1:0" end)()
        collect()
        uncaught.print = print_
        assert.equal(1, #printed)
        assert.matches(
            "^ljos: collected without being closed: fd %d+ .*opened at tests/fiber/ledger_spec.lua:%d+ by Main",
            printed[1]
        )
        assert.equal("", fiber.trace.descriptors())
    end)

    it("is empty and off without tracing", function()
        local acceptor = ip.tcp.listen "127.0.0.1:0"
        assert.is_false(ledger.is_on)
        assert.equal("", fiber.trace.descriptors())
        fiber.trace.start()
        acceptor:close()
        assert.equal("", fiber.trace.descriptors())
    end)
end)
