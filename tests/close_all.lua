-- Closes every descriptor among its arguments.
return function(...)
    for i = 1, select("#", ...) do
        local file = select(i, ...)
        if type(file) == "cdata" then file:close() end
    end
end
