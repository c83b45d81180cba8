//! Plain numbers.
#![forbid(unsafe_code)]

use super::Group;

pub const GROUPS: &[Group] = &[group!("LIMIT":
    [libc] {
        PATH_MAX SOMAXCONN IFNAMSIZ HOST_NAME_MAX CBAUD CBAUDEX CIBAUD CMSPAR CRTSCTS NAME_MAX PIPE_BUF
    }
    [linux_raw_sys::net] {
        IFHWADDRLEN
    }
    typed {
        IOV_MAX = 1024
    }
)];
