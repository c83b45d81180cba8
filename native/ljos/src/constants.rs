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

const SOCKETS: &[(&str, i64)] = table! {
    AF_UNSPEC AF_UNIX AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET SOCK_CLOEXEC SOCK_NONBLOCK
    SOL_SOCKET SO_REUSEADDR SO_REUSEPORT SO_KEEPALIVE SO_LINGER SO_RCVBUF SO_SNDBUF SO_RCVLOWAT SO_SNDLOWAT
    SO_OOBINLINE SO_DONTROUTE SO_DEBUG SO_BROADCAST SO_TYPE SO_ERROR SO_DOMAIN SO_PROTOCOL SO_PEERCRED SO_PASSCRED
    IPPROTO_IP IPPROTO_TCP IPPROTO_UDP IPPROTO_IPV6 IPV6_V6ONLY IPV6_UNICAST_HOPS IPV6_MULTICAST_HOPS
    IPV6_MULTICAST_LOOP IPV6_MULTICAST_IF IPV6_ADD_MEMBERSHIP IPV6_DROP_MEMBERSHIP IP_TTL IP_MULTICAST_TTL
    IP_MULTICAST_LOOP IP_MULTICAST_IF IP_ADD_MEMBERSHIP IP_DROP_MEMBERSHIP TCP_NODELAY SHUT_RD SHUT_WR SHUT_RDWR
    MSG_PEEK MSG_OOB MSG_DONTROUTE MSG_EOR MSG_TRUNC MSG_CTRUNC MSG_WAITALL SOMAXCONN FIONREAD
    POLLIN POLLOUT POLLPRI POLLERR POLLHUP POLLRDHUP
};

const FILES: &[(&str, i64)] = table! {
    O_RDONLY O_WRONLY O_RDWR O_APPEND O_CREAT O_EXCL O_TRUNC O_SYNC O_DSYNC O_CLOEXEC O_NONBLOCK O_NOCTTY
    O_DIRECTORY O_NOFOLLOW O_PATH O_TMPFILE SEEK_SET SEEK_CUR SEEK_END LOCK_SH LOCK_EX LOCK_NB LOCK_UN
    F_GETFL F_SETFL F_GETFD F_DUPFD_CLOEXEC FD_CLOEXEC
};

static GROUPS: [Group; 3] = [
    Group { name: "E", table: ERRNO, text: OnceLock::new() },
    Group { name: "socket", table: SOCKETS, text: OnceLock::new() },
    Group { name: "file", table: FILES, text: OnceLock::new() },
];

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
