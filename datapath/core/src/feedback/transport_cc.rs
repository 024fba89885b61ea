//! When the packets of a publisher arrived, told back to it for its bandwidth estimate:
//! draft-holmer-rmcat-transport-wide-cc-extensions-01. One machine per publisher transport.
//!
//! It must be told of every authenticated packet that carries a transport-wide number, those that
//! replay protection then drops included: a publisher may send the same packet again under a new
//! number, and would take silence for loss. A number that was seen before keeps its first arrival,
//! so that a replayed packet cannot move a measurement.
//!
//! A packet that comes after its number was reported lost is reported in the next feedback, with all
//! that follow it; the publisher skips what it has heard already. It is not an estimator.

use std::time::Duration;

use datapath_wire::rtcp::transport_cc::{Arrival, FeedbackHeader, ticks_of_ns};

use crate::time::Time;

/// Arrivals that are remembered, a power of two. At 300 packets a second, a usual publisher, 7 s; at
/// 20 000 a second, 100 ms. Eight octets each.
const CAPACITY: usize = 2048;

/// How far behind the newest number a packet may be and still be reported. Higher: one late packet
/// makes more of what was reported already be repeated. Lower: reordering looks like loss.
const MOST_LATE: u64 = 512;

/// Feedback leaves at most this long after the first arrival that it reports. Lower: more feedback
/// packets than a publisher's estimator needs. Higher: it notices an overload later.
const SLOW: Duration = Duration::from_millis(100);

/// ... or this long, once `MANY` numbers wait: 1000 packets a second and more.
const FAST: Duration = Duration::from_millis(50);

/// See `FAST`.
const MANY: u64 = 50;

/// At once when this many numbers wait: what is not reported before the ring is full is lost.
const NEARLY_FULL: u64 = CAPACITY as u64 * 3 / 4;

/// Numbers in a row that lie too far behind to be merely late: the publisher began its numbering
/// anew, or jumped by more than half of all numbers. Without this its feedback would stay away, and
/// its estimate at nothing, for as long. Somebody on the path who replays so many in a row makes us
/// forget arrivals of the last 100 ms; by dropping packets he could do worse.
const RESTART: u8 = 32;

/// Extended numbers begin here, so that packets older than the first have one.
const FIRST_CYCLE: u64 = 1 << 16;

/// No packet arrived under this number.
const ABSENT: u64 = u64::MAX;

/// Arrival times of one transport's packets.
#[derive(Debug)]
pub struct TransportCcRecorder {
    /// Arrivals in nanoseconds at number modulo `CAPACITY`, for the `CAPACITY` numbers before `end`.
    arrivals: Box<[u64]>,
    /// The first number to report next.
    base: u64,
    /// One above the highest number, which has arrived; 0 before the first.
    end: u64,
    /// When the first of those that wait arrived.
    waiting_since: Option<Time>,
    too_late: u8,
    feedback_count: u8,
    /// Reused for each feedback.
    reported: Vec<Arrival>,
}

impl TransportCcRecorder {
    /// A recorder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            arrivals: vec![ABSENT; CAPACITY].into_boxed_slice(),
            base: 0,
            end: 0,
            waiting_since: None,
            too_late: 0,
            feedback_count: 0,
            reported: Vec::new(),
        }
    }

    /// An authenticated packet with the transport-wide number `number` arrived, replayed or not.
    #[inline]
    pub fn record(&mut self, number: u16, now: Time) {
        let sequence = self.extend(number);
        if sequence == self.end && self.end != 0 {
            *self.slot(sequence) = now.0;
            self.end += 1;
            self.base = self.base.max(self.end - CAPACITY as u64);
        } else if !self.record_out_of_line(sequence, now) {
            return;
        }
        self.too_late = 0;
        if self.waiting_since.is_none() {
            self.waiting_since = Some(now);
        }
    }

    /// Appends one RTCP packet to `out` if one is due; call until it is not. `sender_ssrc` is ours,
    /// `media_ssrc` any of the publisher's.
    #[must_use = "a packet was written"]
    pub fn poll(
        &mut self,
        now: Time,
        sender_ssrc: u32,
        media_ssrc: u32,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return false;
        }
        self.collect();
        let header = FeedbackHeader {
            sender_ssrc,
            media_ssrc,
            base_sequence: self.base,
            feedback_count: self.feedback_count,
        };
        let taken = header.write(&self.reported, out);
        self.feedback_count = self.feedback_count.wrapping_add(1);
        match self.reported.get(taken) {
            Some(_) => self.base = self.reported[taken - 1].sequence + 1,
            None => (self.base, self.waiting_since) = (self.end, None),
        }
        true
    }

    /// When `poll` has something to say, if nothing else arrives.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let since = self.waiting_since?;
        Some(match self.end - self.base {
            ..MANY => since.plus(SLOW),
            MANY..NEARLY_FULL => since.plus(FAST),
            NEARLY_FULL.. => since,
        })
    }

    /// The extended number nearest to the highest so far.
    const fn extend(&self, number: u16) -> u64 {
        if self.end == 0 {
            return FIRST_CYCLE + number as u64;
        }
        let ahead = number.wrapping_sub(self.end as u16) as i16;
        self.end.wrapping_add_signed(ahead as i64)
    }

    fn slot(&mut self, sequence: u64) -> &mut u64 {
        &mut self.arrivals[sequence as usize % CAPACITY]
    }

    /// A packet that is not the next. False: nothing is to be reported of it.
    fn record_out_of_line(&mut self, sequence: u64, now: Time) -> bool {
        if self.end == 0 || sequence >= self.end + CAPACITY as u64 {
            self.start(sequence, now);
        } else if sequence >= self.end {
            self.skip_to(sequence);
            *self.slot(sequence) = now.0;
            self.end = sequence + 1;
            self.base = self.base.max(self.end.saturating_sub(CAPACITY as u64));
        } else if self.end - sequence > MOST_LATE {
            return self.count_too_late(sequence, now);
        } else if *self.slot(sequence) != ABSENT {
            return false;
        } else {
            *self.slot(sequence) = now.0;
            self.base = self.base.min(sequence);
        }
        true
    }

    /// The first packet, or the first after a jump beyond which nothing before it can be kept.
    fn start(&mut self, sequence: u64, now: Time) {
        self.arrivals.fill(ABSENT);
        self.base = sequence;
        self.end = sequence + 1;
        self.waiting_since = None;
        *self.slot(sequence) = now.0;
    }

    /// The numbers from `end` to before `sequence` have not arrived.
    fn skip_to(&mut self, sequence: u64) {
        for missing in self.end..sequence {
            *self.slot(missing) = ABSENT;
        }
    }

    fn count_too_late(&mut self, sequence: u64, now: Time) -> bool {
        self.too_late += 1;
        if self.too_late < RESTART {
            return false;
        }
        self.start(FIRST_CYCLE + (sequence & 0xffff), now);
        true
    }

    /// What arrived from `base` on, in order of number.
    fn collect(&mut self) {
        self.reported.clear();
        for sequence in self.base..self.end {
            let arrived = *self.slot(sequence);
            if arrived != ABSENT {
                self.reported.push(Arrival { sequence, ticks: ticks_of_ns(arrived) });
            }
        }
    }
}

impl Default for TransportCcRecorder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
