//! Compiles the Lua modules in and lets LuaJIT find the native library's functions in the program itself.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let root =
        Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../lua").canonicalize().unwrap();
    let mut files = Vec::new();
    collect(&root.join("ljos"), &mut files);
    let mut modules: Vec<(String, PathBuf)> =
        files.into_iter().map(|file| (module_name(&root, &file), file)).collect();
    modules.sort(); // they are looked up by binary search

    let mut table = String::from("pub const MODULES: &[(&str, &str)] = &[\n");
    for (name, file) in modules {
        writeln!(table, "    ({name:?}, include_str!({file:?})),").unwrap();
    }
    table.push_str("];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap());
    std::fs::write(out.join("modules.rs"), table).unwrap();

    // ffi.C looks symbols up in the dynamic table, where those of a program are only on demand.
    println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic");
}

/// "<root>/ljos/ip/tcp.lua" is "ljos.ip.tcp", "<root>/ljos/init.lua" is "ljos".
fn module_name(root: &Path, file: &Path) -> String {
    let name = file.strip_prefix(root).unwrap().with_extension("").to_str().unwrap().replace('/', ".");
    name.strip_suffix(".init").unwrap_or(&name).to_owned()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    // A new file changes its folder.
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "lua") {
            println!("cargo:rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
}
