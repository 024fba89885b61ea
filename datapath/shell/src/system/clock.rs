//! CLOCK_MONOTONIC, the one base of time of both planes. Only the shell reads it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datapath_core::Time;
use datapath_core::feedback::ntp::Ntp;

/// From 1900 to 1970 (RFC 5905 section 6).
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// Now.
pub(crate) fn now() -> Time {
    let mut spec = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `spec` is a valid timespec for the call to fill. CLOCK_MONOTONIC exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut spec) };
    Time(spec.tv_sec as u64 * 1_000_000_000 + spec.tv_nsec as u64)
}

/// NTP time at `Time(0)`, given the wall clock at `now`. Reports need differences to be true and the
/// whole to be near, so it is read once and never stepped.
pub(crate) fn ntp_at_zero(wall: SystemTime, now: Time) -> Ntp {
    let since_1970 = wall.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let at_zero = since_1970.saturating_sub(Duration::from_nanos(now.0));
    let fraction = (u64::from(at_zero.subsec_nanos()) << 32) / 1_000_000_000;
    // The era's wrap in 2036 is the format's own.
    Ntp(((at_zero.as_secs() + NTP_TO_UNIX_S) << 32) | fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900_in_units_of_2_to_the_minus_32() {
        let wall = UNIX_EPOCH + Duration::from_millis(10_500);
        let Ntp(at_zero) = ntp_at_zero(wall, Time(10_000_000_000));
        assert_eq!(at_zero, (NTP_TO_UNIX_S << 32) | (1 << 31));
    }
}
