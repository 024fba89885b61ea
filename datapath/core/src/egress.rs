//! What leaves: packets are written, numbered, stamped and sealed only when they are released, each
//! straight into the place from which it is sent.
//!
//! A transport's queue holds references to packets of histories. When it is released its packets are
//! written one behind the other into the slab, and runs of equal length (the last may be shorter)
//! become trains: one send with generic segmentation (UDP_SEGMENT) each. The slab is shared by all
//! transports of the worker and filled for one at a time, so it stays in the processor's cache.
//! Control datagrams (STUN, DTLS, RTCP) leave before media and never in a train.

use std::collections::VecDeque;
use std::net::SocketAddr;

use datapath_wire::extension::abs_send_time_bytes;
use datapath_wire::rtp::{FIXED_HEADER_BYTES, Header};
use datapath_wire::rtx;

use crate::Time;
use crate::carried::{Stamp, write_block};
use crate::counters::{Counters, Drop};
use crate::history::Kept;
use crate::leg::{Leg, Outgoing};
use crate::machine::Machine;
use crate::path::Address;
use crate::transport::{Queued, Srtp, Transport};

/// The slab: about three full trains. Larger would leave the second-level cache.
const SLAB_BYTES: usize = 192 * 1024;
/// Most that one packet can take: a received slot, a larger extension block, RTX and the tag.
const PACKET_BYTES: usize = 2048 + 512;
/// UDP_SEGMENT takes at most 64 segments (Linux UDP_MAX_SEGMENTS before 6.9) ...
const TRAIN_PACKETS: usize = 64;
/// ... and one IP datagram's worth of bytes.
const TRAIN_BYTES: usize = 65_000;
/// Datagrams kept for being filled again.
const SPARE_DATAGRAMS: usize = 64;

/// Bytes to send: one datagram, or a train of datagrams of `segment_bytes` each but the last.
#[derive(Debug)]
pub struct Transmit<'a> {
    /// Index of the listener to send from.
    pub listener: u16,
    /// Where to.
    pub remote: SocketAddr,
    /// Length of each datagram but the last.
    pub segment_bytes: usize,
    /// The datagrams, one behind the other.
    pub bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
struct Train {
    to: Address,
    start: usize,
    end: usize,
    segment_bytes: usize,
    packets: usize,
}

/// What waits to be sent.
pub(crate) struct Outbox {
    control: VecDeque<(Address, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    lent: Vec<u8>,
    /// Transports with a queue.
    waiting: VecDeque<u32>,
    released: VecDeque<u32>,
    released_at: Time,
    slab: Box<[u8]>,
    used: usize,
    trains: VecDeque<Train>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            control: VecDeque::new(),
            spare: Vec::new(),
            lent: Vec::new(),
            waiting: VecDeque::new(),
            released: VecDeque::new(),
            released_at: Time::default(),
            slab: vec![0; SLAB_BYTES].into(),
            used: 0,
            trains: VecDeque::new(),
        }
    }
}

impl Outbox {
    /// An empty buffer for a control datagram.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Sends a control datagram.
    pub(crate) fn send(&mut self, to: Address, datagram: Vec<u8>) {
        self.control.push_back((to, datagram));
    }

    /// A transport's queue is no longer empty.
    pub(crate) fn waits(&mut self, transport: u32) {
        self.waiting.push_back(transport);
    }

    /// Whether a transport's queue is going to be written.
    #[cfg(debug_assertions)]
    pub(crate) fn is_waiting(&self, transport: u32) -> bool {
        self.waiting.contains(&transport) || self.released.contains(&transport)
    }

    /// Keeps a buffer that is no longer needed.
    pub(crate) fn put_back(&mut self, mut datagram: Vec<u8>) {
        if self.spare.len() < SPARE_DATAGRAMS {
            datagram.clear();
            self.spare.push(datagram);
        }
    }

    /// Books a packet that was written at the end of the slab.
    fn book(&mut self, to: Address, bytes: usize) {
        let start = self.used;
        self.used += bytes;
        if let Some(train) = self.trains.back_mut()
            && train.to == to
            && train.end == start
            && (train.end - train.start) == train.packets * train.segment_bytes
            && bytes <= train.segment_bytes
            && train.packets < TRAIN_PACKETS
            && train.end - train.start + bytes <= TRAIN_BYTES
        {
            train.end += bytes;
            train.packets += 1;
            return;
        }
        self.trains.push_back(Train {
            to,
            start,
            end: start + bytes,
            segment_bytes: bytes,
            packets: 1,
        });
    }
}

impl Machine {
    /// Lets everything go that waits. Call it after each batch of inputs, then `poll_transmit`.
    pub fn release(&mut self, now: Time) {
        self.outbox.released_at = now;
        let waiting = &mut self.outbox.waiting;
        self.outbox.released.extend(waiting.drain(..));
    }

    /// The next bytes to send, until there are none.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        if let Some((to, datagram)) = self.outbox.control.pop_front() {
            let before = std::mem::replace(&mut self.outbox.lent, datagram);
            self.outbox.put_back(before);
            let bytes = &self.outbox.lent[..];
            return Some(Transmit {
                listener: to.listener,
                remote: to.remote,
                segment_bytes: bytes.len(),
                bytes,
            });
        }
        while self.outbox.trains.is_empty() {
            self.outbox.used = 0;
            let index = self.outbox.released.pop_front()?;
            if self.write_queue(index) {
                self.outbox.released.push_front(index);
            }
        }
        let train = self.outbox.trains.pop_front()?;
        self.counters.trains += 1;
        Some(Transmit {
            listener: train.to.listener,
            remote: train.to.remote,
            segment_bytes: train.segment_bytes,
            bytes: self.outbox.slab.get(train.start..train.end)?,
        })
    }

    /// Writes a transport's queue into the slab; `true` when the slab was full before the queue was
    /// empty.
    fn write_queue(&mut self, index: u32) -> bool {
        let now = self.outbox.released_at;
        let Some(transport) = self.transports.get_mut(index) else { return false };
        let (Some(to), true) = (transport.paths.current(now), transport.srtp.is_some()) else {
            for _ in transport.queue.drain(..) {
                self.counters.drop(Drop::NoPath);
            }
            return false;
        };
        let send_time = abs_send_time_bytes(now.0);
        let mut full = false;
        let mut started = false;
        while let Some(queued) = transport.queue.pop_front() {
            if self.outbox.slab.len() - self.outbox.used < PACKET_BYTES {
                transport.queue.push_front(queued);
                full = true;
                break;
            }
            let Some(leg) = self.legs.get_mut(queued.leg) else { continue };
            let kept = self.streams.get(leg.stream).and_then(|stream| stream.source(queued.source));
            let Some(kept) = kept.and_then(|source| source.history.get(queued.sequence)) else {
                self.counters.drop(Drop::Overwritten);
                continue;
            };
            let slab = &mut self.outbox.slab[self.outbox.used..];
            if let Some(bytes) = write_packet(transport, leg, queued, kept, send_time, slab) {
                self.outbox.book(to, bytes);
                count(&mut self.counters, leg, queued, kept.payload.len());
                if leg.begins_to_flow(now) {
                    self.changed.note(leg.id);
                    started = true;
                }
            } else {
                self.counters.drop(Drop::Unsealed);
            }
        }
        if started {
            // Its receiver cannot play sound and picture together before a sender report.
            transport.reports.hasten(now);
            let due = transport.reports.poll_timeout();
            self.wake(index, due);
        }
        full
    }
}

const fn count(counters: &mut Counters, leg: &mut Leg, queued: Queued, payload_bytes: usize) {
    counters.rtp_sent += 1;
    counters.rtp_sent_bytes += payload_bytes as u64;
    if queued.rtx {
        counters.rtx_sent += 1;
    } else {
        leg.count_sent(payload_bytes);
    }
}

/// Writes, stamps and seals one packet at the start of `out`; returns its length. `None`: the
/// subscriber lost the codec meanwhile, or the cipher refused.
fn write_packet(
    transport: &mut Transport,
    leg: &mut Leg,
    queued: Queued,
    kept: Kept<'_>,
    send_time: [u8; 3],
    out: &mut [u8],
) -> Option<usize> {
    let outgoing = leg.outgoing(kept.meta.payload_type)?;
    let (ssrc, payload_type, number) = address_of(leg, queued, outgoing)?;
    let stamp = Stamp {
        send_time,
        transport_sequence: transport.transport_sequence,
        mid: (!leg.ssrc_known).then_some(&*leg.row.mid),
    };
    let block_bytes = write_block(
        &transport.row.extensions,
        stamp,
        kept.carried,
        out.get_mut(FIXED_HEADER_BYTES..)?,
    );
    let header = Header {
        marker: kept.meta.marker,
        payload_type,
        sequence_number: number as u16,
        timestamp: kept.meta.timestamp.wrapping_add(queued.as_sent.timestamp_offset),
        ssrc,
        has_extension: block_bytes > 0,
        has_padding: false,
    };
    let mut at = header.write(&[], out)? + block_bytes;
    let header_bytes = at;
    if queued.rtx {
        // RFC 4588 section 4: the original sequence number leads the payload.
        let original = rtx::header(queued.as_sent.number as u16);
        out.get_mut(at..at + original.len())?.copy_from_slice(&original);
        at += original.len();
    }
    out.get_mut(at..at + kept.payload.len())?.copy_from_slice(kept.payload);
    at += kept.payload.len();
    let Srtp { outbound, .. } = transport.srtp.as_deref_mut()?;
    let end = at + outbound.profile().tag_bytes();
    outbound.seal_rtp(out.get_mut(..end)?, header_bytes, number).ok()?;
    transport.transport_sequence = transport.transport_sequence.wrapping_add(1);
    Some(end)
}

/// Under which SSRC, payload type and number a packet leaves.
fn address_of(leg: &mut Leg, queued: Queued, outgoing: Outgoing) -> Option<(u32, u8, u64)> {
    if queued.rtx {
        Some((leg.row.rtx_ssrc, outgoing.rtx_payload_type?, leg.next_rtx_number()))
    } else {
        Some((leg.row.ssrc, outgoing.payload_type, queued.as_sent.number))
    }
}
