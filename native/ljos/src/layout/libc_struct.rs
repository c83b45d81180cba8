//! Structs of the C library that are also the kernel's.

use super::{layouts, CType, Layout};

layouts! {
    "fsid": [libc::fsid_t] {}
    "timespec": [libc::timespec] {
        tv_sec, tv_nsec, tv_nsec
    }
    "timeval": [libc::timeval] {
        tv_sec, tv_usec, tv_usec
    }
    "itimerspec": [libc::itimerspec] {
        it_interval, it_value
    }
    "itimerval": [libc::itimerval] {
        it_interval, it_value
    }
    "stat": [libc::stat] {
        st_dev, st_ino, st_nlink, st_mode, st_uid, st_gid, st_rdev, st_size, st_blksize, st_blocks,
        st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec
    }
    "statfs": [libc::statfs] {
        f_type, f_bsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_fsid, f_namelen, f_frsize
    }
    "sockaddr_in": [libc::sockaddr_in] {
        sin_family, sin_port, sin_addr, sin_zero
    }
    "sockaddr_in6": [libc::sockaddr_in6] {
        sin6_family, sin6_port, sin6_flowinfo, sin6_addr, sin6_scope_id
    }
    "sockaddr_un": [libc::sockaddr_un] {
        sun_family, sun_path
    }
    "sockaddr": [libc::sockaddr] {
        sa_family, sa_data
    }
    "msghdr": [libc::msghdr] {
        msg_name, msg_namelen, msg_iov, msg_iovlen, msg_control, msg_controllen, msg_flags
    }
    "mmsghdr": [libc::mmsghdr] {
        msg_hdr, msg_len
    }
    "cmsghdr": [libc::cmsghdr] {
        cmsg_len, cmsg_level, cmsg_type
    }
    "ucred": [libc::ucred] {
        pid, uid, gid
    }
    "iovec": [libc::iovec] {
        iov_base, iov_len
    }
    "rlimit": [libc::rlimit] {
        rlim_cur, rlim_max
    }
    "flock": [libc::flock] {
        l_type, l_whence, l_start, l_len, l_pid
    }
    "epoll_event": [libc::epoll_event] {
        events, u64
    }
    "signalfd_siginfo": [libc::signalfd_siginfo] {
        ssi_signo, ssi_errno, ssi_code, ssi_pid, ssi_uid, ssi_fd, ssi_tid, ssi_band, ssi_overrun,
        ssi_trapno, ssi_status, ssi_int, ssi_ptr, ssi_utime, ssi_stime, ssi_addr, ssi_addr_lsb,
        ssi_syscall, ssi_call_addr, ssi_arch
    }
    "timex": [libc::timex] {
        modes, offset, offset, freq, freq, maxerror, maxerror, esterror, esterror, status, constant,
        constant, precision, precision, tolerance, tolerance, time, tick, tick, ppsfreq, ppsfreq, jitter,
        jitter, shift, stabil, stabil, jitcnt, jitcnt, calcnt, calcnt, errcnt, errcnt, stbcnt, stbcnt, tai
    }
    "utsname": [libc::utsname] {
        sysname, nodename, release, version, machine, domainname
    }
    "sysinfo": [libc::sysinfo] {
        uptime, loads, totalram, freeram, sharedram, bufferram, totalswap, freeswap, procs, pad,
        totalhigh, freehigh, mem_unit, _f
    }
    "termios": [libc::termios] {
        c_iflag, c_oflag, c_cflag, c_lflag, c_line, c_cc, c_ispeed, c_ospeed
    }
    "mq_attr": [libc::mq_attr] {
        mq_flags, mq_maxmsg, mq_msgsize, mq_curmsgs, mq_flags, mq_maxmsg, mq_msgsize, mq_curmsgs
    }
    "seccomp_data": [libc::seccomp_data] {
        nr, arch, instruction_pointer, args
    }
    "input_event": [libc::input_event] {
        time, type = type_, code, value
    }
    "input_id": [libc::input_id] {
        bustype, vendor, product, version
    }
    "input_absinfo": [libc::input_absinfo] {
        value, minimum, maximum, fuzz, flat, resolution
    }
    "input_keymap_entry": [libc::input_keymap_entry] {
        flags, len, index, keycode, scancode
    }
    "ff_effect": [libc::ff_effect] {
        type = type_, id, direction, trigger, replay, u
    }
    "ff_envelope": [libc::ff_envelope] {
        attack_length, attack_level, fade_length, fade_level
    }
    "ff_replay": [libc::ff_replay] {
        length, delay
    }
    "ff_trigger": [libc::ff_trigger] {
        button, interval
    }
    "ff_constant_effect": [libc::ff_constant_effect] {
        level, envelope
    }
    "ff_ramp_effect": [libc::ff_ramp_effect] {
        start_level, end_level, envelope
    }
    "ff_condition_effect": [libc::ff_condition_effect] {
        right_saturation, left_saturation, right_coeff, left_coeff, deadband, center
    }
    "ff_periodic_effect": [libc::ff_periodic_effect] {
        waveform, period, magnitude, offset, phase, envelope, custom_len, custom_data
    }
    "ff_rumble_effect": [libc::ff_rumble_effect] {
        strong_magnitude, weak_magnitude
    }
    "dirent": [libc::dirent64] {
        d_ino, d_off, d_reclen, d_type, d_name
    }
    "cpu_set": [libc::cpu_set_t] {}
    "sigset": [libc::sigset_t] {}
    "sched_param": [libc::sched_param] {
        sched_priority
    }
    "sched_attr": [libc::sched_attr] {
        size, sched_policy, sched_flags, sched_nice, sched_priority, sched_runtime, sched_deadline,
        sched_period
    }
    "seccomp_notif": [libc::seccomp_notif] {
        id, pid, flags, data
    }
    "seccomp_notif_resp": [libc::seccomp_notif_resp] {
        id, val, error, flags
    }
    "seccomp_notif_addfd": [libc::seccomp_notif_addfd] {
        id, flags, srcfd, newfd, newfd_flags
    }
    "seccomp_notif_sizes": [libc::seccomp_notif_sizes] {
        seccomp_notif, seccomp_notif_resp, seccomp_data
    }
    "fanotify_event_metadata": [libc::fanotify_event_metadata] {
        event_len, vers, reserved, metadata_len, mask, fd, pid
    }
    "fanotify_response": [libc::fanotify_response] {
        fd, response
    }
    "fanotify_event_info_header": [libc::fanotify_event_info_header] {
        info_type, pad, len
    }
    "file_handle": [libc::file_handle] {
        handle_bytes, handle_type, f_handle
    }
    "__c_anonymous_ptrace_syscall_info_entry": [libc::__c_anonymous_ptrace_syscall_info_entry] {
        nr, args
    }
    "__c_anonymous_ptrace_syscall_info_exit": [libc::__c_anonymous_ptrace_syscall_info_exit] {
        sval, is_error
    }
    "__c_anonymous_ptrace_syscall_info_seccomp": [libc::__c_anonymous_ptrace_syscall_info_seccomp] {
        nr, args, ret_data
    }
    "__c_anonymous_ptrace_syscall_info_data": [libc::__c_anonymous_ptrace_syscall_info_data] {
        entry, exit, seccomp
    }
    "ptrace_syscall_info": [libc::ptrace_syscall_info] {
        op, flags, arch, instruction_pointer, stack_pointer, u
    }
    "msqid_ds": [libc::msqid_ds] {
        msg_perm, msg_stime, msg_rtime, msg_ctime, msg_qnum, msg_qbytes, msg_lspid, msg_lrpid
    }
    "shmid_ds": [libc::shmid_ds] {
        shm_perm, shm_segsz, shm_atime, shm_dtime, shm_ctime, shm_cpid, shm_lpid, shm_nattch
    }
    "semid_ds": [libc::semid_ds] {
        sem_perm, sem_otime, sem_ctime, sem_nsems
    }
    "ipc_perm": [libc::ipc_perm] {
        uid, gid, cuid, cgid, mode
    }
    "sembuf": [libc::sembuf] {
        sem_num, sem_op, sem_flg
    }
    "sockaddr_vm": [libc::sockaddr_vm] {
        svm_family, svm_reserved1, svm_port, svm_cid, svm_zero
    }
    "sockaddr_alg": [libc::sockaddr_alg] {
        salg_family, salg_type, salg_feat, salg_mask, salg_name
    }
    "sockaddr_storage": [libc::sockaddr_storage] {
        ss_family
    }
    "sigaction": [libc::sigaction] {
        sa_sigaction, sa_mask, sa_flags, sa_restorer
    }
    "stack_t": [libc::stack_t] {
        ss_sp, ss_flags, ss_size
    }
    "dqblk": [libc::dqblk] {
        dqb_bhardlimit, dqb_bsoftlimit, dqb_curspace, dqb_ihardlimit, dqb_isoftlimit, dqb_curinodes,
        dqb_btime, dqb_itime, dqb_valid
    }
    "utimbuf": [libc::utimbuf] {
        actime, modtime
    }
    "af_alg_iv": [libc::af_alg_iv] {
        ivlen, iv
    }
    "seminfo": [libc::seminfo] {
        semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem
    }
    "hwtstamp_config": [libc::hwtstamp_config] {
        flags, tx_type, rx_filter
    }
    "tms": [libc::tms] {
        tms_utime, tms_stime, tms_cutime, tms_cstime
    }
    "pidfd_info": [libc::pidfd_info] {
        mask, cgroupid, pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid, exit_code
    }
    "mnt_ns_info": [libc::mnt_ns_info] {
        size, nr_mounts, mnt_ns_id
    }
}
