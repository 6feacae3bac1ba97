//! Closes every door of the worker before it meets hostile bytes.
//!
//! In order: no inherited descriptors; no processes, network, mounts and host but its own (namespaces); nobody in
//! particular, without capabilities; no new privileges; no file system (Landlock, deny all); no resources beyond the
//! limits (rlimits); no system calls but those that computing needs (seccomp). Each of the last three alone already keeps
//! a taken-over decoder from opening, connecting or executing anything.

use crate::{confine, system};
use landlock::RulesetStatus;
use rustix::process::{Gid, Resource, Rlimit, Uid, geteuid, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// Stack that nested containers may use, in bytes. The kernel keeps at least 128 MiB free below the main stack.
const STACK: u64 = 96 << 20;
/// Addresses that a child may use beyond its memory: empty ones cost page tables, here 32 MiB of them.
const ADDRESSES: u64 = 16 << 30;
/// The user and group of nobody in particular, on every Linux.
const NOBODY: u32 = 65_534;
/// Descriptors of the zygote, which has two for each of its children: there are as many as are forked ahead, idle between pieces of
/// one site, or at work, some for each processor.
const DESCRIPTORS: u64 = 1_024;
/// What the worker and its children have to themselves.
const NAMESPACES: [(UnshareFlags, &str); 5] = [
    (UnshareFlags::NEWPID, "process"),
    (UnshareFlags::NEWNET, "network"),
    (UnshareFlags::NEWIPC, "IPC"),
    (UnshareFlags::NEWNS, "mount"),
    (UnshareFlags::NEWUTS, "host name"),
];
/// Flags of `mmap` for memory that the limit of data segments does not count: what is shared, and what grows like a stack.
const UNCOUNTED: [libc::c_int; 2] = [libc::MAP_SHARED, libc::MAP_GROWSDOWN];

/// System calls a child needs to compute, to hear of its sample, to read it, to use its spool and to answer.
const CHILD: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    libc::SYS_gettid,
    libc::SYS_getpid,
    // What it is, for probes.
    libc::SYS_getppid,
    libc::SYS_geteuid,
    libc::SYS_capget,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
];

/// What the zygote needs beyond that: to wait for work, to fork, to watch, slow down and kill its children, to narrow them
/// further.
const ZYGOTE: &[libc::c_long] = &[
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_clone,
    libc::SYS_pidfd_open,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_kill,
    libc::SYS_setpriority,
    libc::SYS_seccomp,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_setrlimit,
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_close_range,
];

/// Calls that libraries make in passing. They are refused with an error instead of the process being killed.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_stat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlink,
    libc::SYS_access,
    libc::SYS_ioctl,
    libc::SYS_fcntl,
    libc::SYS_sched_getaffinity,
    libc::SYS_uname,
    libc::SYS_clone3,
    libc::SYS_tgkill,
    libc::SYS_tkill,
    libc::SYS_getcwd,
];

/// The filters, compiled before the doors close.
pub(crate) struct Filters {
    zygote: BpfProgram,
    child: BpfProgram,
    refused: BpfProgram,
}

impl Filters {
    /// Compiles the filters for this machine.
    pub(crate) fn compile() -> Result<Self, String> {
        let failed = |error: seccompiler::BackendError| format!("seccomp: {error}");
        let all = whole(CHILD.iter().chain(ZYGOTE).chain(REFUSED));
        // The zygote's filter stays in force below it, so that it need not say again what is allowed: it is made for each child.
        let child = whole(ZYGOTE.iter());
        let mut refused = whole(REFUSED.iter());
        let uncounted: Result<Vec<_>, _> = UNCOUNTED.iter().map(|flag| has_flag(3, *flag)).collect();
        refused.insert(libc::SYS_mmap, uncounted.map_err(failed)?);
        Ok(Self {
            zygote: filter(all, SeccompAction::Allow, SeccompAction::KillProcess)?,
            child: filter(child, SeccompAction::KillProcess, SeccompAction::Allow)?,
            refused: filter(refused, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?,
        })
    }

    /// Narrows the calling process to what computing needs. Cannot be undone.
    pub(crate) fn lock_child(&self) -> Result<(), String> {
        apply_filter(&self.child).map_err(|error| format!("seccomp: {error}"))
    }
}

/// System calls with whatever arguments.
fn whole<'c>(calls: impl Iterator<Item = &'c libc::c_long>) -> BTreeMap<i64, Vec<SeccompRule>> {
    calls.map(|call| (*call, Vec::new())).collect()
}

/// Holds for calls with this bit in this argument.
fn has_flag(argument: u8, flag: libc::c_int) -> Result<SeccompRule, seccompiler::BackendError> {
    let flag = u64::from(flag.unsigned_abs());
    let operator = SeccompCmpOp::MaskedEq(flag);
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, flag)?])
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    listed: SeccompAction,
    other: SeccompAction,
) -> Result<BpfProgram, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| format!("seccomp: {error}"))?;
    let filter = SeccompFilter::new(rules, other, listed, arch).map_err(|error| format!("seccomp: {error}"))?;
    BpfProgram::try_from(filter).map_err(|error| format!("seccomp: {error}"))
}

/// Leaves everything behind that the process was started with: descriptors, namespaces, the user, capabilities. What is
/// forked next is alone. Answers what the kernel did not grant.
pub(crate) fn separate() -> Vec<String> {
    let mut missing = Vec::new();
    if let Err(error) = system::close_others(&[]) {
        missing.push(format!("no inherited descriptors: {error}"));
    }
    // Root may do this by itself. Everybody else may once they own a user namespace, where there are some.
    let left: Vec<_> = NAMESPACES.into_iter().filter(|(namespace, _)| system::leave(*namespace).is_err()).collect();
    if geteuid().is_root() {
        clear_bounding_set();
        if let Err(error) = become_nobody() {
            missing.push(format!("an unprivileged user: {error}"));
        }
    }
    // No user of ours has a name in it, so that nobody in it can become anybody.
    if let Err(error) = system::leave(UnshareFlags::NEWUSER) {
        missing.push(format!("user namespace: {error}"));
    }
    for (namespace, name) in left {
        if let Err(error) = system::leave(namespace) {
            missing.push(format!("{name} namespace: {error}"));
        }
    }
    // Whoever makes a user namespace has every capability in it.
    clear_bounding_set();
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    if let Err(error) = set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }) {
        missing.push(format!("no capabilities: {error}"));
    }
    missing
}

/// Lets no program that is run get any capability. Only who may do that has something to lose by it.
fn clear_bounding_set() {
    // capabilities(7): numbers without gaps, of which each kernel knows the first so many.
    for number in 0..u64::BITS {
        if remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)).is_err() {
            return;
        }
    }
}

/// Gives up root for good. The user goes last, since only root may change the others.
fn become_nobody() -> std::io::Result<()> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    let groups = set_thread_groups(&[]);
    let group = set_thread_res_gid(group, group, group);
    set_thread_res_uid(user, user, user)?;
    Ok(groups.and(group)?)
}

/// Closes the doors of the zygote; its children inherit them. Answers what the kernel did not grant.
///
/// # Errors
/// When seccomp cannot be had: without it no hostile byte is read.
pub(crate) fn lock_zygote(filters: &Filters) -> Result<Vec<String>, String> {
    let mut missing = Vec::new();
    rustix::thread::set_no_new_privs(true).map_err(|error| format!("no_new_privs: {error}"))?;
    match confine::landlocked(&[], &[]) {
        Ok(RulesetStatus::FullyEnforced) => {}
        Ok(RulesetStatus::PartiallyEnforced) => {
            missing.push("Landlock: this kernel enforces it only partly".to_owned());
        }
        Ok(RulesetStatus::NotEnforced) => missing.push("Landlock: not supported by this kernel".to_owned()),
        Err(error) => missing.push(format!("Landlock: {error}")),
    }
    for (resource, most) in [(Resource::Core, 0), (Resource::Nofile, DESCRIPTORS), (Resource::Stack, STACK)] {
        limit(resource, most)?;
    }
    apply_filter(&filters.refused).map_err(|error| format!("seccomp: {error}"))?;
    apply_filter(&filters.zygote).map_err(|error| format!("seccomp: {error}"))?;
    Ok(missing)
}

/// What the zygote takes before any sample, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Baseline {
    /// Addresses.
    pub(crate) addresses: u64,
    /// Data segments.
    pub(crate) data: u64,
}

/// Limits one child before it meets its sample: memory, processor time, spool.
pub(crate) fn limit_child(memory_bytes: u64, baseline: Baseline, seconds: u64, spool_bytes: u64) -> Result<(), String> {
    let limits = [
        (Resource::Data, baseline.data.saturating_add(memory_bytes)),
        (Resource::As, baseline.addresses.saturating_add(memory_bytes).saturating_add(ADDRESSES)),
        (Resource::Cpu, seconds),
        (Resource::Fsize, spool_bytes),
    ];
    for (resource, most) in limits {
        limit(resource, most)?;
    }
    Ok(())
}

/// Lowers a limit to `most`, for good. One that is lower already stays.
fn limit(resource: Resource, most: u64) -> Result<(), String> {
    let most = getrlimit(resource).maximum.map_or(most, |present| present.min(most));
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(resource, limit).map_err(|error| format!("setrlimit: {error}"))
}
