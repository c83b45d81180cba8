--- Puts timers in the order of their deadlines.
---
--- A merge sort that begins with the runs that are in order already: entries of a wheel's slot come in few of them.
---
--- Errors:   never
--- Suspends: never
--- Needs:    nothing beyond Linux 5.15
local floor = math.floor

-- Merges due[from..middle - 1] and due[middle..n], each in order; of equal deadlines the earlier entry stays first.
local function merge(due, when, left, from, middle, n)
    for i = from, middle - 1 do
        left[i] = due[i]
    end
    local i, j = from, middle
    for k = from, n do
        if i == middle then return end
        if j <= n and when[due[j]] < when[left[i]] then
            due[k] = due[j]
            j = j + 1
        else
            due[k] = left[i]
            i = i + 1
        end
    end
end

-- Where the run that begins at due[from] ends: the longest stretch up to `n` that is in order.
local function run_end(due, when, from, n)
    while from < n and when[due[from]] <= when[due[from + 1]] do
        from = from + 1
    end
    return from
end

--- Puts due[from..n] in order of their deadlines: one merge for each run.
---@param due integer[]      entries
---@param when number[]      deadlines, by entry
---@param scratch integer[]  room for as many entries
---@param from integer
---@param n integer
local function order(due, when, scratch, from, n)
    local middle = run_end(due, when, from, n)
    if middle == n then return end
    local half = floor((from + n) / 2)
    if middle < half then
        order(due, when, scratch, from, half)
        order(due, when, scratch, half + 1, n)
        middle = half
    else
        order(due, when, scratch, middle + 1, n)
    end
    merge(due, when, scratch, from, middle + 1, n)
end

return order
