//! What we say about an RTP stream that we receive: the report block of RFC 3550 section 6.4.1, made
//! as its appendix A does, one machine per SSRC.
//!
//! It is told only of packets that authenticated and were not replayed. Hence two steps of appendix
//! A.1 are missing: a source needs no probation, and duplicates cannot occur.
//!
//! Retransmissions (RFC 4588) are a stream of their own. A packet recovered through RTX counts for
//! the RTX SSRC, if for any, and stays lost in the block of the media SSRC: this is what libwebrtc
//! does, and what a publisher's loss-based controller expects; loss that was repaired is still loss
//! of the path.

use std::time::Duration;

use datapath_wire::rtcp::ReportBlock;

use crate::feedback::ntp::{Ntp, compact_span};
use crate::time::Time;

/// RFC 3550 appendix A.1: a jump ahead by more than this is a source that started anew, not loss.
/// Lower: an outage of a few seconds hides its loss. Higher: a restart looks like a flood of loss.
const MAX_DROPOUT: u64 = 3000;

/// A packet older than the first by at most this still belongs to the stream (appendix A.1).
const MAX_MISORDER: u64 = 100;

/// A step of the transit time beyond this is a publisher that slept or restarted its clock, and no
/// jitter: one such step would dominate the mean for hundreds of frames.
const MAX_TRANSIT_STEP: Duration = Duration::from_secs(5);

/// Statistics of one received SSRC.
#[derive(Clone, Debug)]
pub struct Reception {
    clock_hz: u32,
    started: bool,
    /// The first packet's number without its lower 16 bits: cycles are counted from it.
    first_cycle: u64,
    /// Lowest index that belongs to the stream.
    base: u64,
    /// Highest index.
    highest: u64,
    /// The index that follows a packet which jumped too far: if it is next, the source restarted.
    after_jump: u64,
    received: u64,
    /// As of the last report, for `fraction lost`.
    prior_expected: u64,
    prior_received: u64,
    /// Timestamp and arrival of the first packet of the newest frame.
    frame_timestamp: u32,
    frame_arrival: Time,
    /// Sixteen times the estimate, in clock units (appendix A.8).
    jitter_q4: u32,
    last_report: Option<(Ntp, Time)>,
}

/// No index follows this one.
const NONE: u64 = u64::MAX;

impl Reception {
    /// `clock_hz` is the RTP clock of the payload format; must not be 0.
    #[must_use]
    pub const fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz,
            started: false,
            first_cycle: 0,
            base: 0,
            highest: 0,
            after_jump: NONE,
            received: 0,
            prior_expected: 0,
            prior_received: 0,
            frame_timestamp: 0,
            frame_arrival: Time(0),
            jitter_q4: 0,
            last_report: None,
        }
    }

    /// A packet arrived. `sequence` is its extended sequence number; each is told once.
    pub fn received(&mut self, sequence: u64, timestamp: u32, now: Time) {
        if sequence == self.highest.wrapping_add(1) && self.started {
            self.highest = sequence;
        } else if !self.out_of_line(sequence, timestamp, now) {
            return;
        }
        self.received += 1;
        if timestamp != self.frame_timestamp && sequence == self.highest {
            self.measure_jitter(timestamp, now);
        }
    }

    /// A sender report of this SSRC arrived; the next report blocks answer it.
    pub const fn sender_report(&mut self, ntp: Ntp, now: Time) {
        self.last_report = Some((ntp, now));
    }

    /// The report block, and the start of the next interval for `fraction lost`. `None` before the
    /// first packet: there is nothing to report (RFC 3550 section 6.4).
    #[must_use = "the interval of `fraction lost` begins anew"]
    pub fn report(&mut self, ssrc: u32, now: Time) -> Option<ReportBlock> {
        if !self.started {
            return None;
        }
        let (last_sender_report, delay_since_last_sender_report) = self
            .last_report
            .map_or((0, 0), |(ntp, at)| (ntp.compact(), compact_span(now.saturating_since(at))));
        Some(ReportBlock {
            ssrc,
            fraction_lost: self.fraction_lost(),
            cumulative_lost: self.lost().clamp(-(1 << 23), (1 << 23) - 1) as i32,
            highest_sequence: (self.highest - self.first_cycle) as u32,
            jitter: self.jitter_q4 >> 4,
            last_sender_report,
            delay_since_last_sender_report,
        })
    }

    /// Packets received since the source started.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.received
    }

    /// Packets expected and not received since the source started.
    #[must_use]
    pub const fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// Interarrival jitter.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        Duration::from_nanos(
            u64::from(self.jitter_q4 >> 4) * 1_000_000_000 / u64::from(self.clock_hz.max(1)),
        )
    }

    const fn expected(&self) -> u64 {
        if self.started { self.highest - self.base + 1 } else { 0 }
    }

    /// Appendix A.1 for any packet but the next one. False: it does not count.
    fn out_of_line(&mut self, sequence: u64, timestamp: u32, now: Time) -> bool {
        if !self.started || sequence == self.after_jump {
            self.start(sequence, timestamp, now);
        } else if sequence > self.highest.saturating_add(MAX_DROPOUT) {
            self.after_jump = sequence.saturating_add(1);
            return false;
        } else if sequence > self.highest {
            self.highest = sequence;
        } else if sequence < self.base {
            if self.base - sequence > MAX_MISORDER {
                return false;
            }
            self.base = sequence;
        }
        true
    }

    /// `init_seq` of appendix A.1. What was learnt from sender reports stays.
    const fn start(&mut self, sequence: u64, timestamp: u32, now: Time) {
        self.started = true;
        self.first_cycle = sequence & !0xffff;
        self.base = sequence;
        self.highest = sequence;
        self.after_jump = NONE;
        self.received = 0;
        self.prior_expected = 0;
        self.prior_received = 0;
        self.frame_timestamp = timestamp;
        self.frame_arrival = now;
        self.jitter_q4 = 0;
    }

    /// Appendix A.8, from the first packet of each frame in order of sending. Deviation, as in
    /// libwebrtc: later packets of a frame carry its timestamp, but leave when the pacer lets them,
    /// which is no jitter of the path.
    fn measure_jitter(&mut self, timestamp: u32, now: Time) {
        let hz = u64::from(self.clock_hz);
        let apart_ns = now.saturating_since(self.frame_arrival).as_nanos() as u64;
        let apart = (u128::from(apart_ns) * u128::from(hz) / 1_000_000_000) as i64;
        let sent_apart = i64::from(timestamp.wrapping_sub(self.frame_timestamp) as i32);
        self.frame_timestamp = timestamp;
        self.frame_arrival = now;
        let step = (apart - sent_apart).unsigned_abs();
        if step <= MAX_TRANSIT_STEP.as_secs() * hz {
            let rounded = (self.jitter_q4 + 8) >> 4;
            self.jitter_q4 = (self.jitter_q4 - rounded).saturating_add(step as u32);
        }
    }

    /// Appendix A.3.
    const fn fraction_lost(&mut self) -> u8 {
        let expected = self.expected() - self.prior_expected;
        let received = self.received - self.prior_received;
        self.prior_expected = self.expected();
        self.prior_received = self.received;
        if expected <= received {
            return 0;
        }
        let fraction = ((expected - received) << 8) / expected;
        if fraction > 255 { 255 } else { fraction as u8 }
    }
}

#[cfg(test)]
mod tests;
