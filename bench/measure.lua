--- Measuring: programs run in turns, medians compared, a line per bar.
---
--- A benchmark is noisy where other work shares the machine. So contenders take turns (A B C A B C ...), the median of
--- each is kept, and what is reported is a ratio of two medians of the same run.
local M = {}

M.quick = os.getenv "BENCH_QUICK" == "1"
M.rounds = tonumber(os.getenv "BENCH_ROUNDS") or (M.quick and 3 or 7)
M.seconds = M.quick and 0.3 or 1

local function processors()
    local count = 0
    for line in io.lines "/proc/cpuinfo" do
        if line:find "^processor" then count = count + 1 end
    end
    return math.max(count, 1)
end
M.cpu = tonumber(os.getenv "BENCH_CPU") or processors() - 1

---@param values number[]
---@return number
function M.median(values)
    local sorted = {}
    for i, value in ipairs(values) do
        sorted[i] = value
    end
    table.sort(sorted)
    local middle = math.floor(#sorted / 2)
    if #sorted % 2 == 1 then return sorted[middle + 1] end
    return (sorted[middle] + sorted[middle + 1]) / 2
end

--- Runs a command and returns the numbers it printed. Ends the benchmark when it fails.
---@param command string
---@return number ...
function M.numbers(command)
    local pipe = assert(io.popen(command .. " && echo done"))
    local output = pipe:read "*a"
    pipe:close()
    if not output:find "done\n$" then error("failed: " .. command, 0) end
    local found = {}
    for number in output:gmatch "[%d.]+" do
        found[#found + 1] = assert(tonumber(number))
    end
    return unpack(found)
end

--- Like `numbers`, on the one processor that the benchmark uses.
---@param command string
---@return number ...
function M.pinned(command) return M.numbers(("taskset -c %d %s"):format(M.cpu, command)) end

--- Runs each contender once per round, in turns; returns the median of each.
---@param contenders table<string, fun(): number>
---@return table<string, number>
function M.in_turns(contenders)
    local names, samples, medians = {}, {}, {}
    for name in pairs(contenders) do
        names[#names + 1], samples[name] = name, {}
    end
    table.sort(names)
    for round = 1, M.rounds do
        for _, name in ipairs(names) do
            samples[name][round] = contenders[name]()
        end
    end
    for _, name in ipairs(names) do
        medians[name] = M.median(samples[name])
    end
    return medians
end

---@param title string
function M.heading(title) io.write("\n", title, "\n") end

--- Reports a value beside its bar.
---@param name string
---@param value number
---@param relation ">="|"<="|nil
---@param bar? number
---@param note? string
function M.report(name, value, relation, bar, note)
    local met = ""
    if bar then
        local ok = relation == ">=" and value >= bar or relation == "<=" and value <= bar
        met = ("  bar %s %-6g %s"):format(relation, bar, ok and "ok" or "MISSED")
    end
    io.write(("  %-46s %8.2f%s%s\n"):format(name, value, met, note and "  (" .. note .. ")" or ""))
    io.flush()
end

return M
