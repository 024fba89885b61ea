//! seccomp (seccomp(2)): the system calls that the datapath needs once it runs. All others answer
//! EPERM. An answer, not an end: allocators and entropy sources try what they can do without.
//!
//! Two things that the list cannot say in one line:
//! - clone3(2) passes its flags in memory, which a filter cannot read. It answers ENOSYS, and libc
//!   makes threads by clone(2), whose flags are seen.
//! - What carries packets (recvmmsg, sendmsg, ppoll, read, write) has no condition on its arguments:
//!   for such calls the kernel keeps the answer in a bitmap and runs no filter.
//!
//! A call of another architecture's table (int 0x80, x32) ends the process or answers EPERM.

use std::collections::BTreeMap;

use libc::{c_int, c_long};
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

/// Allowed whatever the arguments: why, and which. Each works on what the process already has.
const ALLOWED: &[(&str, &[c_long])] = &[
    (
        "packets, and streams of descriptors that are open",
        &[
            libc::SYS_recvmmsg,
            libc::SYS_recvmsg,
            libc::SYS_recvfrom,
            libc::SYS_sendmmsg,
            libc::SYS_sendmsg,
            libc::SYS_sendto,
            libc::SYS_read,
            libc::SYS_readv,
            libc::SYS_write,
            libc::SYS_writev,
            libc::SYS_close,
        ],
    ),
    ("who connects to a listener that is open", &[libc::SYS_accept4]),
    ("a relayed address of its own; Landlock keeps TCP out (ABI 4)", &[libc::SYS_bind]),
    ("addresses of sockets", &[libc::SYS_getsockname, libc::SYS_getpeername]),
    (
        "sleeping until a descriptor or a time",
        &[
            libc::SYS_ppoll,
            libc::SYS_epoll_create1,
            libc::SYS_epoll_ctl,
            libc::SYS_epoll_pwait,
            libc::SYS_epoll_pwait2,
            libc::SYS_eventfd2,
            libc::SYS_timerfd_create,
            libc::SYS_timerfd_settime,
            libc::SYS_timerfd_gettime,
            libc::SYS_signalfd4,
        ],
    ),
    (
        "clocks, where the vDSO does not answer",
        &[
            libc::SYS_clock_gettime,
            libc::SYS_clock_getres,
            libc::SYS_clock_nanosleep,
            libc::SYS_nanosleep,
            libc::SYS_gettimeofday,
        ],
    ),
    ("random bytes: keys, and aws-lc's own generator", &[libc::SYS_getrandom]),
    (
        "memory: malloc, stacks of threads; aws-lc marks its generator's pages",
        &[libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_brk],
    ),
    (
        "threads and locks",
        &[
            libc::SYS_futex,
            libc::SYS_set_robust_list,
            libc::SYS_rseq,
            libc::SYS_sched_getaffinity,
            libc::SYS_sched_yield,
            libc::SYS_membarrier,
            libc::SYS_gettid,
            libc::SYS_getpid,
        ],
    ),
    ("whether a controller is the same user", &[libc::SYS_geteuid]),
    (
        "signals of this process: masks of threads, guard pages, abort",
        &[
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigreturn,
            libc::SYS_sigaltstack,
            libc::SYS_restart_syscall,
        ],
    ),
    ("the end", &[libc::SYS_exit, libc::SYS_exit_group]),
    #[cfg(target_arch = "x86_64")]
    ("older names of the above, which libc may use", &[libc::SYS_poll, libc::SYS_epoll_wait]),
];

/// Flags of clone(2) with which glibc makes a thread, and musl, which adds a flag of no effect.
const THREAD: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;
const THREAD_OF_MUSL: c_int = THREAD | libc::CLONE_DETACHED;

/// The command of ioctl(2) that std makes a descriptor nonblocking by.
#[allow(clippy::unnecessary_cast, reason = "musl has it as an int")]
const NONBLOCKING: u64 = libc::FIONBIO as u64;

/// SOCK_TYPE_MASK of the kernel: the bits of socket's second argument that are no flags.
const SOCKET_TYPE: u64 = 0xf;

/// Options of sockets: buffers and counted losses of a relay's, and of an accepted stream's.
const SOCKET_OPTIONS: [(c_int, c_int); 6] = [
    (libc::SOL_SOCKET, libc::SO_RCVBUF),
    (libc::SOL_SOCKET, libc::SO_SNDBUF),
    (libc::SOL_SOCKET, libc::SO_RXQ_OVFL),
    (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY),
    (libc::IPPROTO_TCP, libc::TCP_NODELAY),
    (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
];

/// Installs the filters for all threads; an error when the kernel has no seccomp.
pub(super) fn close() -> Result<(), String> {
    let build = |built: Result<BpfProgram, BackendError>| {
        built.map_err(|error| format!("the filter of system calls is wrong: {error}"))
    };
    let programs = [build(list(std::process::id()))?, build(answer_enosys(libc::SYS_clone3))?];
    for program in programs.iter().rev() {
        seccompiler::apply_filter_all_threads(program)
            .map_err(|error| format!("the kernel takes no seccomp filter: {error}"))?;
    }
    Ok(())
}

/// The list; `process` is this process's id.
fn list(process: u32) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = conditional(process)?.into();
    let always = ALLOWED.iter().flat_map(|(_, calls)| *calls);
    rules.extend(always.map(|call| (*call, Vec::new())));
    // The other filter answers it; the severer answer of two filters counts.
    rules.insert(libc::SYS_clone3, Vec::new());
    compile(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

fn answer_enosys(call: c_long) -> Result<BpfProgram, BackendError> {
    let rules = BTreeMap::from([(call, Vec::new())]);
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))
}

fn compile(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, otherwise, matching, ARCHITECTURE)?.try_into()
}

/// Allowed with such arguments only; a call's rules are alternatives.
fn conditional(process: u32) -> Result<[(c_long, Vec<SeccompRule>); 11], BackendError> {
    let no_code = || rule([without(2, libc::PROT_EXEC)?]);
    let option = |(level, name)| rule([is(1, level)?, is(2, name)?]);
    let command = |command| rule([is(1, command)?]);
    Ok([
        // Memory is never executable, at no time of its life.
        (libc::SYS_mmap, vec![no_code()?]),
        (libc::SYS_mprotect, vec![no_code()?]),
        // A thread, not a process, and in no new namespace.
        (libc::SYS_clone, vec![thread(THREAD)?, thread(THREAD_OF_MUSL)?]),
        // Relayed addresses: UDP and nothing else.
        (
            libc::SYS_socket,
            vec![
                udp(libc::AF_INET, 0)?,
                udp(libc::AF_INET, libc::IPPROTO_UDP)?,
                udp(libc::AF_INET6, 0)?,
                udp(libc::AF_INET6, libc::IPPROTO_UDP)?,
            ],
        ),
        (libc::SYS_setsockopt, SOCKET_OPTIONS.map(option).into_iter().collect::<Result<_, _>>()?),
        // Who connected, what went wrong, how large a buffer is.
        (libc::SYS_getsockopt, vec![rule([is(1, libc::SOL_SOCKET)?])?]),
        // The end of a stream that we write. Of a TCP listener, the end of reading would make a
        // socket that connects by sending (MSG_FASTOPEN).
        (libc::SYS_shutdown, vec![rule([is(1, libc::SHUT_WR)?])?]),
        // Nonblocking, close-on-exec, and std's check of a descriptor before it is closed.
        (
            libc::SYS_fcntl,
            [libc::F_GETFD, libc::F_GETFL, libc::F_SETFL, libc::F_DUPFD_CLOEXEC]
                .map(command)
                .into_iter()
                .collect::<Result<_, _>>()?,
        ),
        (libc::SYS_ioctl, vec![rule([argument(1, Dword, Eq, NONBLOCKING)?])?]),
        // The name of a thread.
        (libc::SYS_prctl, vec![rule([is(0, libc::PR_SET_NAME)?])?]),
        // abort(3) signals its own thread.
        (libc::SYS_tgkill, vec![rule([argument(0, Dword, Eq, process.into())?])?]),
    ])
}

fn udp(family: c_int, protocol: c_int) -> Result<SeccompRule, BackendError> {
    let datagram = argument(1, Dword, MaskedEq(SOCKET_TYPE), libc::SOCK_DGRAM as u64)?;
    rule([is(0, family)?, datagram, is(2, protocol)?])
}

fn thread(flags: c_int) -> Result<SeccompRule, BackendError> {
    rule([argument(0, Qword, Eq, flags as u64)?])
}

/// The argument, an int, has this value.
fn is(index: u8, value: c_int) -> Result<SeccompCondition, BackendError> {
    argument(index, Dword, Eq, u64::from(value as u32))
}

/// The argument has none of these bits.
fn without(index: u8, bits: c_int) -> Result<SeccompCondition, BackendError> {
    argument(index, Qword, MaskedEq(u64::from(bits as u32)), 0)
}

fn argument(
    index: u8,
    length: SeccompCmpArgLen,
    operation: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, length, operation, value)
}

fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_stands_twice_or_both_with_and_without_a_condition() {
        let always = ALLOWED.iter().flat_map(|(_, calls)| *calls).copied();
        let conditional = conditional(1).expect("it is built").map(|(call, _)| call);
        let mut all: Vec<c_long> = always.chain(conditional).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn both_filters_compile() {
        assert!(!list(1).expect("it is built").is_empty());
        assert!(!answer_enosys(libc::SYS_clone3).expect("it is built").is_empty());
    }
}
