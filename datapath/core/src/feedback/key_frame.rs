//! When to ask a publisher for a key frame (RFC 4585 section 6.3.1, PLI), one machine per received
//! SSRC of video.
//!
//! Many subscribers want a key frame at the same moment: all who join, all who lost. Each would ask;
//! the publisher hears one question, and hears it again until the answer came. This machine knows
//! when to ask. It writes no packet and does not know who wanted what.

use std::time::Duration;

use crate::time::Time;

/// The least time between two questions to one encoder, and the time an answer may take before the
/// question is repeated. A key frame costs as much as a second of ordinary picture: a lower value
/// lets one subscriber with a bad line spoil the picture of all, a higher one keeps a late comer
/// in the dark for longer.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// How often one request is put to the publisher. Lower: a burst of loss on the publisher's line
/// leaves subscribers without a picture. Higher: a publisher that cannot answer (camera covered by
/// the operating system, page in the background) is asked in vain for longer.
pub const MAX_TRIES: u8 = 8;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody waits, or the publisher did not answer `MAX_TRIES` questions.
    Idle,
    /// The next question leaves at `due`; `tries` have left for this request.
    Wanted { due: Time, tries: u8 },
}

/// The throttle of one encoder.
#[derive(Clone, Debug)]
pub struct KeyFrameThrottle {
    state: State,
    last_sent: Option<Time>,
}

impl KeyFrameThrottle {
    /// Nobody waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Idle, last_sent: None }
    }

    /// Somebody needs a key frame that begins after `now`. Joins a request that is already open, and
    /// gives it its full number of tries again.
    pub fn request(&mut self, now: Time) {
        let due = match self.state {
            State::Wanted { due, .. } => due,
            State::Idle => self.earliest(now),
        };
        self.state = State::Wanted { due, tries: 0 };
    }

    /// The first packet of a key frame arrived: everybody who waited is served.
    pub const fn key_frame_arrived(&mut self) {
        self.state = State::Idle;
    }

    /// Whether a question leaves now.
    #[must_use = "the question is counted as sent"]
    pub fn poll(&mut self, now: Time) -> bool {
        let State::Wanted { due, tries } = self.state else {
            return false;
        };
        if now < due {
            return false;
        }
        let tries = tries + 1;
        self.last_sent = Some(now);
        self.state = if tries < MAX_TRIES {
            State::Wanted { due: now.plus(INTERVAL), tries }
        } else {
            State::Idle
        };
        true
    }

    /// When `poll` has something to say, if nothing else happens.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            State::Idle => None,
            State::Wanted { due, .. } => Some(due),
        }
    }

    /// At once, unless a question left less than `INTERVAL` ago.
    fn earliest(&self, now: Time) -> Time {
        self.last_sent.map_or(now, |sent| sent.plus(INTERVAL).max(now))
    }
}

impl Default for KeyFrameThrottle {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(value: u64) -> Time {
        Time(value * 1_000_000)
    }

    /// Milliseconds at which questions leave between `from` and `to`, the machine being woken only
    /// when it asked to be.
    fn questions(throttle: &mut KeyFrameThrottle, to: u64) -> Vec<u64> {
        let mut sent = Vec::new();
        while let Some(at) = throttle.poll_timeout().filter(|at| *at <= ms(to)) {
            if throttle.poll(at) {
                sent.push(at.0 / 1_000_000);
            }
        }
        sent
    }

    #[test]
    fn first_request_leaves_at_once() {
        let mut throttle = KeyFrameThrottle::new();
        throttle.request(ms(1000));
        assert!(throttle.poll(ms(1000)));
        assert!(!throttle.poll(ms(1000)));
    }

    #[test]
    fn requests_within_the_interval_leave_as_one_at_its_end() {
        let mut throttle = KeyFrameThrottle::new();
        throttle.request(ms(1000));
        assert!(throttle.poll(ms(1000)));
        throttle.key_frame_arrived();
        for at in [1100, 1200, 1300] {
            throttle.request(ms(at));
            assert!(!throttle.poll(ms(at)));
        }
        assert_eq!(throttle.poll_timeout(), Some(ms(1500)));
        assert_eq!(questions(&mut throttle, 1600), [1500]);
    }

    #[test]
    fn question_is_repeated_until_a_key_frame_arrives() {
        let mut throttle = KeyFrameThrottle::new();
        throttle.request(ms(0));
        assert_eq!(questions(&mut throttle, 1200), [0, 500, 1000]);
        throttle.key_frame_arrived();
        assert_eq!(throttle.poll_timeout(), None);
        assert!(!throttle.poll(ms(5000)));
    }

    #[test]
    fn request_made_while_one_is_open_is_served_by_the_same_key_frame() {
        let mut throttle = KeyFrameThrottle::new();
        throttle.request(ms(0));
        assert!(throttle.poll(ms(0)));
        throttle.request(ms(30));
        throttle.key_frame_arrived();
        assert_eq!(throttle.poll_timeout(), None);
    }

    #[test]
    fn tries_of_a_request_are_bounded_and_a_new_request_starts_again() {
        let mut throttle = KeyFrameThrottle::new();
        throttle.request(ms(0));
        assert_eq!(questions(&mut throttle, 60_000).len(), usize::from(MAX_TRIES));
        assert_eq!(throttle.poll_timeout(), None);
        throttle.request(ms(70_000));
        assert_eq!(questions(&mut throttle, 70_000), [70_000]);
    }

    #[test]
    fn request_made_while_one_is_open_renews_its_tries() {
        let mut throttle = KeyFrameThrottle::new();
        throttle.request(ms(0));
        assert_eq!(questions(&mut throttle, 2999).len(), 6);
        throttle.request(ms(2999));
        assert_eq!(questions(&mut throttle, 60_000).len(), usize::from(MAX_TRIES));
    }

    #[test]
    fn a_flood_of_requests_never_sends_more_than_two_a_second() {
        let mut throttle = KeyFrameThrottle::new();
        let mut sent = 0;
        for at in 0..10_000 {
            throttle.request(ms(at));
            if throttle.poll(ms(at)) {
                sent += 1;
                throttle.key_frame_arrived();
            }
        }
        assert_eq!(sent, 20);
    }
}
