//! Every constant, size and offset is what the C compiler of this machine says.
//!
//! A generated C program prints what it knows; names that are younger than the machine's headers drop out, and
//! the test says how many were left to compare.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use ljos::{constants, layout};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const LIBC: &str = "
#define _GNU_SOURCE
#include <aio.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <netdb.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <ucontext.h>
#include <unistd.h>
#include <utime.h>
#include <linux/input.h>
#include <linux/pci_regs.h>
";

const KERNEL: &str = "
#include <asm/unistd.h>
#include <linux/aio_abi.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fanotify.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/if_xdp.h>
#include <linux/io_uring.h>
#include <linux/ioprio.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/kcmp.h>
#include <linux/kexec.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/neighbour.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/personality.h>
#include <linux/pidfd.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/resource.h>
#include <linux/rseq.h>
#include <linux/rtc.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/stat.h>
#include <linux/tcp.h>
#include <linux/timex.h>
#include <linux/udp.h>
#include <linux/userfaultfd.h>
#include <linux/veth.h>
#include <linux/vhost.h>
#include <linux/virtio_ids.h>
#include <linux/vm_sockets.h>
#include <linux/vt.h>
#include <linux/wait.h>
#include <linux/xattr.h>
#include <asm/termbits.h>
#include <asm/siginfo.h>
#include <asm/stat.h>
";

/// What a C program prints for these expressions, keyed by the expression's own key. Expressions the compiler doesn't
/// know are left out, and so are headers it doesn't have.
fn ask(headers: &str, expressions: &[(String, String)], name: &str) -> BTreeMap<String, i64> {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let source = dir.join(format!("{name}.c"));
    let program = dir.join(name);
    let mut headers: Vec<String> = headers.lines().map(String::from).collect();
    let mut expressions: Vec<&(String, String)> = expressions.iter().collect();
    let words = preprocessed_words(&headers, &source);
    // The compiler is slow at names it doesn't know: leave out those that no header mentions.
    expressions
        .retain(|(_, expression)| !expression.bytes().all(is_word) || words.contains(expression.as_str()));
    loop {
        let head = headers.len() + 3;
        let mut text = headers.join("\n") + "\n#include <stdio.h>\n#include <stddef.h>\nint main(void) {\n";
        for (key, expression) in &expressions {
            text += &format!("printf(\"{key}=%lld\\n\", (long long)({expression}));\n");
        }
        std::fs::write(&source, text + "return 0;}\n").unwrap();
        let out = compile(&source, &program);
        if out.is_empty() {
            break;
        }
        let mut bad = BTreeSet::new();
        let mut missing = BTreeSet::new();
        let own = format!("{name}.c:");
        // An error inside a header is the fault of the include line that the compiler named last.
        let mut included_from = None;
        for line in out.lines() {
            let number = line
                .split_once(&own)
                .and_then(|(_, rest)| rest.split([':', ',']).next()?.parse::<usize>().ok());
            match number {
                Some(number) if line.contains("error") && number > headers.len() => {
                    bad.insert(number - head - 1);
                }
                Some(number) if line.contains("error") => {
                    missing.insert(number - 1);
                }
                Some(number) if line.contains(" from ") && number <= headers.len() => {
                    included_from = Some(number - 1)
                }
                _ if line.contains(" error: ") => missing.extend(included_from),
                _ => {}
            }
        }
        assert!(!bad.is_empty() || !missing.is_empty(), "the C compiler says:\n{out}");
        for line in missing {
            headers.get_mut(line).unwrap().clear();
        }
        let mut index = 0;
        expressions.retain(|_| {
            index += 1;
            !bad.contains(&(index - 1))
        });
    }
    let out = Command::new(&program).output().unwrap();
    String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let (key, value) = line.split_once('=').unwrap();
            (key.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[cfg(target_arch = "x86_64")]
const TARGET: &str = "x86_64-unknown-linux-gnu";
#[cfg(target_arch = "aarch64")]
const TARGET: &str = "aarch64-unknown-linux-gnu";

fn compiler() -> Command {
    let compiler =
        cc::Build::new().opt_level(0).target(TARGET).host(TARGET).cargo_metadata(false).get_compiler();
    Command::new(compiler.path())
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Every name that the headers define as a macro or mention in their declarations.
fn preprocessed_words(headers: &[String], source: &Path) -> BTreeSet<String> {
    std::fs::write(source, headers.join("\n")).unwrap();
    let mut words = BTreeSet::new();
    for flags in [&["-E"][..], &["-E", "-dM"]] {
        let out = compiler().args(flags).arg(source).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        words.extend(text.split(|c: char| !c.is_ascii() || !is_word(c as u8)).map(String::from));
    }
    words
}

fn compile(source: &Path, program: &Path) -> String {
    let out = compiler()
        .args(["-w", "-fmax-errors=0", "-o"])
        .arg(program)
        .arg(source)
        .env("LC_ALL", "C")
        .output()
        .expect("a C compiler");
    if out.status.success() {
        String::new()
    } else {
        String::from_utf8_lossy(&out.stderr).into_owned()
    }
}

#[test]
fn constants_are_the_compilers() {
    let mut names = BTreeMap::new();
    for group in constants::groups() {
        for (name, value) in group.tables.iter().copied().flatten() {
            names.insert((*name).to_owned(), *value);
        }
    }
    let expressions: Vec<_> = names.keys().map(|name| (name.clone(), name.clone())).collect();
    let mut known = ask(KERNEL, &expressions, "kernel_constants");
    // The C library rules where both have a name: its programs are the ones that meet ours.
    known.extend(ask(LIBC, &expressions, "libc_constants"));
    let wrong: Vec<_> = known
        .iter()
        .filter(|(name, _)| !["_MAX", "_LAST", "_CNT", "_MASK"].iter().any(|end| name.ends_with(end)))
        // Flags of 32 bits are signed in one place and unsigned in the other.
        .filter(|(name, value)| names.get(*name).map(|ours| *ours as u32) != Some(**value as u32))
        .map(|(name, value)| format!("{name}: C says {value}, ljos {:?}", names.get(name)))
        .collect();
    println!("{} constants of {} compared", known.len(), names.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(known.len() * 10 > names.len() * 8, "only {} of {} compared", known.len(), names.len());
}

const MAY_GROW: &[&str] =
    &["landlock_ruleset_attr.", "tcp_info.", "mnt_id_req.", "perf_event_attr.", "statmount."];

#[test]
fn layouts_are_the_compilers() {
    let mut ours = BTreeMap::new();
    let mut expressions = [Vec::new(), Vec::new()];
    for layout in layout::all() {
        let tag = layout.source.rsplit("::").next().unwrap().trim_end_matches("_t").trim_start_matches(' ');
        let is_path = layout.source.contains("::");
        let c_type = if is_path { format!("struct {tag}") } else { format!("struct {}", layout.name) };
        let [libc, kernel] = &mut expressions;
        let expressions = if layout.source.starts_with("libc::") { libc } else { kernel };
        let key = format!("{}.", layout.name);
        ours.insert(key.clone(), layout.size as i64);
        expressions.push((key, format!("sizeof({c_type})")));
        for field in (layout.fields)() {
            // Reserved space shrinks from one kernel to the next.
            if ["spare", "pad", "zero", "reserved"].iter().any(|word| field.name.contains(word)) {
                continue;
            }
            let key = format!("{}.{}", layout.name, field.name);
            ours.insert(key.clone(), field.offset as i64);
            // Where C's own name is the short one, through which strings are read as flags.
            let c_name = field.name.strip_prefix("pe_").unwrap_or(field.name);
            expressions.push((key.clone(), format!("offsetof({c_type}, {c_name})")));
            let key = format!("{key}.size");
            ours.insert(key.clone(), field.size as i64);
            expressions.push((key, format!("sizeof((({c_type} *)0)->{c_name})")));
        }
    }
    let [libc, kernel] = &expressions;
    let mut known = ask(LIBC, libc, "libc_layouts");
    known.extend(ask(KERNEL, kernel, "kernel_layouts"));
    let wrong: Vec<_> = known
        .iter()
        .filter(|(name, value)| match ours.get(*name) {
            // Structs with a size argument grow at their end.
            Some(size) if name.ends_with('.') && MAY_GROW.contains(&name.as_str()) => size < value,
            Some(size) => size != *value && *name != "ipc_perm.mode.size",
            None => true,
        })
        .map(|(name, value)| format!("{name}: C says {value}, ljos {:?}", ours.get(name)))
        .collect();
    println!("{} sizes and offsets of {} compared", known.len(), ours.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(known.len() * 10 > ours.len() * 7, "only {} of {} compared", known.len(), ours.len());
}
