//! Structs of the kernel.

use super::{layouts, CType, Layout};

layouts! {
    "user_cap_header": [linux_raw_sys::general::__user_cap_header_struct] {
        version, pid
    }
    "user_cap_data": [linux_raw_sys::general::__user_cap_data_struct] {
        effective, permitted, inheritable
    }
    "f_owner_ex": [linux_raw_sys::general::f_owner_ex] {
        type = type_, pid
    }
    "open_how": [linux_raw_sys::general::open_how] {
        flags, mode, resolve
    }
    "mount_attr": [linux_raw_sys::general::mount_attr] {
        attr_set, attr_clr, propagation, userns_fd
    }
    "statmount": [linux_raw_sys::general::statmount] {
        size, mnt_opts, mask, sb_dev_major, sb_dev_minor, sb_magic, sb_flags, fs_type, mnt_id,
        mnt_parent_id, mnt_id_old, mnt_parent_id_old, mnt_attr, mnt_propagation, mnt_peer_group,
        mnt_master, propagate_from, mnt_root, mnt_point, mnt_ns_id, fs_subtype, sb_source, opt_num,
        opt_array, opt_sec_num, opt_sec_array, supported_mask, mnt_uidmap_num, mnt_uidmap, mnt_gidmap_num,
        mnt_gidmap, __spare2
    }
    "mnt_id_req": [linux_raw_sys::general::mnt_id_req] {
        size, spare, mnt_id, param, mnt_ns_id
    }
    "fsxattr": [linux_raw_sys::general::fsxattr] {
        fsx_xflags, fsx_extsize, fsx_nextents, fsx_projid, fsx_cowextsize, fsx_pad
    }
    "file_attr": [linux_raw_sys::general::file_attr] {
        fa_xflags, fa_extsize, fa_nextents, fa_projid, fa_cowextsize
    }
    "futex_waitv": [linux_raw_sys::general::futex_waitv] {
        val, uaddr, flags, __reserved
    }
    "inotify_event": [linux_raw_sys::general::inotify_event] {
        wd, mask, cookie, len
    }
    "cachestat_range": [linux_raw_sys::general::cachestat_range] {
        off, len
    }
    "cachestat": [linux_raw_sys::general::cachestat] {
        nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted
    }
    "pollfd": [linux_raw_sys::general::pollfd] {
        fd, events, revents
    }
    "kernel_old_timeval": [linux_raw_sys::general::__kernel_old_timeval] {
        tv_sec, tv_usec
    }
    "rusage": [linux_raw_sys::general::rusage] {
        ru_utime, ru_stime, ru_maxrss, ru_ixrss, ru_idrss, ru_isrss, ru_minflt, ru_majflt, ru_nswap,
        ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv, ru_nsignals, ru_nvcsw, ru_nivcsw
    }
    "clone_args": [linux_raw_sys::general::clone_args] {
        flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
        cgroup
    }
    "sigval": [linux_raw_sys::general::sigval] {
        sival_int, sival_ptr
    }
    "siginfo": [linux_raw_sys::general::siginfo] {
        si_signo = __bindgen_anon_1.__bindgen_anon_1.si_signo,
        si_errno = __bindgen_anon_1.__bindgen_anon_1.si_errno,
        si_code = __bindgen_anon_1.__bindgen_anon_1.si_code,
        _pid = __bindgen_anon_1.__bindgen_anon_1._sifields._kill._pid,
        _uid = __bindgen_anon_1.__bindgen_anon_1._sifields._kill._uid,
        _tid = __bindgen_anon_1.__bindgen_anon_1._sifields._timer._tid,
        _overrun = __bindgen_anon_1.__bindgen_anon_1._sifields._timer._overrun,
        _sigval = __bindgen_anon_1.__bindgen_anon_1._sifields._timer._sigval,
        _sys_private = __bindgen_anon_1.__bindgen_anon_1._sifields._timer._sys_private,
        _rt__pid = __bindgen_anon_1.__bindgen_anon_1._sifields._rt._pid,
        _rt__uid = __bindgen_anon_1.__bindgen_anon_1._sifields._rt._uid,
        _rt__sigval = __bindgen_anon_1.__bindgen_anon_1._sifields._rt._sigval,
        _sigchld__pid = __bindgen_anon_1.__bindgen_anon_1._sifields._sigchld._pid,
        _sigchld__uid = __bindgen_anon_1.__bindgen_anon_1._sifields._sigchld._uid,
        _status = __bindgen_anon_1.__bindgen_anon_1._sifields._sigchld._status,
        _utime = __bindgen_anon_1.__bindgen_anon_1._sifields._sigchld._utime,
        _stime = __bindgen_anon_1.__bindgen_anon_1._sifields._sigchld._stime,
        _addr = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault._addr,
        _trapno = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._trapno,
        _addr_lsb = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._addr_lsb,
        _dummy_bnd = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._addr_bnd._dummy_bnd,
        _lower = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._addr_bnd._lower,
        _upper = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._addr_bnd._upper,
        _dummy_pkey = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._addr_pkey._dummy_pkey,
        _pkey = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._addr_pkey._pkey,
        _data = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._perf._data,
        _type = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._perf._type,
        _flags = __bindgen_anon_1.__bindgen_anon_1._sifields._sigfault.__bindgen_anon_1._perf._flags,
        _band = __bindgen_anon_1.__bindgen_anon_1._sifields._sigpoll._band,
        _fd = __bindgen_anon_1.__bindgen_anon_1._sifields._sigpoll._fd,
        _call_addr = __bindgen_anon_1.__bindgen_anon_1._sifields._sigsys._call_addr,
        _syscall = __bindgen_anon_1.__bindgen_anon_1._sifields._sigsys._syscall,
        _arch = __bindgen_anon_1.__bindgen_anon_1._sifields._sigsys._arch,
        _si_pad = __bindgen_anon_1._si_pad
    }
    "sigevent": [linux_raw_sys::general::sigevent] {
        sigev_value, sigev_signo, sigev_notify, _pad = _sigev_un._pad, _tid = _sigev_un._tid,
        _function = _sigev_un._sigev_thread._function, _attribute = _sigev_un._sigev_thread._attribute
    }
    "statx_timestamp": [linux_raw_sys::general::statx_timestamp] {
        tv_sec, tv_nsec, __reserved
    }
    "statx": [linux_raw_sys::general::statx] {
        stx_mask, stx_blksize, stx_attributes, stx_nlink, stx_uid, stx_gid, stx_mode, __spare0, stx_ino,
        stx_size, stx_blocks, stx_attributes_mask, stx_atime, stx_btime, stx_ctime, stx_mtime,
        stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor, stx_mnt_id, stx_dio_mem_align,
        stx_dio_offset_align, stx_subvol, stx_atomic_write_unit_min, stx_atomic_write_unit_max,
        stx_atomic_write_segments_max, stx_dio_read_offset_align, stx_atomic_write_unit_max_opt, __spare2,
        __spare3
    }
    "termios2": [linux_raw_sys::general::termios2] {
        c_iflag, c_oflag, c_cflag, c_lflag, c_line, c_cc, c_ispeed, c_ospeed
    }
    "winsize": [linux_raw_sys::general::winsize] {
        ws_row, ws_col, ws_xpixel, ws_ypixel
    }
    "timezone": [linux_raw_sys::general::timezone] {
        tz_minuteswest, tz_dsttime
    }
    "uffd_msg": [linux_raw_sys::general::uffd_msg] {
        event, reserved1, reserved2, reserved3, flags = arg.pagefault.flags,
        address = arg.pagefault.address, ptid = arg.pagefault.feat.ptid, ufd = arg.fork.ufd,
        from = arg.remap.from, to = arg.remap.to, len = arg.remap.len, start = arg.remove.start,
        end = arg.remove.end, reserved_reserved1 = arg.reserved.reserved1,
        reserved_reserved2 = arg.reserved.reserved2, reserved_reserved3 = arg.reserved.reserved3
    }
    "uffdio_api": [linux_raw_sys::general::uffdio_api] {
        api, features, ioctls
    }
    "uffdio_range": [linux_raw_sys::general::uffdio_range] {
        start, len
    }
    "uffdio_register": [linux_raw_sys::general::uffdio_register] {
        range, mode, ioctls
    }
    "uffdio_copy": [linux_raw_sys::general::uffdio_copy] {
        dst, src, len, mode, copy
    }
    "uffdio_zeropage": [linux_raw_sys::general::uffdio_zeropage] {
        range, mode, zeropage
    }
    "uffdio_writeprotect": [linux_raw_sys::general::uffdio_writeprotect] {
        range, mode
    }
    "uffdio_continue": [linux_raw_sys::general::uffdio_continue] {
        range, mode, mapped
    }
    "uffdio_move": [linux_raw_sys::general::uffdio_move] {
        dst, src, len, mode, move_
    }
    "xattr_args": [linux_raw_sys::general::xattr_args] {
        value, size, flags
    }
    "file_clone_range": [linux_raw_sys::general::file_clone_range] {
        src_fd, src_offset, src_length, dest_offset
    }
    "file_dedupe_range": [linux_raw_sys::general::file_dedupe_range] {
        src_offset, src_length, dest_count, reserved1, reserved2
    }
    "file_dedupe_range_info": [linux_raw_sys::general::file_dedupe_range_info] {
        dest_fd, dest_offset, bytes_deduped, status, reserved
    }
    "robust_list": [linux_raw_sys::general::robust_list] {
        next
    }
    "robust_list_head": [linux_raw_sys::general::robust_list_head] {
        list, futex_offset, list_op_pending
    }
    "page_region": [linux_raw_sys::general::page_region] {
        start, end, categories
    }
    "pm_scan_arg": [linux_raw_sys::general::pm_scan_arg] {
        size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask,
        category_anyof_mask, return_mask
    }
    "in_addr": [linux_raw_sys::net::in_addr] {
        s_addr
    }
    "ip_mreq": [linux_raw_sys::net::ip_mreq] {
        imr_multiaddr, imr_interface
    }
    "ip_mreqn": [linux_raw_sys::net::ip_mreqn] {
        imr_multiaddr, imr_address, imr_ifindex
    }
    "in_pktinfo": [linux_raw_sys::net::in_pktinfo] {
        ipi_ifindex, ipi_spec_dst, ipi_addr
    }
    "iphdr": [linux_raw_sys::net::iphdr] {
        tos, tot_len, id, frag_off, ttl, protocol, check, saddr = __bindgen_anon_1.__bindgen_anon_1.saddr,
        daddr = __bindgen_anon_1.__bindgen_anon_1.daddr, addrs_saddr = __bindgen_anon_1.addrs.saddr,
        addrs_daddr = __bindgen_anon_1.addrs.daddr
    }
    "in6_addr": [linux_raw_sys::net::in6_addr] {
        u6_addr8 = in6_u.u6_addr8, u6_addr16 = in6_u.u6_addr16, u6_addr32 = in6_u.u6_addr32
    }
    "ipv6hdr": [linux_raw_sys::net::ipv6hdr] {
        flow_lbl, payload_len, nexthdr, hop_limit, saddr = __bindgen_anon_1.__bindgen_anon_1.saddr,
        daddr = __bindgen_anon_1.__bindgen_anon_1.daddr, addrs_saddr = __bindgen_anon_1.addrs.saddr,
        addrs_daddr = __bindgen_anon_1.addrs.daddr
    }
    "tcphdr": [linux_raw_sys::net::tcphdr] {
        source, dest, seq, ack_seq, window, check, urg_ptr
    }
    "ipv6_mreq": [linux_raw_sys::net::ipv6_mreq] {
        ipv6mr_multiaddr, ipv6mr_ifindex
    }
    "in6_pktinfo": [linux_raw_sys::net::in6_pktinfo] {
        ipi6_addr, ipi6_ifindex
    }
    "tcp_info": [linux_raw_sys::net::tcp_info] {
        tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options, tcpi_rto,
        tcpi_ato, tcpi_snd_mss, tcpi_rcv_mss, tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans,
        tcpi_fackets, tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv,
        tcpi_pmtu, tcpi_rcv_ssthresh, tcpi_rtt, tcpi_rttvar, tcpi_snd_ssthresh, tcpi_snd_cwnd,
        tcpi_advmss, tcpi_reordering, tcpi_rcv_rtt, tcpi_rcv_space, tcpi_total_retrans, tcpi_pacing_rate,
        tcpi_max_pacing_rate, tcpi_bytes_acked, tcpi_bytes_received, tcpi_segs_out, tcpi_segs_in,
        tcpi_notsent_bytes, tcpi_min_rtt, tcpi_data_segs_in, tcpi_data_segs_out, tcpi_delivery_rate,
        tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited, tcpi_delivered, tcpi_delivered_ce,
        tcpi_bytes_sent, tcpi_bytes_retrans, tcpi_dsack_dups, tcpi_reord_seen, tcpi_rcv_ooopack,
        tcpi_snd_wnd, tcpi_rcv_wnd, tcpi_rehash, tcpi_total_rto, tcpi_total_rto_recoveries,
        tcpi_total_rto_time
    }
    "xt_get_revision": [linux_raw_sys::net::xt_get_revision] {
        name, revision
    }
    "linger": [linux_raw_sys::net::linger] {
        l_onoff, l_linger
    }
    "scm_ts_pktinfo": [linux_raw_sys::net::scm_ts_pktinfo] {
        if_index, pkt_length, reserved
    }
    "sock_txtime": [linux_raw_sys::net::sock_txtime] {
        clockid, flags
    }
    "kernel_sockaddr_storage": [linux_raw_sys::net::__kernel_sockaddr_storage] {
        ss_family = __bindgen_anon_1.__bindgen_anon_1.ss_family,
        __data = __bindgen_anon_1.__bindgen_anon_1.__data, __align = __bindgen_anon_1.__align
    }
    "group_req": [linux_raw_sys::net::group_req] {
        gr_interface, gr_group
    }
    "nlmsghdr": [linux_raw_sys::netlink::nlmsghdr] {
        nlmsg_len, nlmsg_type, nlmsg_flags, nlmsg_seq, nlmsg_pid
    }
    "nlmsgerr": [linux_raw_sys::netlink::nlmsgerr] {
        error, msg
    }
    "nlattr": [linux_raw_sys::netlink::nlattr] {
        nla_len, nla_type
    }
    "rtnl_link_stats": [linux_raw_sys::netlink::rtnl_link_stats] {
        rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped,
        multicast, collisions, rx_length_errors, rx_over_errors, rx_crc_errors, rx_frame_errors,
        rx_fifo_errors, rx_missed_errors, tx_aborted_errors, tx_carrier_errors, tx_fifo_errors,
        tx_heartbeat_errors, tx_window_errors, rx_compressed, tx_compressed, rx_nohandler
    }
    "rtnl_link_stats64": [linux_raw_sys::netlink::rtnl_link_stats64] {
        rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped,
        multicast, collisions, rx_length_errors, rx_over_errors, rx_crc_errors, rx_frame_errors,
        rx_fifo_errors, rx_missed_errors, tx_aborted_errors, tx_carrier_errors, tx_fifo_errors,
        tx_heartbeat_errors, tx_window_errors, rx_compressed, tx_compressed, rx_nohandler,
        rx_otherhost_dropped
    }
    "ifla_cacheinfo": [linux_raw_sys::netlink::ifla_cacheinfo] {
        max_reasm_len, tstamp, reachable_time, retrans_time
    }
    "ifla_vlan_flags": [linux_raw_sys::netlink::ifla_vlan_flags] {
        flags, mask
    }
    "ifaddrmsg": [linux_raw_sys::netlink::ifaddrmsg] {
        ifa_family, ifa_prefixlen, ifa_flags, ifa_scope, ifa_index
    }
    "ifa_cacheinfo": [linux_raw_sys::netlink::ifa_cacheinfo] {
        ifa_prefered, ifa_valid, cstamp, tstamp
    }
    "ndmsg": [linux_raw_sys::netlink::ndmsg] {
        ndm_family, ndm_pad1, ndm_pad2, ndm_ifindex, ndm_state, ndm_flags, ndm_type
    }
    "nda_cacheinfo": [linux_raw_sys::netlink::nda_cacheinfo] {
        ndm_confirmed, ndm_used, ndm_updated, ndm_refcnt
    }
    "ndt_stats": [linux_raw_sys::netlink::ndt_stats] {
        ndts_allocs, ndts_destroys, ndts_hash_grows, ndts_res_failed, ndts_lookups, ndts_hits,
        ndts_rcv_probes_mcast, ndts_rcv_probes_ucast, ndts_periodic_gc_runs, ndts_forced_gc_runs,
        ndts_table_fulls
    }
    "ndtmsg": [linux_raw_sys::netlink::ndtmsg] {
        ndtm_family, ndtm_pad1, ndtm_pad2
    }
    "ndt_config": [linux_raw_sys::netlink::ndt_config] {
        ndtc_key_len, ndtc_entry_size, ndtc_entries, ndtc_last_flush, ndtc_last_rand, ndtc_hash_rnd,
        ndtc_hash_mask, ndtc_hash_chain_gc, ndtc_proxy_qlen
    }
    "rtattr": [linux_raw_sys::netlink::rtattr] {
        rta_len, rta_type
    }
    "rtmsg": [linux_raw_sys::netlink::rtmsg] {
        rtm_family, rtm_dst_len, rtm_src_len, rtm_tos, rtm_table, rtm_protocol, rtm_scope, rtm_type,
        rtm_flags
    }
    "rtnexthop": [linux_raw_sys::netlink::rtnexthop] {
        rtnh_len, rtnh_flags, rtnh_hops, rtnh_ifindex
    }
    "rta_cacheinfo": [linux_raw_sys::netlink::rta_cacheinfo] {
        rta_clntref, rta_lastuse, rta_expires, rta_error, rta_used, rta_id, rta_ts, rta_tsage
    }
    "rtgenmsg": [linux_raw_sys::netlink::rtgenmsg] {
        rtgen_family
    }
    "ifinfomsg": [linux_raw_sys::netlink::ifinfomsg] {
        ifi_family, __ifi_pad, ifi_type, ifi_index, ifi_flags, ifi_change
    }
    "tcmsg": [linux_raw_sys::netlink::tcmsg] {
        tcm_family, tcm__pad1, tcm__pad2, tcm_ifindex, tcm_handle, tcm_parent, tcm_info
    }
    "fib_rule_hdr": [linux_raw_sys::netlink::fib_rule_hdr] {
        family, dst_len, src_len, tos, table, res1, res2, action, flags
    }
    "sockaddr_nl": [linux_raw_sys::netlink::sockaddr_nl] {
        nl_family, nl_pad, nl_pid, nl_groups
    }
    "prctl_mm_map": [linux_raw_sys::prctl::prctl_mm_map] {
        start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start, arg_end,
        env_start, env_end, auxv, auxv_size, exe_fd
    }
    "io_uring_sqe": [linux_raw_sys::io_uring::io_uring_sqe] {
        opcode, flags, ioprio, fd, off = __bindgen_anon_1.off, addr2 = __bindgen_anon_1.addr2,
        cmd_op = __bindgen_anon_1.__bindgen_anon_1.cmd_op, addr = __bindgen_anon_2.addr,
        splice_off_in = __bindgen_anon_2.splice_off_in, level = __bindgen_anon_2.__bindgen_anon_1.level,
        optname = __bindgen_anon_2.__bindgen_anon_1.optname, len, rw_flags = __bindgen_anon_3.rw_flags,
        fsync_flags = __bindgen_anon_3.fsync_flags, poll_events = __bindgen_anon_3.poll_events,
        poll32_events = __bindgen_anon_3.poll32_events,
        sync_range_flags = __bindgen_anon_3.sync_range_flags, msg_flags = __bindgen_anon_3.msg_flags,
        timeout_flags = __bindgen_anon_3.timeout_flags, accept_flags = __bindgen_anon_3.accept_flags,
        cancel_flags = __bindgen_anon_3.cancel_flags, open_flags = __bindgen_anon_3.open_flags,
        statx_flags = __bindgen_anon_3.statx_flags, fadvise_advice = __bindgen_anon_3.fadvise_advice,
        splice_flags = __bindgen_anon_3.splice_flags, rename_flags = __bindgen_anon_3.rename_flags,
        unlink_flags = __bindgen_anon_3.unlink_flags, hardlink_flags = __bindgen_anon_3.hardlink_flags,
        xattr_flags = __bindgen_anon_3.xattr_flags, msg_ring_flags = __bindgen_anon_3.msg_ring_flags,
        uring_cmd_flags = __bindgen_anon_3.uring_cmd_flags, waitid_flags = __bindgen_anon_3.waitid_flags,
        futex_flags = __bindgen_anon_3.futex_flags, install_fd_flags = __bindgen_anon_3.install_fd_flags,
        nop_flags = __bindgen_anon_3.nop_flags, pipe_flags = __bindgen_anon_3.pipe_flags, user_data,
        buf_index = __bindgen_anon_4.buf_index, buf_group = __bindgen_anon_4.buf_group, personality,
        splice_fd_in = __bindgen_anon_5.splice_fd_in, file_index = __bindgen_anon_5.file_index,
        zcrx_ifq_idx = __bindgen_anon_5.zcrx_ifq_idx, optlen = __bindgen_anon_5.optlen,
        addr_len = __bindgen_anon_5.__bindgen_anon_1.addr_len,
        write_stream = __bindgen_anon_5.__bindgen_anon_2.write_stream
    }
    "io_uring_cqe": [linux_raw_sys::io_uring::io_uring_cqe] {
        user_data, res, flags
    }
    "io_sqring_offsets": [linux_raw_sys::io_uring::io_sqring_offsets] {
        head, tail, ring_mask, ring_entries, flags, dropped, array, resv1, user_addr
    }
    "io_cqring_offsets": [linux_raw_sys::io_uring::io_cqring_offsets] {
        head, tail, ring_mask, ring_entries, overflow, cqes, flags, resv1, user_addr
    }
    "io_uring_params": [linux_raw_sys::io_uring::io_uring_params] {
        sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, resv, sq_off,
        cq_off
    }
    "io_uring_files_update": [linux_raw_sys::io_uring::io_uring_files_update] {
        offset, resv, fds
    }
    "io_uring_rsrc_register": [linux_raw_sys::io_uring::io_uring_rsrc_register] {
        nr, flags, resv2, data, tags
    }
    "io_uring_rsrc_update": [linux_raw_sys::io_uring::io_uring_rsrc_update] {
        offset, resv, data
    }
    "io_uring_probe_op": [linux_raw_sys::io_uring::io_uring_probe_op] {
        op, resv, flags, resv2
    }
    "io_uring_buf": [linux_raw_sys::io_uring::io_uring_buf] {
        addr, len, bid, resv
    }
    "io_uring_buf_reg": [linux_raw_sys::io_uring::io_uring_buf_reg] {
        ring_addr, ring_entries, bgid, flags, resv
    }
    "io_uring_getevents_arg": [linux_raw_sys::io_uring::io_uring_getevents_arg] {
        sigmask, sigmask_sz, min_wait_usec, ts
    }
    "kernel_timespec": [linux_raw_sys::io_uring::__kernel_timespec] {
        tv_sec, tv_nsec
    }
    "io_uring_sync_cancel_reg": [linux_raw_sys::io_uring::io_uring_sync_cancel_reg] {
        addr, fd, flags, timeout, opcode, pad, pad2
    }
    "sockaddr_ll": [linux_raw_sys::if_packet::sockaddr_ll] {
        sll_family, sll_protocol, sll_ifindex, sll_hatype, sll_pkttype, sll_halen, sll_addr
    }
    "tpacket_req": [linux_raw_sys::if_packet::tpacket_req] {
        tp_block_size, tp_block_nr, tp_frame_size, tp_frame_nr
    }
    "packet_mreq": [linux_raw_sys::if_packet::packet_mreq] {
        mr_ifindex, mr_type, mr_alen, mr_address
    }
    "tpacket_stats": [linux_raw_sys::if_packet::tpacket_stats] {
        tp_packets, tp_drops
    }
    "ethhdr": [linux_raw_sys::if_ether::ethhdr] {
        h_dest, h_source, h_proto
    }
    "sock_filter": [linux_raw_sys::if_tun::sock_filter] {
        code, jt, jf, k
    }
    "sock_fprog": [linux_raw_sys::if_tun::sock_fprog] {
        len, filter
    }
    "tun_pi": [linux_raw_sys::if_tun::tun_pi] {
        flags, proto
    }
    "tun_filter": [linux_raw_sys::if_tun::tun_filter] {
        flags, count
    }
    "landlock_ruleset_attr": [linux_raw_sys::landlock::landlock_ruleset_attr] {
        handled_access_fs, handled_access_net, scoped
    }
    "landlock_path_beneath_attr": [linux_raw_sys::landlock::landlock_path_beneath_attr] {
        allowed_access, parent_fd
    }
    "landlock_net_port_attr": [linux_raw_sys::landlock::landlock_net_port_attr] {
        allowed_access, port
    }
    "loop_info64": [linux_raw_sys::loop_device::loop_info64] {
        lo_device, lo_inode, lo_rdevice, lo_offset, lo_sizelimit, lo_number, lo_encrypt_type,
        lo_encrypt_key_size, lo_flags, lo_file_name, lo_crypt_name, lo_encrypt_key, lo_init
    }
    "loop_config": [linux_raw_sys::loop_device::loop_config] {
        fd, block_size, info, __reserved
    }
    "sockaddr_xdp": [linux_raw_sys::xdp::sockaddr_xdp] {
        sxdp_family, sxdp_flags, sxdp_ifindex, sxdp_queue_id, sxdp_shared_umem_fd
    }
    "xdp_umem_reg": [linux_raw_sys::xdp::xdp_umem_reg] {
        addr, len, chunk_size, headroom, flags, tx_metadata_len
    }
}

impl CType for libc::in_addr {
    const NAME: &'static str = "struct ljos_in_addr";
}

impl CType for libc::in6_addr {
    const NAME: &'static str = "struct ljos_in6_addr";
}
