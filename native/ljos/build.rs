//! Compiles the few lines of C: what the C library's headers alone declare, and what Rust has no word for. And takes from
//! the header what LuaJIT need not read each time that a program starts.
#![forbid(unsafe_code)]

const HEADER: &str = "include/ljos.h";

/// The declarations alone: without comments, empty lines and what is for the preprocessor.
fn declarations(header: &str) -> String {
    let code = header.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    code.filter(|line| !line.is_empty() && !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
}

fn main() -> std::io::Result<()> {
    for (file, library) in
        [("src/regex/posix.c", "ljos_regex_posix"), ("src/thread/leave.c", "ljos_thread_leave_home")]
    {
        println!("cargo:rerun-if-changed={file}");
        cc::Build::new().file(file).warnings(true).compile(library);
    }
    println!("cargo:rerun-if-changed={HEADER}");
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    let header = std::fs::read_to_string(HEADER)?;
    std::fs::write(std::path::Path::new(&out).join("declarations.h"), declarations(&header))
}
