//! Transport-wide congestion control feedback: when each packet of a transport arrived.
//!
//! draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1. Here is the received packet;
//! `write` makes one from arrivals, `chunk` knows the status chunks. When to send feedback, and
//! what an estimator makes of it, is decided elsewhere.
//!
//! Times are **ticks** of 250 us. A feedback begins at a reference time in units of 64 ms (256
//! ticks), 24 bits of the sender's clock: differences are what counts.

mod chunk;
mod write;

pub use write::{Arrival, FeedbackHeader, ticks_of_ns};

use super::{format, packet_type, write_packet, write_ssrcs};
use crate::bytes::{u8_at, u16_at, u24_at, u32_at};
use chunk::{Chunk, Symbol, Symbols};

/// Nanoseconds per tick.
pub const TICK_NS: u64 = 250_000;
/// Ticks per unit of the reference time.
const REFERENCE_TICKS: u64 = 256;
/// From the first SSRC to the feedback count.
const HEAD_BYTES: usize = 16;

/// A feedback packet whose chunks and deltas are known to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportCc<'a> {
    /// Who received.
    pub sender_ssrc: u32,
    /// One of the sources of the transport; which one has no meaning.
    pub media_ssrc: u32,
    /// The first transport-wide sequence number reported on.
    pub base_sequence: u16,
    /// How many numbers are reported on, at least one.
    pub status_count: u16,
    /// Reference time in units of 64 ms, a signed 24-bit number that wraps.
    pub reference_time: i32,
    /// Grows by one with each feedback packet.
    pub feedback_count: u8,
    chunks_and_deltas: &'a [u8],
}

/// What a feedback says about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Transport-wide sequence number.
    pub sequence: u16,
    /// When it arrived, in ticks after time 0 of the reference clock (as `reference_time`, it may
    /// be negative); `None` if it had not.
    pub arrival_ticks: Option<i64>,
}

impl<'a> TransportCc<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let reference_time = u24_at(body, 12)?;
        let mut feedback = Self {
            sender_ssrc: u32_at(body, 0)?,
            media_ssrc: u32_at(body, 4)?,
            base_sequence: u16_at(body, 8)?,
            status_count: u16_at(body, 10)?,
            reference_time: ((reference_time << 8) as i32) >> 8,
            feedback_count: u8_at(body, 15)?,
            chunks_and_deltas: body.get(HEAD_BYTES..)?,
        };
        // Section 3.1: padded to 32 bits, which may also be said with the header's P bit.
        let needed = feedback.needed_bytes()?;
        feedback.chunks_and_deltas = feedback.chunks_and_deltas.get(..needed)?;
        (feedback.status_count > 0).then_some(feedback)
    }

    /// The status of every number from the base on, in order.
    pub fn statuses(&self) -> impl Iterator<Item = Status> + Clone + use<'a> {
        let mut ticks = i64::from(self.reference_time) * REFERENCE_TICKS as i64;
        let mut deltas = self.chunks_and_deltas.get(self.chunk_bytes()..).unwrap_or_default();
        let base = self.base_sequence;
        (0..self.status_count).zip(self.symbols()).map_while(move |(ahead, symbol)| {
            let sequence = base.wrapping_add(ahead);
            let (delta, delta_bytes) = symbol.delta(deltas)?;
            deltas = deltas.get(delta_bytes..)?;
            let arrival_ticks = delta.map(|delta| {
                ticks += i64::from(delta);
                ticks
            });
            Some(Status { sequence, arrival_ticks })
        })
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, format::TRANSPORT_CC, packet_type::TRANSPORT_FEEDBACK, |out| {
            write_ssrcs(out, self.sender_ssrc, self.media_ssrc);
            out.extend_from_slice(&self.base_sequence.to_be_bytes());
            out.extend_from_slice(&self.status_count.to_be_bytes());
            let [_, r0, r1, r2] = self.reference_time.to_be_bytes();
            out.extend_from_slice(&[r0, r1, r2, self.feedback_count]);
            out.extend_from_slice(self.chunks_and_deltas);
        });
    }

    /// The symbols of all chunks, those that go beyond the status count included.
    fn symbols(&self) -> impl Iterator<Item = Symbol> + Clone + use<'a> {
        let chunks = self.chunks_and_deltas.as_chunks().0.iter();
        chunks.flat_map(|chunk| Chunk::from_bytes(*chunk).symbols())
    }

    /// Length of the chunks that the status count needs.
    fn chunk_bytes(&self) -> usize {
        let mut left = usize::from(self.status_count);
        let mut bytes = 0;
        for chunk in self.chunks_and_deltas.as_chunks().0 {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(Chunk::from_bytes(*chunk).len());
            bytes += 2;
        }
        bytes
    }

    /// Length of the chunks and deltas; `None` if the chunks end early or name the reserved symbol.
    fn needed_bytes(&self) -> Option<usize> {
        let mut left = usize::from(self.status_count);
        let mut bytes = 0;
        let mut chunks = self.chunks_and_deltas.as_chunks().0.iter();
        while left > 0 {
            let chunk = Chunk::from_bytes(*chunks.next()?);
            let used = chunk.len().min(left);
            bytes += 2 + Symbols::delta_bytes(chunk, used)?;
            left -= used;
        }
        Some(bytes)
    }
}
