//! Where the machine's datagrams leave: one send per datagram or train, and what happens when the
//! kernel refuses.

use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};

use datapath_core::Transmit;

use super::counters::SocketCounters;
use crate::system::send;

/// Trains that a socket may be refused in a row before it gives them up. A remote behind a small
/// path MTU has its trains refused, others' leave; a kernel or device that cannot refuses all.
/// Higher tries longer in vain; lower lets one remote spoil it for all.
const MAX_REFUSALS: u8 = 16;

/// The sockets by listener, and whether each still sends trains.
pub(crate) struct Outgoing {
    sockets: Vec<Socket>,
}

struct Socket {
    fd: RawFd,
    /// Trains refused since one left; at `MAX_REFUSALS` none is tried any more.
    refusals: u8,
}

/// What became of the socket's trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trains {
    /// As before.
    Same,
    /// This socket sends one by one from now on.
    GivenUp,
}

impl Outgoing {
    /// The sockets outlive it: both are the worker's.
    pub(crate) fn new(sockets: &[UdpSocket]) -> Self {
        let socket = |socket: &UdpSocket| Socket { fd: socket.as_raw_fd(), refusals: 0 };
        Self { sockets: sockets.iter().map(socket).collect() }
    }

    /// Sends one transmit.
    pub(crate) fn send(
        &mut self,
        transmit: &Transmit<'_>,
        counters: &mut SocketCounters,
    ) -> Trains {
        let Some(socket) = self.sockets.get_mut(usize::from(transmit.listener)) else {
            debug_assert!(false, "the machine names a listener that it was not told of");
            return Trains::Same;
        };
        let tried = socket.tries_trains();
        let segment_bytes = transmit.segment_bytes.max(1);
        for run in transmit.bytes.chunks(send::train_bytes(segment_bytes)) {
            if !socket.send_train(transmit, run, segment_bytes, counters) {
                socket.send_singly(transmit, run, segment_bytes, counters);
            }
        }
        if tried && !socket.tries_trains() { Trains::GivenUp } else { Trains::Same }
    }
}

impl Socket {
    const fn tries_trains(&self) -> bool {
        self.refusals < MAX_REFUSALS
    }

    /// False: nothing left, because this is no train or the kernel refuses it as one. EIO: the
    /// device cannot checksum segments. EINVAL, EMSGSIZE: the kernel knows no UDP_SEGMENT, or a
    /// segment exceeds the path's MTU (udp(7)).
    fn send_train(
        &mut self,
        transmit: &Transmit<'_>,
        run: &[u8],
        segment_bytes: usize,
        counters: &mut SocketCounters,
    ) -> bool {
        let Ok(segment) = u16::try_from(segment_bytes) else {
            return false;
        };
        if run.len() <= segment_bytes || !self.tries_trains() {
            return false;
        }
        let result = send::train(self.fd, transmit.remote, run, segment);
        match result.as_ref().err().and_then(std::io::Error::raw_os_error) {
            Some(libc::EIO) => self.refusals = MAX_REFUSALS,
            Some(libc::EINVAL | libc::EMSGSIZE) => self.refusals += 1,
            _ => {
                self.refusals = 0;
                counters.trains_sent += 1;
                count(counters, run.len().div_ceil(segment_bytes) as u64, run.len(), result);
                return true;
            }
        }
        counters.trains_refused += 1;
        false
    }

    fn send_singly(
        &self,
        transmit: &Transmit<'_>,
        run: &[u8],
        segment_bytes: usize,
        counters: &mut SocketCounters,
    ) {
        for datagram in run.chunks(segment_bytes) {
            let result = send::datagram(self.fd, transmit.remote, datagram);
            count(counters, 1, datagram.len(), result);
        }
    }
}

fn count(counters: &mut SocketCounters, datagrams: u64, bytes: usize, result: std::io::Result<()>) {
    counters.send_calls += 1;
    match result {
        Ok(()) => {
            counters.datagrams_sent += datagrams;
            counters.bytes_sent += bytes as u64;
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            counters.send_buffer_full += datagrams;
        }
        Err(_) => counters.send_error += datagrams,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair {
        from: UdpSocket,
        to: UdpSocket,
        outgoing: Outgoing,
        counters: SocketCounters,
    }

    impl Pair {
        fn new() -> Self {
            let from = UdpSocket::bind("127.0.0.1:0").expect("loopback");
            let outgoing = Outgoing::new(std::slice::from_ref(&from));
            let to = UdpSocket::bind("127.0.0.1:0").expect("loopback");
            Self { from, to, outgoing, counters: SocketCounters::default() }
        }

        /// Sends 1000 bytes in segments of 400; returns what arrived and what became of trains.
        fn send(&mut self) -> ([usize; 3], Trains) {
            let remote = self.to.local_addr().expect("bound");
            let bytes = &[7; 1_000];
            let transmit = Transmit { listener: 0, remote, segment_bytes: 400, bytes };
            let trains = self.outgoing.send(&transmit, &mut self.counters);
            let mut slot = [0; 2_048];
            ([(); 3].map(|()| self.to.recv(&mut slot).expect("a datagram")), trains)
        }
    }

    #[test]
    fn a_train_is_one_call() {
        let mut pair = Pair::new();
        assert_eq!(pair.send(), ([400, 400, 200], Trains::Same));
        let counters = &pair.counters;
        assert_eq!((counters.send_calls, counters.trains_sent), (1, 1));
        assert_eq!((counters.datagrams_sent, counters.bytes_sent), (3, 1_000));
    }

    #[test]
    fn refused_trains_leave_one_by_one_and_are_given_up_in_the_end() {
        let mut pair = Pair::new();
        send::tests::refuse_trains(&pair.from);
        for _ in 1..MAX_REFUSALS {
            assert_eq!(pair.send(), ([400, 400, 200], Trains::Same));
        }
        assert_eq!(pair.send(), ([400, 400, 200], Trains::GivenUp));
        assert_eq!(pair.send(), ([400, 400, 200], Trains::Same));
        assert_eq!(pair.counters.trains_refused, u64::from(MAX_REFUSALS));
        assert_eq!(pair.counters.datagrams_sent, 3 * (u64::from(MAX_REFUSALS) + 1));
    }
}
