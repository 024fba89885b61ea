//! What to ask a publisher to send again (RFC 4585 section 6.2.1), one machine per received media
//! SSRC.
//!
//! It knows which extended sequence numbers are missing, when each is worth asking for, and when it
//! is too late. It does not know packets, and it is not told of duplicates as an error: an answer
//! may arrive twice. Packets that carry nothing but padding are received packets like others.

use std::time::Duration;

use crate::time::Time;

/// A single missing packet is taken for a reordered one until a packet this far ahead of it arrived,
/// or `REORDER_TIME` passed. Lower: packets that merely overtook each other are asked for, and sent
/// twice. Higher: a repair comes later, and the subscriber's jitter buffer pays for it. That two
/// neighbours swap places is by far the most common reordering. Several packets missing in a row
/// are loss, and asked for at once.
const REORDER_PACKETS: u64 = 2;

/// Ends the wait for a packet that nothing follows: the tail of a frame. Less than the time between
/// two frames at 60 fps, so that the repair is under way before the next frame is.
const REORDER_TIME: Duration = Duration::from_millis(10);

/// Least time between two requests for a packet. Lower: on a short path the publisher's pacer has
/// not sent the answer yet, and sends it twice. Higher: a lost answer costs more delay.
const MIN_SPACING: Duration = Duration::from_millis(20);

/// How often one packet is asked for. Ten answers lost in a row is a path that is down.
const MAX_TRIES: u8 = 10;

/// Packets missing at once. Beyond it a key frame is smaller than what would be sent again: 250
/// packets are 300 kB, a second of 2.5 Mb/s; asking would fill the very line that just lost them.
const MAX_MISSING: usize = 250;

/// How long a missing picture packet is of use: no subscriber's jitter buffer waits longer.
pub const VIDEO_AGE: Duration = Duration::from_secs(1);

/// How long a missing sound packet is of use: concealment has long taken its place.
pub const AUDIO_AGE: Duration = Duration::from_millis(500);

/// A round trip to suppose before one was measured.
pub const SUPPOSED_ROUND_TRIP: Duration = Duration::from_millis(100);

/// Whether what is missing can still be had by asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "beyond repair, a picture needs a key frame"]
pub enum Repair {
    /// All that is missing is being asked for.
    Possible,
    /// Something missing was given up. Decoders of video need a key frame; sound goes on.
    GivenUp,
}

/// A packet that did not come.
#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: u64,
    since: Time,
    /// When it is asked for next.
    due: Time,
    asked: Time,
    tries: u8,
}

/// What is missing of one SSRC.
#[derive(Debug)]
pub struct NackGenerator {
    max_age: Duration,
    /// The highest sequence number received; `None` before the first.
    highest: Option<u64>,
    /// In order of sequence number, at most `MAX_MISSING`; its memory is taken with the first loss.
    missing: Vec<Missing>,
    /// When this number has arrived, the oldest gap never asked for is no reordering.
    reorder_until: u64,
    /// Not after the earliest `due`; may be before it.
    next: Option<Time>,
}

/// No gap waits for newer packets.
const NEVER: u64 = u64::MAX;

impl NackGenerator {
    /// A machine for a source whose packets are of use for `max_age`: `VIDEO_AGE` or `AUDIO_AGE`.
    #[must_use]
    pub const fn new(max_age: Duration) -> Self {
        Self { max_age, highest: None, missing: Vec::new(), reorder_until: NEVER, next: None }
    }

    /// A packet arrived under the media SSRC.
    #[inline]
    pub fn received(&mut self, sequence: u64, now: Time) -> Repair {
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return Repair::Possible;
        };
        let mut repair = Repair::Possible;
        if sequence > highest {
            self.highest = Some(sequence);
            if sequence != highest + 1 {
                repair = self.gap(highest + 1, sequence, now);
            }
            if sequence >= self.reorder_until {
                self.end_reordering(sequence, now);
            }
        } else if !self.missing.is_empty() {
            self.forget(sequence);
        }
        repair
    }

    /// A packet came back in answer to a request, whether under an RTX SSRC or its own. Gives a
    /// measurement of the round trip where the answer is to one request only (as Karn's algorithm,
    /// RFC 6298 section 3).
    pub fn recovered(&mut self, sequence: u64, now: Time) -> Option<Duration> {
        let missing = self.forget(sequence)?;
        (missing.tries == 1).then(|| now.saturating_since(missing.asked))
    }

    /// Adds to `out` the sequence numbers to ask for now, in order. `round_trip` is that to the
    /// publisher, `SUPPOSED_ROUND_TRIP` while unknown.
    pub fn poll(&mut self, now: Time, round_trip: Duration, out: &mut Vec<u16>) -> Repair {
        if self.next.is_none_or(|next| now < next) {
            return Repair::Possible;
        }
        let before = self.missing.len();
        let max_age = self.max_age;
        self.missing.retain(|missing| {
            now.saturating_since(missing.since) < max_age
                && !(missing.tries == MAX_TRIES && missing.due <= now)
        });
        for missing in self.missing.iter_mut().filter(|missing| missing.due <= now) {
            out.push(missing.sequence as u16);
            missing.asked = now;
            let late = missing.since.plus(max_age);
            missing.due = now.plus(spacing(round_trip, missing.tries)).min(late);
            missing.tries += 1;
        }
        self.schedule();
        if self.missing.len() < before { Repair::GivenUp } else { Repair::Possible }
    }

    /// When `poll` has something to say, if nothing else happens.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Time> {
        self.next
    }

    /// Whether a packet is missing and not given up.
    #[must_use]
    pub fn is_missing(&self, sequence: u64) -> bool {
        self.missing.binary_search_by_key(&sequence, |missing| missing.sequence).is_ok()
    }

    /// How many packets are missing and not given up.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// The packets from `first` on did not come before `end`.
    fn gap(&mut self, first: u64, end: u64, now: Time) -> Repair {
        if end - first > (MAX_MISSING - self.missing.len()) as u64 {
            self.missing.clear();
            self.schedule();
            return Repair::GivenUp;
        }
        if self.missing.capacity() < MAX_MISSING {
            self.missing.reserve_exact(MAX_MISSING);
        }
        let due = if end - first == 1 { now.plus(REORDER_TIME) } else { now };
        self.missing.extend((first..end).map(|sequence| Missing {
            sequence,
            since: now,
            due,
            asked: now,
            tries: 0,
        }));
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
        self.reorder_until = self.reorder_until.min(end - 1 + REORDER_PACKETS);
        Repair::Possible
    }

    /// Packets that `newest` is `REORDER_PACKETS` ahead of are lost: they are due at once.
    fn end_reordering(&mut self, newest: u64, now: Time) {
        self.reorder_until = NEVER;
        for missing in self.missing.iter_mut().rev().take_while(|missing| missing.tries == 0) {
            if missing.sequence + REORDER_PACKETS > newest {
                self.reorder_until = missing.sequence + REORDER_PACKETS;
            } else {
                missing.due = missing.due.min(now);
                self.next = Some(now);
            }
        }
    }

    fn forget(&mut self, sequence: u64) -> Option<Missing> {
        let at = self.missing.binary_search_by_key(&sequence, |missing| missing.sequence).ok()?;
        let missing = self.missing.remove(at);
        if self.missing.is_empty() {
            self.schedule();
        }
        Some(missing)
    }

    fn schedule(&mut self) {
        self.next = self.missing.iter().map(|missing| missing.due).min();
        let fresh = self.missing.iter().find(|missing| missing.tries == 0);
        self.reorder_until = fresh.map_or(NEVER, |missing| missing.sequence + REORDER_PACKETS);
    }
}

/// The time to the next request after one that followed `tries` others: a round trip, and a quarter
/// more each time, so that a path that is down is not hammered and ten tries last a second or so.
fn spacing(round_trip: Duration, tries: u8) -> Duration {
    let base = round_trip.max(MIN_SPACING);
    base + base * u32::from(tries) / 4
}

#[cfg(test)]
mod tests;
