rockspec_format = "3.0"
package = "ljos-compat"
version = "scm-1"
source = { url = "git+https://github.com/ljos/ljos.git" }
description = {
    summary = "The module names of ljsyscall and LuaIPC, served by ljos",
    homepage = "https://github.com/ljos/ljos",
    license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua == 5.1", "ljos" }
build = {
    type = "command",
    install_command = "cp -r lua/compat/. $(LUADIR)",
}
