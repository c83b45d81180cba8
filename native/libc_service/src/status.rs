//! Between replies and the structs of stat(2) and statx(2).

use crate::carry_out;
use crate::wire::Reply;
use std::ffi::{c_char, c_int};
use std::mem::zeroed;

/// What the kernel says of a path, as a reply.
pub fn reply_of(path: *const c_char, flags: c_int) -> Reply {
    // SAFETY: an all-zero stat is valid.
    let mut status: libc::stat = unsafe { zeroed() };
    // SAFETY: a string, and a local.
    let reply = Reply::of(unsafe { carry_out::fstatat(libc::AT_FDCWD, path, &mut status, flags) });
    if reply.result != 0 {
        return reply;
    }
    Reply {
        mode: status.st_mode,
        uid: status.st_uid,
        gid: status.st_gid,
        device: status.st_dev,
        inode: status.st_ino,
        links: status.st_nlink as u64,
        special_device: status.st_rdev,
        size: status.st_size,
        block_size: status.st_blksize as i64,
        blocks: status.st_blocks,
        atime: [status.st_atime, status.st_atime_nsec],
        mtime: [status.st_mtime, status.st_mtime_nsec],
        ctime: [status.st_ctime, status.st_ctime_nsec],
        ..reply
    }
}

pub fn stat_of(reply: &Reply) -> libc::stat {
    // SAFETY: an all-zero stat is valid.
    let mut status: libc::stat = unsafe { zeroed() };
    status.st_mode = reply.mode;
    status.st_uid = reply.uid;
    status.st_gid = reply.gid;
    status.st_dev = reply.device;
    status.st_ino = reply.inode;
    status.st_nlink = reply.links as _;
    status.st_rdev = reply.special_device;
    status.st_size = reply.size;
    status.st_blksize = reply.block_size as _;
    status.st_blocks = reply.blocks;
    [status.st_atime, status.st_atime_nsec] = reply.atime;
    [status.st_mtime, status.st_mtime_nsec] = reply.mtime;
    [status.st_ctime, status.st_ctime_nsec] = reply.ctime;
    status
}

pub fn statx_of(reply: &Reply) -> libc::statx {
    // SAFETY: an all-zero statx is valid.
    let mut status: libc::statx = unsafe { zeroed() };
    status.stx_mask = libc::STATX_BASIC_STATS;
    status.stx_mode = reply.mode as u16;
    status.stx_uid = reply.uid;
    status.stx_gid = reply.gid;
    status.stx_ino = reply.inode;
    status.stx_nlink = reply.links as u32;
    status.stx_size = reply.size as u64;
    status.stx_blksize = reply.block_size as u32;
    status.stx_blocks = reply.blocks as u64;
    (status.stx_dev_major, status.stx_dev_minor) = parts(reply.device);
    (status.stx_rdev_major, status.stx_rdev_minor) = parts(reply.special_device);
    set_time(&mut status.stx_atime, reply.atime);
    set_time(&mut status.stx_mtime, reply.mtime);
    set_time(&mut status.stx_ctime, reply.ctime);
    status
}

fn parts(device: u64) -> (u32, u32) {
    (libc::major(device), libc::minor(device))
}

fn set_time(time: &mut libc::statx_timestamp, [seconds, nanoseconds]: [i64; 2]) {
    time.tv_sec = seconds;
    time.tv_nsec = nanoseconds as u32;
}
