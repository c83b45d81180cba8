std = "luajit"
max_line_length = 120
files["examples"] = { read_globals = { "_CONTEXT", "_FILE" } }
files["tests"] = { std = "luajit+busted" }
exclude_files = { "target", "tools/declarations", "lua_modules", ".luarocks" }
