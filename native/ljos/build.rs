//! Compiles the few lines of C: what the C library's headers alone declare, and what Rust has no word for.
#![forbid(unsafe_code)]

fn main() {
    for (file, library) in
        [("src/regex/posix.c", "ljos_regex_posix"), ("src/thread/leave.c", "ljos_thread_leave_home")]
    {
        println!("cargo:rerun-if-changed={file}");
        cc::Build::new().file(file).warnings(true).compile(library);
    }
}
