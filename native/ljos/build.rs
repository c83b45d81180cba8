//! Compiles the few lines of C that read what the C library's headers alone declare.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo:rerun-if-changed=src/regex/posix.c");
    cc::Build::new().file("src/regex/posix.c").warnings(true).compile("ljos_regex_posix");
}
