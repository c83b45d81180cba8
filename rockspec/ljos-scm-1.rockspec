rockspec_format = "3.0"
package = "ljos"
version = "scm-1"
source = { url = "git+https://github.com/ljos/ljos.git" }
description = {
    summary = "Linux systems programming for LuaJIT",
    detailed = "System calls, io_uring and epoll, fibers, streams, files, sockets, sandboxed actors, over LuaJIT's FFI.",
    homepage = "https://github.com/ljos/ljos",
    license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua == 5.1" } -- LuaJIT 2.1 counts as 5.1
-- cargo builds the native part, so Rust is needed to install from source.
build = {
    type = "command",
    -- LuaRocks sets CC, which would make cargo compile anew what `make build` has compiled.
    build_command = "env -u CC tools/build.sh",
    install_command = "tools/install.sh $(LUADIR) $(LIBDIR) $(BINDIR)",
}
-- bin/ljos runs under luajit and finds the tree it lies in; LuaRocks' wrapper would run it under its own Lua.
deploy = { wrap_bin_scripts = false }
