//! The kernel's constants by group, as text that `native.constants` reads: `NAME=value` lines.
//!
//! Values come from the crates; none is typed here.

use crate::memory;
use std::ffi::c_char;
use std::fmt::Write;
use std::sync::OnceLock;

macro_rules! table {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as i64)),*] };
}

/// errno(3). Where two names share a number, the main one comes first.
const ERRNO: &[(&str, i64)] = table! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN EWOULDBLOCK ENOMEM EACCES EFAULT
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC
    ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK EDEADLOCK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP
    ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO
    EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT
    ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN
    ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE
    ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP ENOTSUP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE
    EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN
    ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE
    EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED
    EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
};

struct Group {
    name: &'static str,
    table: &'static [(&'static str, i64)],
    text: OnceLock<String>,
}

static GROUPS: [Group; 1] = [Group { name: "E", table: ERRNO, text: OnceLock::new() }];

fn text_of(table: &[(&str, i64)]) -> String {
    let mut text = String::new();
    for (name, value) in table {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}={value}");
    }
    text.push('\0');
    text
}

/// The constants of `group` as `NAME=value` lines, or null for a group that does not exist. The text lives as
/// long as the library.
///
/// # Safety
/// `group` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_constants(group: *const c_char) -> *const c_char {
    // SAFETY: the caller's promise.
    let wanted = unsafe { memory::c_str(group) };
    GROUPS
        .iter()
        .find(|group| group.name.as_bytes() == wanted)
        .map_or(std::ptr::null(), |group| group.text.get_or_init(|| text_of(group.table)).as_ptr().cast())
}
