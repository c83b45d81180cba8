//! Structs of the kernel's user API that neither crate has. Their fields have fixed widths, so they are the same on
//! all architectures; `tests/c_headers.rs` compares them with the C headers.

use super::{layouts, CType, Layout};

/// linux/aio_abi.h
#[repr(C)]
pub struct Iocb {
    aio_data: u64,
    aio_key: u32,
    aio_rw_flags: i32,
    aio_lio_opcode: u16,
    aio_reqprio: i16,
    aio_fildes: u32,
    aio_buf: u64,
    aio_nbytes: u64,
    aio_offset: i64,
    aio_reserved2: u64,
    aio_flags: u32,
    aio_resfd: u32,
}

/// linux/aio_abi.h
#[repr(C)]
pub struct IoEvent {
    data: u64,
    obj: u64,
    res: i64,
    res2: i64,
}

/// linux/udp.h
#[repr(C)]
pub struct UdpHeader {
    source: u16,
    dest: u16,
    len: u16,
    check: u16,
}

/// linux/bpf.h
#[repr(C)]
pub struct BpfInsn {
    code: u8,
    registers: u8,
    off: i16,
    imm: i32,
}

/// linux/bpf.h: the members of the union that ljos fills, up to the size of Linux 6.12's.
#[repr(C)]
pub union BpfAttr {
    map_create: BpfMapCreate,
    element: BpfElement,
    program: BpfProgram,
    object: BpfObject,
    attach: BpfAttach,
    id: BpfId,
    whole: [u64; 18],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BpfMapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [i8; 16],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BpfElement {
    map_fd: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BpfProgram {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [i8; 16],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BpfObject {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BpfAttach {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BpfId {
    start_id: u32,
    next_id: u32,
    open_flags: u32,
}

/// linux/perf_event.h, PERF_ATTR_SIZE_VER7. The single-bit flags are the word `flags`.
#[repr(C)]
pub struct PerfEventAttr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
    branch_sample_type: u64,
    sample_regs_user: u64,
    sample_stack_user: u32,
    clockid: i32,
    sample_regs_intr: u64,
    aux_watermark: u32,
    sample_max_stack: u16,
    reserved_2: u16,
    aux_sample_size: u32,
    reserved_3: u32,
    sig_data: u64,
}

/// linux/perf_event.h
#[repr(C)]
pub struct PerfEventHeader {
    kind: u32,
    misc: u16,
    size: u16,
}

/// linux/perf_event.h: the page that starts the mapping of a perf event.
#[repr(C)]
pub struct PerfEventMmapPage {
    version: u32,
    compat_version: u32,
    lock: u32,
    index: u32,
    offset: i64,
    time_enabled: u64,
    time_running: u64,
    capabilities: u64,
    pmc_width: u16,
    time_shift: u16,
    time_mult: u32,
    time_offset: u64,
    time_zero: u64,
    size: u32,
    reserved_1: u32,
    time_cycles: u64,
    time_mask: u64,
    reserved: [u8; 116 * 8],
    data_head: u64,
    data_tail: u64,
    data_offset: u64,
    data_size: u64,
    aux_head: u64,
    aux_tail: u64,
    aux_offset: u64,
    aux_size: u64,
}

/// linux/vhost_types.h
#[repr(C)]
pub struct VhostVringState {
    index: u32,
    num: u32,
}

/// linux/vhost_types.h
#[repr(C)]
pub struct VhostVringFile {
    index: u32,
    fd: i32,
}

/// linux/vhost_types.h
#[repr(C)]
pub struct VhostVringAddr {
    index: u32,
    flags: u32,
    desc_user_addr: u64,
    used_user_addr: u64,
    avail_user_addr: u64,
    log_guest_addr: u64,
}

/// linux/vhost_types.h
#[repr(C)]
pub struct VhostMemoryRegion {
    guest_phys_addr: u64,
    memory_size: u64,
    userspace_addr: u64,
    flags_padding: u64,
}

/// linux/vhost_types.h, without its regions
#[repr(C)]
pub struct VhostMemory {
    nregions: u32,
    padding: u32,
}

/// linux/if_bridge.h: an entry of a bridge's forwarding table.
#[repr(C)]
pub struct FdbEntry {
    mac_addr: [u8; 6],
    port_no: u8,
    is_local: u8,
    ageing_timer_value: u32,
    port_hi: u8,
    pad0: u8,
    unused: u16,
}

/// linux/errqueue.h
#[repr(C)]
pub struct ScmTimestamping {
    ts: [libc::timespec; 3],
}

/// linux/capability.h: permitted and inheritable of the low, then of the high 32 capabilities.
#[repr(C)]
pub struct VfsCapData {
    magic_etc: u32,
    data: [u32; 4],
}

/// linux/net.h, struct ifreq: a name and 24 bytes of union.
#[repr(C)]
pub struct IfReq {
    ifr_name: [i8; 16],
    data: IfReqData,
}

#[repr(C)]
pub union IfReqData {
    ifr_addr: [u8; 16],
    ifr_hwaddr: [u8; 16],
    ifr_newname: [i8; 16],
    ifr_flags: i16,
    ifr_ivalue: i32,
    ifr_mtu: i32,
    ifr_data: *mut u8,
    whole: [u64; 3],
}

layouts! {
    "iocb": [Iocb] {
        aio_data, aio_key, aio_rw_flags, aio_lio_opcode, aio_reqprio, aio_fildes, aio_buf, aio_nbytes, aio_offset,
        aio_reserved2, aio_flags, aio_resfd
    }
    "io_event": [IoEvent] { data, obj, res, res2 }
    "udphdr": [UdpHeader] { source, dest, len, check }
    "bpf_insn": [BpfInsn] { code, registers, off, imm }
    "bpf_attr": [BpfAttr] {
        map_type = map_create.map_type, key_size = map_create.key_size, value_size = map_create.value_size,
        max_entries = map_create.max_entries, map_flags = map_create.map_flags,
        inner_map_fd = map_create.inner_map_fd, numa_node = map_create.numa_node, map_name = map_create.map_name,
        map_fd = element.map_fd, key = element.key, value = element.value, flags = element.flags,
        prog_type = program.prog_type, insn_cnt = program.insn_cnt, insns = program.insns,
        license = program.license, log_level = program.log_level, log_size = program.log_size,
        log_buf = program.log_buf, kern_version = program.kern_version, prog_flags = program.prog_flags,
        prog_name = program.prog_name, pathname = object.pathname, bpf_fd = object.bpf_fd,
        file_flags = object.file_flags, target_fd = attach.target_fd, attach_bpf_fd = attach.attach_bpf_fd,
        attach_type = attach.attach_type, attach_flags = attach.attach_flags, start_id = id.start_id,
        next_id = id.next_id, open_flags = id.open_flags, whole
    }
    "perf_event_attr": [PerfEventAttr] {
        pe_type = kind, size, pe_config = config, sample_period, pe_sample_type = sample_type,
        pe_read_format = read_format, flags, wakeup_events, bp_type, config1, config2,
        pe_branch_sample_type = branch_sample_type, sample_regs_user, sample_stack_user, clockid, sample_regs_intr,
        aux_watermark, sample_max_stack, reserved_2, aux_sample_size, reserved_3, sig_data
    }
    "perf_event_header": [PerfEventHeader] { type = kind, misc, size }
    "perf_event_mmap_page": [PerfEventMmapPage] {
        version, compat_version, lock, index, offset, time_enabled, time_running, capabilities, pmc_width,
        time_shift, time_mult, time_offset, time_zero, size, reserved_1, time_cycles, time_mask, reserved,
        data_head, data_tail, data_offset, data_size, aux_head, aux_tail, aux_offset, aux_size
    }
    "vhost_vring_state": [VhostVringState] { index, num }
    "vhost_vring_file": [VhostVringFile] { index, fd }
    "vhost_vring_addr": [VhostVringAddr] {
        index, flags, desc_user_addr, used_user_addr, avail_user_addr, log_guest_addr
    }
    "vhost_memory_region": [VhostMemoryRegion] { guest_phys_addr, memory_size, userspace_addr, flags_padding }
    "vhost_memory": [VhostMemory] { nregions, padding }
    "fdb_entry": [FdbEntry] { mac_addr, port_no, is_local, ageing_timer_value, port_hi, pad0, unused }
    "vfs_cap_data": [VfsCapData] { magic_etc, data }
    "scm_timestamping": [ScmTimestamping] { ts }
    "ifreq": [IfReq] {
        ifr_name, ifr_addr = data.ifr_addr, ifr_hwaddr = data.ifr_hwaddr, ifr_newname = data.ifr_newname,
        ifr_flags = data.ifr_flags, ifr_ivalue = data.ifr_ivalue, ifr_mtu = data.ifr_mtu, ifr_data = data.ifr_data,
        whole = data.whole
    }
}
