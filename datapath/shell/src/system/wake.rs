//! An eventfd: one thread tells another, which may sleep in `wait`, that something is there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::checked;

/// One waker and one sleeper.
pub(crate) struct Wake(File);

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointer.
        let fd = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the call gave this descriptor to us alone.
        Ok(Self(File::from(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    /// Wakes the sleeper, now or when it next sleeps.
    pub(crate) fn signal(&self) {
        // It fails only when 2^64 - 1 signals wait, and then the sleeper wakes anyway.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    /// The sleeper is awake: signals so far are seen.
    pub(crate) fn clear(&self) {
        // It fails only when no signal waits.
        let _ = (&self.0).read(&mut [0; 8]);
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
