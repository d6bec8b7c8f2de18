//! The system calls a function may not make. A refused call answers EPERM, as it does for an unprivileged user; nothing
//! is killed, so a program that merely probes goes on.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

const DENIED: &[libc::c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
];

/// Calls whose x32 number is not the plain one: without these, the x32 entry would be a way round the list.
#[cfg(target_arch = "x86_64")]
const X32_ONLY: &[i64] = &[
    521,
    528,
    539,
    540,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_socket,
];
#[cfg(target_arch = "x86_64")]
const X32_BIT: i64 = 0x4000_0000;

const ALL_NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

/// The two programs, in the order they are to be installed: one answers EPERM, the other ENOSYS for `clone3`, whose
/// flags a filter cannot see, so that C libraries fall back to `clone`.
pub(super) fn programs() -> Result<[BpfProgram; 2], String> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for number in DENIED {
        deny(&mut rules, *number);
    }
    #[cfg(target_arch = "x86_64")]
    for number in X32_ONLY {
        rules.insert(X32_BIT | number, Vec::new());
    }
    rules.insert(libc::SYS_clone, namespace_flags()?);
    rules.insert(libc::SYS_socket, vec![other_socket_families()?]);
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok([compile(clone3, libc::ENOSYS)?, compile(rules, libc::EPERM)?])
}

fn deny(rules: &mut BTreeMap<i64, Vec<SeccompRule>>, number: i64) {
    rules.insert(number, Vec::new());
    #[cfg(target_arch = "x86_64")]
    rules.insert(X32_BIT | number, Vec::new());
}

/// `clone` with any namespace flag: one rule a flag, for a filter can only compare under a mask.
fn namespace_flags() -> Result<Vec<SeccompRule>, String> {
    let mut rules = Vec::new();
    for bit in (0..64)
        .map(|shift| 1_u64 << shift)
        .filter(|bit| ALL_NAMESPACES & bit != 0)
    {
        let condition =
            SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bit), bit);
        let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
        rules.push(rule.map_err(|error| error.to_string())?);
    }
    Ok(rules)
}

/// Any socket but local, internet and netlink ones (which C libraries need to resolve names). Above all no vsock: those
/// reach the host of a virtual machine past every network namespace.
fn other_socket_families() -> Result<SeccompRule, String> {
    let allowed = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    let differs = |family: i32| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let conditions: Result<Vec<_>, _> = allowed.into_iter().map(differs).collect();
    conditions
        .and_then(SeccompRule::new)
        .map_err(|error| error.to_string())
}

fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Result<BpfProgram, String> {
    let action = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, ARCHITECTURE);
    filter
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}
