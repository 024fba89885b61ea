//! Making transport-wide feedback from arrivals.
//!
//! draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1. One call makes one packet and
//! takes as many arrivals as fit it; the caller goes on with the rest. Deltas are differences of
//! ticks, so that rounding never adds up.

use super::chunk::{Packer, RUN_MAX, Symbol};
use super::{REFERENCE_TICKS, TICK_NS};
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
        let walk = || Walk::new(base, reference * REFERENCE_TICKS);
        let mut taken = 0;
        write_packet(out, format::TRANSPORT_CC, packet_type::TRANSPORT_FEEDBACK, |out| {
            write_ssrcs(out, self.sender_ssrc, self.media_ssrc);
            out.extend_from_slice(&(base as u16).to_be_bytes());
            let count_at = out.len();
            let [.., r0, r1, r2] = reference.to_be_bytes();
            out.extend_from_slice(&[0, 0, r0, r1, r2, self.feedback_count]);
            let (reported, statuses) = write_chunks(arrivals, walk(), out);
            let field = out.iter_mut().skip(count_at);
            field.zip(statuses.to_be_bytes()).for_each(|(to, from)| *to = from);
            write_deltas(arrivals.get(..reported).unwrap_or_default(), walk(), out);
            taken = reported;
        });
        taken
    }
}

/// Goes through arrivals in the order in which they are reported.
struct Walk {
    base: u64,
    last: Option<u64>,
    ticks: u64,
}

/// What an arrival adds to the report.
struct Step {
    /// Numbers before it that did not arrive.
    skipped: u64,
    /// Ticks since the arrival before, which no symbol may be able to carry.
    delta: i64,
}

impl Walk {
    const fn new(base: u64, reference_ticks: u64) -> Self {
        Self { base, last: None, ticks: reference_ticks }
    }

    /// `None` for an arrival whose number was passed already.
    fn step(&self, arrival: &Arrival) -> Option<Step> {
        let skipped = match self.last {
            Some(last) => arrival.sequence.checked_sub(last)?.checked_sub(1)?,
            None => arrival.sequence.checked_sub(self.base)?,
        };
        let delta = i128::from(arrival.ticks) - i128::from(self.ticks);
        // What exceeds 64 bits exceeds every delta as well.
        Some(Step { skipped, delta: i64::try_from(delta).unwrap_or(i64::MAX) })
    }

    const fn take(&mut self, arrival: &Arrival) {
        self.last = Some(arrival.sequence);
        self.ticks = arrival.ticks;
    }

    /// How many numbers were passed.
    fn statuses(&self) -> u64 {
        self.last.map_or(0, |last| last - self.base + 1) // never below the base: `step`
    }
}

/// Appends the chunks of as many arrivals as fit. Returns how many arrivals that is and how many
/// numbers the chunks speak of.
fn write_chunks(arrivals: &[Arrival], mut walk: Walk, out: &mut Vec<u8>) -> (usize, u16) {
    let mut packer = Packer::new();
    let (mut taken, mut delta_bytes) = (0, 0);
    for arrival in arrivals {
        let Some(Step { skipped, delta }) = walk.step(arrival) else {
            taken += 1; // not ascending
            continue;
        };
        let Some(symbol) = Symbol::for_delta(delta) else {
            break;
        };
        if arrival.sequence - walk.base >= STATUSES_MAX {
            break;
        }
        // Before this arrival at most what waits and the runs of those skipped, after it one more.
        let chunks = packer.chunks + 4 + skipped as usize / RUN_MAX;
        if HEAD_BYTES + 2 * chunks + delta_bytes + 2 > PACKET_BYTES_MAX {
            break;
        }
        packer.push(Symbol::NotReceived, skipped as usize, out);
        packer.push(symbol, 1, out);
        walk.take(arrival);
        delta_bytes += symbol.delta_bytes().unwrap_or_default();
        taken += 1;
    }
    packer.finish(out);
    (taken, walk.statuses() as u16) // at most STATUSES_MAX: checked above
}

/// Appends the deltas of the arrivals that the chunks speak of.
fn write_deltas(arrivals: &[Arrival], mut walk: Walk, out: &mut Vec<u8>) {
    for arrival in arrivals {
        let Some(Step { delta, .. }) = walk.step(arrival) else {
            continue;
        };
        match u8::try_from(delta) {
            Ok(small) => out.push(small),
            // Fits: `write_chunks` ended before one that does not.
            Err(_) => out.extend_from_slice(&(delta as i16).to_be_bytes()),
        }
        walk.take(arrival);
    }
}
