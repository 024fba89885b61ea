//! The operating system, one small file per thing asked of it. All unsafe code of the workspace is
//! here; nothing above this folder calls libc.

pub(crate) mod attempts;
pub(crate) mod child;
pub(crate) mod clock;
pub(crate) mod interfaces;
pub(crate) mod limits;
pub(crate) mod peer;
pub(crate) mod random;
pub(crate) mod receive;
pub(crate) mod send;
pub(crate) mod signals;
pub(crate) mod wait;
pub(crate) mod wake;

use std::io;

/// The result of a call that answers -1 on failure.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The size of a type as system calls want it; all types asked about are far below 4 GiB.
const fn size<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}
