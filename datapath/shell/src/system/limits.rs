//! What the process denies itself before it does anything: core dumps, being read by a debugger,
//! files that others may open.

use std::io;

use super::checked;

/// No core dump, no ptrace by the same user, new sockets only for their owner.
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
