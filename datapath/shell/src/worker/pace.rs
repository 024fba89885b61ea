//! When a worker drains its sockets next. While packets come fast it sleeps a tick between drains,
//! so that they arrive, are sealed and leave in batches; while they come slowly it takes each at
//! once. Pure: told the time and the number of packets.

use std::time::Duration;

use datapath_core::Time;

/// Sleep between drains under load. Higher batches more (at 20 000 packets a second, measured: none
/// 12 us a packet, 1 ms 2.4 us, 2 ms 2.0 us); lower delays packets less.
const TICK: Duration = Duration::from_millis(1);
/// Packets a second from which the tick is worth its delay. Higher keeps small installations at the
/// lowest delay; lower saves wake-ups earlier.
const BUSY_PPS: u64 = 5_000;
/// And below which it is given up: lower, so that a rate near the bound does not flutter.
const QUIET_PPS: u64 = 4_000;
/// Over which the rate is measured. Longer reacts later to a new talker; shorter takes one picture's
/// burst for load.
const WINDOW: Duration = Duration::from_millis(50);

/// The measured rate and what follows from it.
pub(crate) struct Pace {
    window_began: Time,
    packets: u64,
    busy: bool,
}

impl Pace {
    pub(crate) const fn new(now: Time) -> Self {
        Self { window_began: now, packets: 0, busy: false }
    }

    /// Tells how many packets a drain brought.
    pub(crate) fn drained(&mut self, now: Time, packets: usize) {
        self.packets += packets as u64;
        let span = now.saturating_since(self.window_began);
        if span < WINDOW {
            return;
        }
        let pps = u128::from(self.packets) * 1_000_000_000 / span.as_nanos().max(1);
        let bound = if self.busy { QUIET_PPS } else { BUSY_PPS };
        self.busy = pps > u128::from(bound);
        self.window_began = now;
        self.packets = 0;
    }

    /// The time before which the sockets are left alone, if the worker is busy enough for a tick
    /// that began with the drain at `drained`.
    pub(crate) fn next_drain(&self, drained: Time) -> Option<Time> {
        self.busy.then(|| drained.plus(TICK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace_after(pps: u64, seconds: u64, mut pace: Pace, from: Time) -> (Pace, Time) {
        let mut now = from;
        for _ in 0..seconds * 1000 {
            now = now.plus(Duration::from_millis(1));
            pace.drained(now, usize::try_from(pps / 1000).expect("small"));
        }
        (pace, now)
    }

    #[test]
    fn slow_packets_are_taken_at_once() {
        let (pace, now) = pace_after(2_000, 1, Pace::new(Time(0)), Time(0));
        assert_eq!(pace.next_drain(now), None);
    }

    #[test]
    fn fast_packets_wait_for_the_tick_and_no_longer_than_1_ms() {
        let (pace, now) = pace_after(20_000, 1, Pace::new(Time(0)), Time(0));
        assert_eq!(pace.next_drain(now), Some(now.plus(Duration::from_millis(1))));
    }

    #[test]
    fn a_rate_between_the_bounds_keeps_what_was() {
        let (busy, now) = pace_after(20_000, 1, Pace::new(Time(0)), Time(0));
        // One window still holds packets of the faster time; after it the rate is near the bound.
        let (busy, now) = pace_after(5_000, 1, busy, now);
        assert!(busy.next_drain(now).is_some());
        let (quiet, now) = pace_after(5_000, 1, Pace::new(now), now);
        assert_eq!(quiet.next_drain(now), None);
    }

    #[test]
    fn the_tick_ends_when_the_load_does() {
        let (pace, now) = pace_after(20_000, 1, Pace::new(Time(0)), Time(0));
        let (pace, now) = pace_after(1_000, 1, pace, now);
        assert_eq!(pace.next_drain(now), None);
    }
}
