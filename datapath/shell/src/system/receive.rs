//! Batched receive: recvmmsg(2) into slots that are made once and used for ever.
//!
//! UDP_GRO is not asked for: it needs slots of 64 KiB.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

use super::{checked, size};

/// Most datagrams of one call. Higher costs slots that are rarely used; lower costs calls under load.
pub(crate) const BATCH: usize = 64;
/// Bytes of a slot: above any datagram that fits an Ethernet frame, with room for an SRTP tag.
const SLOT_BYTES: usize = 2048;
/// Room for one control message of four bytes (SO_RXQ_OVFL), aligned as its header asks.
const CONTROL_WORDS: usize = 4;

/// Asks the kernel to tell with each datagram how many it has discarded on this socket
/// (SO_RXQ_OVFL, socket(7)).
pub(crate) fn count_discarded(socket: &impl AsRawFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the value pointer and length are those of `on`.
    checked(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RXQ_OVFL,
            (&raw const on).cast(),
            size::<libc::c_int>(),
        )
    })?;
    Ok(())
}

/// Slots for one batch.
pub(crate) struct Slab {
    bytes: Box<[u8]>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<[u64; CONTROL_WORDS]>,
    iovecs: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

/// One received datagram.
pub(crate) enum Received<'a> {
    /// As it came.
    Datagram(SocketAddr, &'a mut [u8]),
    /// Cut off at the slot's end.
    Oversized,
}

impl Slab {
    pub(crate) fn new() -> Self {
        // SAFETY: the three types are plain integers and pointers; all-zero bytes are valid.
        let (name, iovec, header) = unsafe { std::mem::zeroed() };
        Self {
            bytes: vec![0; BATCH * SLOT_BYTES].into(),
            names: vec![name; BATCH],
            controls: vec![[0; CONTROL_WORDS]; BATCH],
            iovecs: vec![iovec; BATCH],
            headers: vec![header; BATCH],
        }
    }

    /// Receives what waits, at most `BATCH` datagrams; 0 when nothing does.
    pub(crate) fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        self.point_headers();
        let headers = self.headers.as_mut_ptr();
        // SAFETY: `headers` are BATCH message headers whose pointers `point_headers` has just set to
        // slots of this slab that nothing else borrows; a null timeout is allowed.
        let count = unsafe {
            libc::recvmmsg(fd, headers, BATCH as u32, libc::MSG_DONTWAIT, std::ptr::null_mut())
        };
        match checked(count) {
            Ok(count) => Ok(count as usize),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The kernel shortens lengths, so headers are set anew for each call.
    fn point_headers(&mut self) {
        let slots = self.bytes.chunks_exact_mut(SLOT_BYTES).zip(&mut self.iovecs);
        let ends = self.names.iter_mut().zip(&mut self.controls);
        for (header, ((slot, iovec), (name, control))) in
            self.headers.iter_mut().zip(slots.zip(ends))
        {
            iovec.iov_base = slot.as_mut_ptr().cast();
            iovec.iov_len = SLOT_BYTES;
            let message = &mut header.msg_hdr;
            message.msg_name = std::ptr::from_mut(name).cast();
            message.msg_namelen = size::<libc::sockaddr_storage>();
            message.msg_iov = iovec;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = size_of_val(control) as _;
            message.msg_flags = 0;
        }
    }

    /// The datagram at `place` of the last batch; `None` if its sender has no IP address.
    pub(crate) fn datagram(&mut self, place: usize) -> Option<Received<'_>> {
        let header = &self.headers[place];
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return Some(Received::Oversized);
        }
        let remote = address(&self.names[place])?;
        let start = place * SLOT_BYTES;
        Some(Received::Datagram(remote, &mut self.bytes[start..start + header.msg_len as usize]))
    }

    /// How many datagrams the socket has discarded since it was opened, if the datagram at `place`
    /// says so (SO_RXQ_OVFL; absent while it is 0).
    pub(crate) fn discarded(&self, place: usize) -> Option<u32> {
        let header = &self.headers[place].msg_hdr;
        // SAFETY: the header's control pointer and length are those that recvmmsg left, within this
        // slab's control slot.
        let message = unsafe { libc::CMSG_FIRSTHDR(header) };
        if message.is_null() {
            return None;
        }
        // SAFETY: CMSG_FIRSTHDR gave a non-null pointer, so a whole header is in the slot.
        let (level, kind) = unsafe { ((*message).cmsg_level, (*message).cmsg_type) };
        if (level, kind) != (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) {
            return None;
        }
        // SAFETY: a message of this type carries four bytes; they need not be aligned.
        Some(unsafe { libc::CMSG_DATA(message).cast::<u32>().read_unaligned() })
    }
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let storage = std::ptr::from_ref(name);
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: a sockaddr_storage holds any address, aligned; the family says which.
            let v4 = unsafe { &*storage.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*storage.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let port = u16::from_be(v6.sin6_port);
            Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn received(slab: &mut Slab, count: usize) -> Vec<Option<Vec<u8>>> {
        (0..count)
            .map(|place| match slab.datagram(place).expect("an IP address") {
                Received::Datagram(_, bytes) => Some(bytes.to_vec()),
                Received::Oversized => None,
            })
            .collect()
    }

    #[test]
    fn a_batch_keeps_order_lengths_and_senders() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(host).expect("loopback");
            let sender = UdpSocket::bind(host).expect("loopback");
            let to = socket.local_addr().expect("bound");
            for bytes in [&b"one"[..], b"", b"three"] {
                sender.send_to(bytes, to).expect("sent");
            }
            let mut slab = Slab::new();
            assert_eq!(slab.receive(socket.as_raw_fd()).expect("received"), 3);
            let Some(Received::Datagram(from, _)) = slab.datagram(0) else { panic!("a datagram") };
            assert_eq!(from, sender.local_addr().expect("bound"));
            let expected = [&b"one"[..], b"", b"three"].map(|bytes| Some(bytes.to_vec()));
            assert_eq!(received(&mut slab, 3), expected);
            assert_eq!(slab.receive(socket.as_raw_fd()).expect("nothing waits"), 0);
        }
    }

    #[test]
    fn a_datagram_larger_than_a_slot_is_told_apart() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let to = socket.local_addr().expect("bound");
        for bytes in [SLOT_BYTES, SLOT_BYTES + 1] {
            socket.send_to(&vec![7; bytes], to).expect("sent");
        }
        let mut slab = Slab::new();
        assert_eq!(slab.receive(socket.as_raw_fd()).expect("received"), 2);
        assert_eq!(received(&mut slab, 2), [Some(vec![7; SLOT_BYTES]), None]);
    }
}
