//! What the built library exports and imports: exactly the header's functions, and no symbol of Lua's.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Cargo puts the library of the package under test beside the test programs.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libljos.so")
}

/// The names in the library's dynamic symbol table, `nm`'s last column without the symbol's version.
fn symbols(selection: &str) -> BTreeSet<String> {
    let output = Command::new("nm").args(["-D", selection]).arg(library()).output().unwrap();
    assert!(output.status.success(), "nm: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect()
}

/// Every `ljos_...(` outside of comments.
fn declared() -> BTreeSet<String> {
    include_str!("../include/ljos.h")
        .lines()
        .filter(|line| !line.starts_with("//"))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("ljos_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn exports_are_the_functions_of_the_header() {
    let exported = symbols("--defined-only");
    let declared = declared();
    assert!(declared.contains("ljos_abi"), "the header was not understood");
    let hidden: Vec<_> = declared.difference(&exported).collect();
    let undeclared: Vec<_> = exported.difference(&declared).collect();
    assert!(hidden.is_empty(), "declared but not exported: {hidden:?}");
    assert!(undeclared.is_empty(), "exported but not declared: {undeclared:?}");
}

#[test]
fn no_symbol_of_lua_is_imported() {
    let imported = symbols("--undefined-only");
    assert!(imported.contains("memcpy"), "nm was not understood");
    let lua: Vec<_> = imported.iter().filter(|name| name.starts_with("lua")).collect();
    assert!(lua.is_empty(), "the library must load where Lua's symbols are not global: {lua:?}");
}
