-- Collects everything that is garbage: compiled code may hold objects as constants, so it is thrown away first.
return function()
    jit.flush()
    collectgarbage()
    collectgarbage() -- finalizers of the first pass may have freed more
end
