//! Who is at the other end of a Unix socket.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use super::{checked, size};

/// Does the other end run as the same user as this process?
pub(crate) fn is_same_user(stream: &UnixStream) -> io::Result<bool> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size::<libc::ucred>();
    // SAFETY: the value pointer and `length` describe `credentials`, which is plain integers.
    checked(unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    })?;
    // SAFETY: geteuid cannot fail.
    Ok(credentials.uid == unsafe { libc::geteuid() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_this_process_is_of_the_same_user() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        assert!(is_same_user(&one).expect("credentials"));
    }
}
