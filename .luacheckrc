std = "luajit"
max_line_length = 120
files["tests"] = { std = "luajit+busted" }
exclude_files = { "target", "tools/declarations", "lua_modules", ".luarocks" }
