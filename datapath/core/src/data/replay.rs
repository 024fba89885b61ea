//! Messages kept for receivers that are still joining: told of a participant before its channel is
//! open, they would miss what is said meanwhile. Bounded by bytes and age; one per room, and empty
//! while nobody is joining.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::Time;

/// Most bytes kept in one room. Higher loses less when much is said; it is memory that anybody who
/// may publish can fill while somebody joins.
pub(super) const BYTES_MAX: usize = 1 << 20;
/// Clients give up connecting after 15 s.
const AGE_MAX: Duration = Duration::from_secs(15);

/// A message that was sent, with its stamp.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    number: u64,
    at: Time,
    /// Identity of the sender; `None`: the control plane.
    pub(crate) sender: Option<Box<str>>,
    pub(crate) group: Box<str>,
    pub(crate) message: Bytes,
}

/// The messages of one room.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    kept: VecDeque<Kept>,
    bytes: usize,
    next: u64,
}

impl Replay {
    /// The number of the next message: a receiver that begins to join now wants those from it on.
    pub(crate) const fn next_number(&self) -> u64 {
        self.next
    }

    /// Keeps a message. Returns how many are forgotten for it.
    pub(crate) fn keep(
        &mut self,
        now: Time,
        sender: Option<&str>,
        group: &str,
        message: Bytes,
    ) -> u64 {
        let mut forgotten = self.forget_old(now);
        while self.bytes + message.len() > BYTES_MAX && self.forget_first() {
            forgotten += 1;
        }
        self.bytes += message.len();
        let (sender, group) = (sender.map(Into::into), group.into());
        self.kept.push_back(Kept { number: self.next, at: now, sender, group, message });
        self.next += 1;
        forgotten
    }

    /// What a receiver that has been joining since that number is still to be told, in order.
    pub(crate) fn since(&self, now: Time, number: u64) -> Vec<Kept> {
        let wanted = self.kept.iter().filter(|kept| kept.number >= number);
        wanted.filter(|kept| now.saturating_since(kept.at) <= AGE_MAX).cloned().collect()
    }

    /// Nobody is joining.
    pub(crate) fn clear(&mut self) {
        self.kept = VecDeque::new();
        self.bytes = 0;
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn forget_old(&mut self, now: Time) -> u64 {
        let mut forgotten = 0;
        while self.kept.front().is_some_and(|kept| now.saturating_since(kept.at) > AGE_MAX)
            && self.forget_first()
        {
            forgotten += 1;
        }
        forgotten
    }

    fn forget_first(&mut self) -> bool {
        let Some(first) = self.kept.pop_front() else { return false };
        self.bytes -= first.message.len();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Time {
        Time(s * 1_000_000_000)
    }

    fn lengths(kept: &[Kept]) -> Vec<usize> {
        kept.iter().map(|kept| kept.message.len()).collect()
    }

    #[test]
    fn a_receiver_is_told_what_came_since_it_began_to_join() {
        let mut replay = Replay::default();
        replay.keep(at(0), Some("a"), "reliable", Bytes::from(vec![0; 1]));
        let since = replay.next_number();
        replay.keep(at(1), Some("a"), "reliable", Bytes::from(vec![0; 2]));
        assert_eq!(lengths(&replay.since(at(2), since)), [2]);
    }

    #[test]
    fn what_is_older_than_15_s_is_not_told_and_forgotten_with_the_next_message() {
        let mut replay = Replay::default();
        replay.keep(at(0), None, "reliable", Bytes::from(vec![0; 1]));
        assert!(replay.since(at(16), 0).is_empty());
        assert_eq!(replay.keep(at(16), None, "reliable", Bytes::from(vec![0; 2])), 1);
        assert_eq!(replay.bytes(), 2);
    }

    #[test]
    fn the_oldest_go_first_and_bytes_stay_below_1_mib() {
        let mut replay = Replay::default();
        let forgotten: u64 = (0..20)
            .map(|_| replay.keep(at(0), None, "reliable", Bytes::from(vec![0; 65_535])))
            .sum();
        assert_eq!(forgotten, 4);
        assert!(replay.bytes() <= BYTES_MAX);
    }
}
