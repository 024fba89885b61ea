//! What the process denies itself: core dumps, being read by a debugger, files that others may open,
//! growing files, privileges. The walls of the kernel are `sandbox`'s.

use std::io;
use std::os::fd::AsRawFd as _;

use super::checked;

/// Before anything else: no core dump, no ptrace by the same user, new sockets only for their owner.
pub(crate) fn forbid_leaks() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` is a valid rlimit.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) })?;
    // SAFETY: PR_SET_DUMPABLE takes one integer; the others are ignored.
    checked(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })?;
    // SAFETY: umask takes any mode and cannot fail.
    unsafe { libc::umask(0o177) };
    Ok(())
}

/// No file grows, not even one that is open. Writing to one is an error (EFBIG), not the end.
pub(crate) fn forbid_growth() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the signal exists and SIG_IGN is a valid disposition.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    // SAFETY: `none` is a valid rlimit.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const none) })?;
    Ok(())
}

/// execve(2) never again adds privileges; the kernel asks for this before it takes a filter from an
/// ordinary user.
pub(crate) fn forbid_privileges() -> io::Result<()> {
    // SAFETY: PR_SET_NO_NEW_PRIVS takes one integer; the others must be 0.
    checked(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    Ok(())
}

/// Is stderr a file, which would not grow any more?
pub(crate) fn stderr_is_a_file() -> bool {
    // SAFETY: a stat is plain integers; all-zero bytes are valid.
    let mut found: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `found` is a stat for the call to fill.
    let known = unsafe { libc::fstat(io::stderr().as_raw_fd(), &raw mut found) } == 0;
    known && found.st_mode & libc::S_IFMT == libc::S_IFREG
}
