//! Sending one datagram, or a train of equal datagrams to one address in one call (UDP_SEGMENT).

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use socket2::SockAddr;

/// Most datagrams of one train (UDP_MAX_SEGMENTS of kernels before 6.9).
const MAX_TRAIN: usize = 64;
/// Most bytes of one train: a UDP datagram's largest payload over IPv4.
const MAX_TRAIN_BYTES: usize = 65_507;
/// Room for one control message of two bytes, aligned as its header asks.
const CONTROL_WORDS: usize = 4;

/// Bytes of the longest run of whole segments that one call may carry.
pub(crate) const fn train_bytes(segment_bytes: usize) -> usize {
    let fitting = MAX_TRAIN_BYTES / segment_bytes;
    segment_bytes * if fitting < MAX_TRAIN { fitting } else { MAX_TRAIN }
}

/// Sends one datagram.
pub(crate) fn datagram(fd: RawFd, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    message(fd, remote, bytes, None)
}

/// Sends `bytes` cut into datagrams of `segment_bytes`, the last of which may be shorter.
pub(crate) fn train(
    fd: RawFd,
    remote: SocketAddr,
    bytes: &[u8],
    segment_bytes: u16,
) -> io::Result<()> {
    message(fd, remote, bytes, Some(segment_bytes))
}

fn message(
    fd: RawFd,
    remote: SocketAddr,
    bytes: &[u8],
    segment_bytes: Option<u16>,
) -> io::Result<()> {
    let name = SockAddr::from(remote);
    let mut iovec =
        libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = [0u64; CONTROL_WORDS];
    // SAFETY: a msghdr is plain integers and pointers; all-zero bytes are valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = name.as_ptr().cast_mut().cast();
    header.msg_namelen = name.len();
    header.msg_iov = &raw mut iovec;
    header.msg_iovlen = 1;
    if let Some(segment_bytes) = segment_bytes {
        header.msg_control = control.as_mut_ptr().cast();
        // SAFETY: CMSG_SPACE and CMSG_LEN only compute. `control` is larger than the space of one
        // two-byte message, so CMSG_FIRSTHDR gives a non-null pointer into it, aligned for a header,
        // and CMSG_DATA a pointer to at least two bytes.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(2) as _;
            let message = libc::CMSG_FIRSTHDR(&raw const header);
            (*message).cmsg_level = libc::SOL_UDP;
            (*message).cmsg_type = libc::UDP_SEGMENT;
            (*message).cmsg_len = libc::CMSG_LEN(2) as _;
            libc::CMSG_DATA(message).cast::<u16>().write_unaligned(segment_bytes);
        }
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: every pointer of `header` is to a value above that lives until the call returns; the
    // kernel only reads through them.
    let sent = unsafe { libc::sendmsg(fd, &raw const header, flags) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    use super::super::{checked, size};
    use super::*;

    /// Without checksums the kernel refuses to cut a train.
    pub(crate) fn refuse_trains(socket: &UdpSocket) {
        let (fd, on): (_, libc::c_int) = (socket.as_raw_fd(), 1);
        let value = (&raw const on).cast();
        // SAFETY: the value pointer and length are those of `on`.
        checked(unsafe {
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_NO_CHECK, value, size::<libc::c_int>())
        })
        .expect("an option of every socket");
    }

    #[test]
    fn a_train_arrives_as_datagrams_with_a_short_tail() {
        let to = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let from = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let remote = to.local_addr().expect("bound");
        train(from.as_raw_fd(), remote, &[5; 2_700], 1_200).expect("segmentation offload");
        let mut buffer = [0; 4_096];
        let lengths = [(); 3].map(|()| to.recv(&mut buffer).expect("a datagram"));
        assert_eq!(lengths, [1_200, 1_200, 300]);
    }

    #[test]
    fn trains_stay_within_64_segments_and_one_datagram_of_the_largest_size() {
        assert_eq!(train_bytes(100), 6_400);
        assert_eq!(train_bytes(1_200), 1_200 * 54);
    }
}
