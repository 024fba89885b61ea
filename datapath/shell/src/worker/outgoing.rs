//! Where the machine's datagrams leave: one send per datagram or train, and what happens when the
//! kernel refuses.

use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};

use datapath_core::Transmit;

use super::counters::SocketCounters;
use crate::system::send;

/// The sockets by listener, and whether each still sends trains.
pub(crate) struct Outgoing {
    sockets: Vec<Socket>,
}

struct Socket {
    fd: RawFd,
    trains: bool,
}

impl Outgoing {
    /// The sockets outlive it: both are the worker's.
    pub(crate) fn new(sockets: &[UdpSocket]) -> Self {
        let sockets = sockets.iter().map(|socket| Socket {
            fd: socket.as_raw_fd(),
            trains: true,
        });
        Self {
            sockets: sockets.collect(),
        }
    }

    /// Sends one transmit. True: this socket has just given up trains (the device cannot checksum
    /// segments, EIO, or the kernel knows no UDP_SEGMENT, EINVAL) and sends one by one from now on.
    pub(crate) fn send(&mut self, transmit: &Transmit<'_>, counters: &mut SocketCounters) -> bool {
        let Some(socket) = self.sockets.get_mut(usize::from(transmit.listener)) else {
            debug_assert!(
                false,
                "the machine names a listener that it was not told of"
            );
            return false;
        };
        let mut fell_back = false;
        let segment_bytes = transmit.segment_bytes.max(1);
        for run in transmit.bytes.chunks(send::train_bytes(segment_bytes)) {
            fell_back |= socket.send_run(transmit, run, segment_bytes, counters);
        }
        fell_back
    }
}

impl Socket {
    fn send_run(
        &mut self,
        transmit: &Transmit<'_>,
        run: &[u8],
        segment_bytes: usize,
        counters: &mut SocketCounters,
    ) -> bool {
        let datagrams = run.len().div_ceil(segment_bytes) as u64;
        let as_train = u16::try_from(segment_bytes)
            .ok()
            .filter(|_| self.trains && datagrams > 1);
        if let Some(segment_bytes) = as_train {
            let result = send::train(self.fd, transmit.remote, run, segment_bytes);
            let refused = result.as_ref().err().and_then(std::io::Error::raw_os_error);
            if !matches!(refused, Some(libc::EIO | libc::EINVAL)) {
                counters.trains_sent += 1;
                count(counters, datagrams, run.len(), result);
                return false;
            }
            self.trains = false;
            counters.segment_fallbacks += 1;
        }
        for datagram in run.chunks(segment_bytes) {
            let result = send::datagram(self.fd, transmit.remote, datagram);
            count(counters, 1, datagram.len(), result);
        }
        as_train.is_some()
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
