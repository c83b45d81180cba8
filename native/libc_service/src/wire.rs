//! What travels: one struct each way, without padding; `lua/ljos/libc_service/wire.lua` has the same.
#![forbid(unsafe_code)]

use std::ffi::{c_int, CStr};
use std::mem::{offset_of, size_of};

/// The functions, by their numbers on the wire.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum Function {
    Open,
    Openat,
    Unlink,
    Rename,
    Stat,
    Lstat,
    Access,
    Eaccess,
    Mkdir,
    Rmdir,
    ConnectUnix,
    ConnectInet,
    ConnectInet6,
    BindUnix,
    BindInet,
    BindInet6,
    Getaddrinfo,
}

/// PATH_MAX: what a path has at most, its NUL included.
pub const TEXT_MAX: usize = 4096;

/// The length of a text that is not there: a null pointer.
pub const NO_TEXT: u32 = u32::MAX;

/// A call. Of `texts`, the first two lengths' bytes are there: path, or node and service, or both paths of rename.
#[repr(C)]
pub struct Request {
    pub function: u32,
    pub flags: i32,
    pub mode: u32,
    pub resolve: u32,
    pub amode: i32,
    pub port: u32,
    pub scope: u32,
    pub protocol: i32,
    /// The caller's number of openat's directory, or of the socket.
    pub fd: i32,
    pub length1: u32,
    pub length2: u32,
    pub address: [u8; 16],
    pub texts: [u8; 2 * TEXT_MAX],
}

/// `Reply.kind`.
pub const RESULT: u32 = 0;
pub const USE_SLAVE_CREDENTIALS: u32 = 1;
pub const DENIED: u32 = 2;

/// An answer. A descriptor may come beside it.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Reply {
    pub kind: u32,
    pub result: i32,
    pub errno: i32,
    pub has_descriptor: u32,
    /// stat and lstat, where `result` is 0.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// getaddrinfo: 0 (no address), 4 or 6.
    pub version: u32,
    pub port: u32,
    pub scope: u32,
    pub address: [u8; 16],
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    pub special_device: u64,
    pub size: i64,
    pub block_size: i64,
    pub blocks: i64,
    /// Seconds and nanoseconds.
    pub atime: [i64; 2],
    pub mtime: [i64; 2],
    pub ctime: [i64; 2],
}

const _: () = {
    assert!(offset_of!(Request, texts) == 60);
    assert!(size_of::<Request>() == 60 + 2 * TEXT_MAX);
    assert!(size_of::<Reply>() == 160);
};

impl Request {
    pub fn new(function: Function) -> Request {
        Request {
            function: function as u32,
            flags: 0,
            mode: 0,
            resolve: 0,
            amode: 0,
            port: 0,
            scope: 0,
            protocol: 0,
            fd: -1,
            length1: NO_TEXT,
            length2: NO_TEXT,
            address: [0; 16],
            texts: [0; 2 * TEXT_MAX],
        }
    }

    /// The error is the errno of a path that is too long.
    pub fn path(function: Function, path: &CStr) -> Result<Request, c_int> {
        let mut request = Request::new(function);
        request.add(path.to_bytes())?;
        Ok(request)
    }

    /// Adds the first text, or the second.
    pub fn add(&mut self, text: &[u8]) -> Result<(), c_int> {
        if text.len() >= TEXT_MAX {
            return Err(libc::ENAMETOOLONG);
        }
        let at = self.texts_len();
        let length = if self.length1 == NO_TEXT { &mut self.length1 } else { &mut self.length2 };
        *length = text.len() as u32;
        if let Some(place) = self.texts.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
        Ok(())
    }

    pub fn is(&self, function: Function) -> bool {
        self.function == function as u32
    }

    fn texts_len(&self) -> usize {
        [self.length1, self.length2]
            .iter()
            .filter(|length| **length != NO_TEXT)
            .map(|length| *length as usize)
            .sum()
    }

    /// How many bytes of it travel.
    pub fn bytes(&self) -> usize {
        offset_of!(Request, texts) + self.texts_len()
    }

    /// The texts, as they are read back.
    pub fn text1(&self) -> Option<&[u8]> {
        (self.length1 != NO_TEXT).then(|| self.texts.get(..self.length1 as usize)).flatten()
    }

    pub fn text2(&self) -> Option<&[u8]> {
        let start = if self.length1 == NO_TEXT { 0 } else { self.length1 as usize };
        (self.length2 != NO_TEXT).then(|| self.texts.get(start..start + self.length2 as usize)).flatten()
    }
}

impl Reply {
    pub fn failed(errno: c_int) -> Reply {
        Reply { result: -1, errno, ..Reply::default() }
    }

    /// What a call answered that gives an `int`, and the errno.
    pub fn of(result: c_int) -> Reply {
        if result >= 0 {
            return Reply { result, ..Reply::default() };
        }
        Reply::failed(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }
}
