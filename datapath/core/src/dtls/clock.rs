//! Between our time and the DTLS crate's. The crate wants `std::time::Instant`, which only the
//! operating system can make, so the shell hands in one pair of the same moment.

use std::time::{Duration, Instant};

use crate::Time;

/// One moment, as both clocks call it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    instant: Instant,
    time: Time,
}

/// No timer of ours is longer. The crate says "in ten years" where it needs none.
const NEVER: Duration = Duration::from_secs(24 * 3600);

impl Clock {
    /// `instant` and `time` are the same moment. No later call may tell an earlier time.
    #[must_use]
    pub const fn new(instant: Instant, time: Time) -> Self {
        Self { instant, time }
    }

    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.instant + time.saturating_since(self.time)
    }

    /// The moment of a timer, `None` if it is so far from `now` that it is none.
    pub(crate) fn due(&self, instant: Instant, now: Time) -> Option<Time> {
        let time = self.time.plus(instant.saturating_duration_since(self.instant));
        (time.saturating_since(now) < NEVER).then_some(time)
    }
}

impl From<(Instant, Time)> for Clock {
    fn from((instant, time): (Instant, Time)) -> Self {
        Self::new(instant, time)
    }
}
