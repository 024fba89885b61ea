//! When a transport's sender and receiver reports leave (RFC 3550 section 6.2), and the name they
//! carry (RFC 7022). One machine per transport; what is in the reports is not its business.
//!
//! The RFC derives the interval from the session's bandwidth and membership, with a reduced minimum
//! of 360 s divided by the bandwidth in kb/s. A transport of ours has two members and a compound of
//! a hundred octets or so: one a second is below a tenth of a kilobyte a second, within 5 % of the
//! bandwidth even of one Opus stream. The interval is therefore fixed and only its randomisation is
//! taken over.

use std::time::Duration;

use crate::time::Time;

/// Mean time between two compounds of a transport. Lower: more packets and wake-ups for the same
/// knowledge. Higher: loss-based controllers of publishers and the mapping of clocks react later.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A report that something new waits for leaves this much later, so that all streams that start
/// together share one compound.
const SOON: Duration = Duration::from_millis(50);

/// The schedule of one transport.
#[derive(Clone, Debug)]
pub struct ReportSchedule {
    next: Time,
    random: u64,
}

impl ReportSchedule {
    /// The first compound leaves after half an interval (section 6.2, "half of the minimum"). `seed`
    /// spreads transports that were made at the same moment; equal seeds give equal schedules.
    #[must_use]
    pub fn new(seed: u64, now: Time) -> Self {
        let mut schedule = Self { next: now, random: seed };
        let first = schedule.randomised(INTERVAL / 2);
        schedule.next = now.plus(first);
        schedule
    }

    /// Something new is to be told: a leg sent its first packet, say, and its receiver cannot play
    /// sound and picture together before a sender report. The next compound leaves soon.
    pub fn hasten(&mut self, now: Time) {
        self.next = self.next.min(now.plus(SOON));
    }

    /// Whether the compound leaves now.
    #[must_use = "the compound is counted as sent"]
    pub fn poll(&mut self, now: Time) -> bool {
        if now < self.next {
            return false;
        }
        let wait = self.randomised(INTERVAL);
        self.next = now.plus(wait);
        true
    }

    /// When the next compound leaves.
    #[must_use]
    pub const fn poll_timeout(&self) -> Time {
        self.next
    }

    /// Evenly between half and one and a half times `interval` (section 6.3.1, step 4; without its
    /// last step, which corrects for reconsideration, of which two members have no need).
    fn randomised(&mut self, interval: Duration) -> Duration {
        interval / 2 + interval.mul_f64(self.fraction())
    }

    /// The next number of SplitMix64, as a fraction in 0..1. It need not be unpredictable.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Our canonical name on one transport: short-term persistent, 96 random bits in base 64 (RFC 7022
/// section 4.2). It says nothing of host, room or person. One name for all legs of a transport is
/// right, because `sender_report` puts them on one time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cname([u8; 16]);

impl Cname {
    /// From 96 random bits.
    #[must_use]
    pub fn new(random: [u8; 12]) -> Self {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = [0; 16];
        for (four, three) in text.chunks_exact_mut(4).zip(random.chunks_exact(3)) {
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            for (at, letter) in four.iter_mut().enumerate() {
                *letter = ALPHABET[(bits >> (18 - 6 * at)) as usize & 63];
            }
        }
        Self(text)
    }

    /// As it stands in the SDES item.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Nothing but letters of the alphabet above is ever in it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn equal_seeds_give_equal_schedules_and_others_do_not() {
        let first = |seed| ReportSchedule::new(seed, Time(0)).poll_timeout();
        assert_eq!(first(7), first(7));
        assert_ne!(first(7), first(8));
    }

    #[test]
    fn nothing_leaves_before_its_time() {
        let mut schedule = ReportSchedule::new(1, Time(SECOND));
        let first = schedule.poll_timeout();
        assert!(!schedule.poll(Time(first.0 - 1)));
        assert!(schedule.poll(first));
        assert!(!schedule.poll(first));
    }

    #[test]
    fn news_hasten_the_next_compound_but_never_delay_it() {
        let mut schedule = ReportSchedule::new(1, Time(0));
        schedule.hasten(Time(0));
        assert_eq!(schedule.poll_timeout(), Time(SECOND / 20));
        schedule.hasten(Time(SECOND / 40));
        assert_eq!(schedule.poll_timeout(), Time(SECOND / 20));
    }

    #[test]
    fn name_is_base_64_of_the_random_bits() {
        assert_eq!(Cname::new(*b"Many hands m").as_str(), "TWFueSBoYW5kcyBt");
        assert_eq!(Cname::new([0xff; 12]).as_str(), "////////////////");
    }

    proptest! {
        #[test]
        fn compounds_are_half_to_one_and_a_half_intervals_apart(seed: u64, start in 0..1u64 << 50) {
            let mut schedule = ReportSchedule::new(seed, Time(start));
            let first = schedule.poll_timeout().saturating_since(Time(start));
            prop_assert!((INTERVAL / 4..=INTERVAL * 3 / 4).contains(&first));
            for _ in 0..20 {
                let now = schedule.poll_timeout();
                prop_assert!(schedule.poll(now));
                let wait = schedule.poll_timeout().saturating_since(now);
                prop_assert!((INTERVAL / 2..=INTERVAL * 3 / 2).contains(&wait));
            }
        }
    }
}
