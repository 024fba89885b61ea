//! Making transport-wide feedback from arrivals.
//!
//! draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1. One call makes one packet and
//! takes as many arrivals as fit it; the caller goes on with the rest. Deltas are differences of
//! ticks, so that rounding never adds up.

use super::chunk::{Packer, Symbol};
use super::{REFERENCE_TICKS, TICK_NS, TransportCc};
use crate::rtcp::{format, packet_type, write_packet, write_ssrcs};

/// Most bytes of a packet. Higher: fewer packets at high rates, but with the SRTCP trailer it must
/// fit the smallest path MTU (1280 for IPv6) beside other RTCP. Lower: more headers.
const PACKET_BYTES_MAX: usize = 1100;
/// Header of the packet, and what precedes its chunks.
const HEAD_BYTES: usize = crate::rtcp::HEADER_BYTES + super::HEAD_BYTES;
/// Most numbers that one packet reports on.
const STATUSES_MAX: u64 = u16::MAX as u64;

/// A packet that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its transport-wide sequence number, extended (see [`crate::sequence`]).
    pub sequence: u64,
    /// When, in ticks of 250 us; see [`ticks_of_ns`].
    pub ticks: u64,
}

/// A time in nanoseconds, of any epoch, in ticks.
#[must_use]
pub const fn ticks_of_ns(time_ns: u64) -> u64 {
    time_ns / TICK_NS
}

/// What a feedback says besides the arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedbackHeader {
    /// Who received: us.
    pub sender_ssrc: u32,
    /// One of the transport's sources.
    pub media_ssrc: u32,
    /// The first number to report on, extended: the one after the last feedback's last, so that
    /// losses between two feedbacks are told. Numbers before the first arrival are reported as not
    /// received, unless they are more than one packet can say: then it begins at the first arrival.
    pub base_sequence: u64,
    /// Grows by one with each packet.
    pub feedback_count: u8,
}

impl FeedbackHeader {
    /// Appends one packet that reports the first of `arrivals`, which ascend by sequence number
    /// (what does not is skipped; their times are free to go back). Returns how many it took, at
    /// least one unless there are none: a packet ends where a delta does not fit 16 bits, at 65535
    /// numbers and at 1100 bytes.
    #[must_use = "arrivals that did not fit go into a further packet"]
    pub fn write(&self, arrivals: &[Arrival], out: &mut Vec<u8>) -> usize {
        let Some(first) = arrivals.first() else {
            return 0;
        };
        let skips = first.sequence.checked_sub(self.base_sequence);
        let base = match skips {
            Some(0..STATUSES_MAX) => self.base_sequence,
            Some(_) | None => first.sequence,
        };
        let reference = first.ticks / REFERENCE_TICKS;
        let mut taken = 0;
        write_packet(
            out,
            format::TRANSPORT_CC,
            packet_type::TRANSPORT_FEEDBACK,
            |out| {
                write_ssrcs(out, self.sender_ssrc, self.media_ssrc);
                out.extend_from_slice(&(base as u16).to_be_bytes());
                let count_at = out.len();
                let [.., r0, r1, r2] = reference.to_be_bytes();
                out.extend_from_slice(&[0, 0, r0, r1, r2, self.feedback_count]);
                let chunks = write_chunks(arrivals, base, reference * REFERENCE_TICKS, out);
                let field = out.iter_mut().skip(count_at);
                field
                    .zip(chunks.statuses.to_be_bytes())
                    .for_each(|(to, from)| *to = from);
                taken = chunks.taken;
                let reported = arrivals.get(..taken).unwrap_or_default();
                write_deltas(reported, base, reference * REFERENCE_TICKS, out);
            },
        );
        taken
    }
}

/// What the chunks speak of.
struct Chunks {
    statuses: u16,
    taken: usize,
}

/// Appends the chunks of as many arrivals as fit.
fn write_chunks(
    arrivals: &[Arrival],
    base: u64,
    reference_ticks: u64,
    out: &mut Vec<u8>,
) -> Chunks {
    let mut packer = Packer::new();
    let (mut next, mut ticks, mut taken, mut delta_bytes) = (base, reference_ticks, 0, 0);
    for arrival in arrivals {
        let Some(skipped) = arrival.sequence.checked_sub(next) else {
            taken += 1; // not ascending
            continue;
        };
        let Some(symbol) = Symbol::for_delta(delta(ticks, arrival.ticks)) else {
            break;
        };
        // At most one chunk for what waits, one per started run of those skipped, two for this.
        let chunks =
            packer.chunks + 4 + usize::try_from(skipped / 0x1FFF).unwrap_or(usize::MAX / 8);
        let bytes = HEAD_BYTES + 2 * chunks + delta_bytes + 2;
        let too_many = arrival.sequence - base >= STATUSES_MAX || bytes > PACKET_BYTES_MAX;
        if too_many && next != base {
            break;
        }
        packer.push(Symbol::NotReceived, skipped as usize, out);
        packer.push(symbol, 1, out);
        delta_bytes += symbol.delta_bytes().unwrap_or_default();
        (next, ticks, taken) = (arrival.sequence + 1, arrival.ticks, taken + 1);
    }
    packer.finish(out);
    // Below STATUSES_MAX: checked above, and for the first arrival by the choice of the base.
    Chunks {
        statuses: (next - base) as u16,
        taken,
    }
}

/// Appends the deltas of the arrivals that the chunks speak of.
fn write_deltas(arrivals: &[Arrival], base: u64, reference_ticks: u64, out: &mut Vec<u8>) {
    let (mut next, mut ticks) = (base, reference_ticks);
    for arrival in arrivals.iter() {
        if arrival.sequence < next {
            continue;
        }
        let delta = delta(ticks, arrival.ticks);
        match u8::try_from(delta) {
            Ok(small) => out.push(small),
            // Fits: `write_chunks` ended before one that does not.
            Err(_) => out.extend_from_slice(&(delta as i16).to_be_bytes()),
        }
        (next, ticks) = (arrival.sequence + 1, arrival.ticks);
    }
}

/// Signed difference of two times in ticks; saturates far beyond what any delta can say.
fn delta(from: u64, to: u64) -> i64 {
    i64::try_from(i128::from(to) - i128::from(from)).unwrap_or(i64::MAX)
}

impl TransportCc<'_> {
    /// As [`FeedbackHeader::write`].
    #[must_use = "arrivals that did not fit go into a further packet"]
    pub fn write_arrivals(
        out: &mut Vec<u8>,
        header: &FeedbackHeader,
        arrivals: &[Arrival],
    ) -> usize {
        header.write(arrivals, out)
    }
}
