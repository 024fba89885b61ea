//! SIGTERM and SIGINT as a descriptor to wait on. SIGPIPE is already ignored by Rust's start-up.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::checked;

/// The signals that end the process in good order.
pub(crate) struct StopSignals(File);

impl StopSignals {
    /// Call it before any thread is spawned: threads inherit the blocked signals.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: all-zero bytes are a valid sigset_t, and sigemptyset sets it anew.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is a valid signal set in each of these calls, the signals exist, and no old
        // mask is asked for.
        let fd = unsafe {
            checked(libc::sigemptyset(&raw mut set))?;
            checked(libc::sigaddset(&raw mut set, libc::SIGTERM))?;
            checked(libc::sigaddset(&raw mut set, libc::SIGINT))?;
            checked(libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()))?;
            checked(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))?
        };
        // SAFETY: the call gave this descriptor to us alone.
        Ok(Self(File::from(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    /// Has one of them come?
    pub(crate) fn received(&self) -> bool {
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        matches!((&self.0).read(&mut info), Ok(bytes) if bytes > 0)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
