//! NTP timestamps as RTCP carries them (RFC 3550 section 4), and how our own are made.
//!
//! Not a clock: it converts moments that the machine is told.

use std::time::Duration;

use crate::time::Time;

/// 32.32 fixed point: seconds since 1900 in the upper half, fractions in the lower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ntp(pub u64);

impl Ntp {
    /// The middle 32 bits, as LSR carries them: units of 1/65536 s.
    #[must_use]
    pub const fn compact(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// `self - earlier` in nanoseconds, right across the wrap of the seconds in 2036.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        let units = self.0.wrapping_sub(earlier.0) as i64;
        ((units as i128 * 1_000_000_000) >> 32) as i64
    }
}

/// Turns our monotonic moments into NTP timestamps: one per worker, the same for all transports, so
/// that what one subscriber receives from several publishers is on one time line.
#[derive(Clone, Copy, Debug, Default)]
pub struct NtpClock {
    at_zero: u64,
}

impl NtpClock {
    /// `at_zero` is the NTP timestamp of `Time(0)`. RFC 3550 section 4 allows a sender without wall
    /// clock to count elapsed time instead: that is `NtpClock::default()`.
    #[must_use]
    pub const fn new(at_zero: Ntp) -> Self {
        Self { at_zero: at_zero.0 }
    }

    /// The NTP timestamp of `now`.
    #[must_use]
    pub const fn at(self, now: Time) -> Ntp {
        let seconds = now.0 / 1_000_000_000;
        let fraction = ((now.0 % 1_000_000_000) << 32) / 1_000_000_000;
        Ntp(self.at_zero.wrapping_add((seconds << 32) | fraction))
    }
}

/// A span as DLSR carries it: units of 1/65536 s, at most 18 hours.
#[must_use]
pub const fn compact_span(span: Duration) -> u32 {
    let units = (span.as_nanos() << 16) / 1_000_000_000;
    if units > u32::MAX as u128 { u32::MAX } else { units as u32 }
}

/// Round trip to the sender of a report block (RFC 3550 section 6.4.1): `now - LSR - DLSR`.
///
/// `None` where the remote has not heard a sender report of ours yet, and where its figures give a
/// negative time or more than 10 s: its clock is wrong or it lies, and neither may steer us.
#[must_use]
pub fn round_trip(now: Ntp, last_sr: u32, delay_since_last_sr: u32) -> Option<Duration> {
    const LONGEST: u32 = 10 << 16;
    if last_sr == 0 {
        return None;
    }
    let units = now.compact().wrapping_sub(last_sr).wrapping_sub(delay_since_last_sr);
    // One unit below zero is rounding, not a lie.
    let units = if units == u32::MAX { 0 } else { units };
    (units <= LONGEST).then(|| Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_second_and_a_half_is_one_in_the_upper_half_and_half_of_the_lower() {
        assert_eq!(NtpClock::default().at(Time(1_500_000_000)), Ntp(0x1_8000_0000));
    }

    #[test]
    fn round_trip_of_the_example_in_rfc_3550_is_6_125_seconds() {
        // Figure 2 of section 6.4.1: A = b710:8000, DLSR = 0005.4000, LSR = b705:2000.
        let now = Ntp(0xb44d_b710_8000_0000);
        assert_eq!(round_trip(now, 0xb705_2000, 0x0005_4000), Some(Duration::from_millis(6125)));
    }

    #[test]
    fn round_trip_is_unknown_before_the_remote_heard_a_report_and_when_it_cannot_be() {
        let now = Ntp(100 << 32);
        assert_eq!(round_trip(now, 0, 0), None);
        assert_eq!(round_trip(now, now.compact() + 65_536, 0), None);
        assert_eq!(round_trip(now, now.compact() - (60 << 16), 0), None);
    }

    #[test]
    fn difference_holds_across_the_wrap_of_2036() {
        let before = Ntp(u64::MAX - (1 << 32) + 1);
        let after = Ntp(1 << 32);
        assert_eq!(after.nanos_since(before), 2_000_000_000);
        assert_eq!(before.nanos_since(after), -2_000_000_000);
    }

    proptest! {
        #[test]
        fn our_timestamps_advance_with_our_time(at in 0u64..1 << 60, span in 0u64..1 << 60, zero: u64) {
            let clock = NtpClock::new(Ntp(zero));
            let measured = clock.at(Time(at + span)).nanos_since(clock.at(Time(at)));
            prop_assert!((measured - span as i64).abs() <= 1);
        }
    }
}
