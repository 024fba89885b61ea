//! From a source's sequence numbers to a leg's, and back.
//!
//! A leg's numbers run without gaps of our making: where a packet is withheld (a padding probe, a
//! pause, a change of source) the following ones move up. What was lost on the way to us stays a
//! gap, so that the subscriber asks for it and gets it under its own number when it arrives late.
//! Only the points at which the offset changed are kept, not the packets. A packet that is asked for
//! again leaves as it left first, so the offset of timestamps is kept beside that of numbers.

/// How many changes of offset are remembered. Each withheld packet is one; a NACK for a packet from
/// before the oldest cannot be answered.
const REMEMBERED: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Change {
    /// Source whose numbers these are.
    source: u32,
    /// From this number of the source on ...
    from: u64,
    /// ... this number of the leg, and so on one by one.
    to: u64,
    /// Added to their timestamps.
    timestamp_offset: u32,
}

/// What a packet of a source is on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    /// Added to its timestamp.
    pub(crate) timestamp_offset: u32,
}

/// What a leg's number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Original {
    pub(crate) source: u32,
    pub(crate) sequence: u64,
    pub(crate) timestamp_offset: u32,
}

#[derive(Debug)]
pub(crate) struct Renumber {
    changes: Vec<Change>,
    /// Highest number given out; the next new packet comes after it.
    highest: u64,
}

impl Renumber {
    /// The first packet will be `first`.
    pub(crate) const fn new(first: u64) -> Self {
        Self { changes: Vec::new(), highest: first - 1 }
    }

    /// From here on packets of `source` are sent, `sequence` being the next.
    pub(crate) fn start(&mut self, source: u32, sequence: u64, timestamp_offset: u32) {
        let to = self.highest + 1;
        self.remember(Change { source, from: sequence, to, timestamp_offset });
    }

    /// A packet that will not be sent. One older than the newest stays a gap.
    pub(crate) fn skip(&mut self, source: u32, sequence: u64) {
        let next = self.find(source, sequence).filter(|it| it.number > self.highest);
        let Some(Numbered { number: to, timestamp_offset }) = next else { return };
        // Numbers below are left for packets that are late.
        self.highest = to - 1;
        self.remember(Change { source, from: sequence + 1, to, timestamp_offset });
    }

    /// The leg's number of a packet; `None` for one from before the source was started.
    pub(crate) fn forward(&mut self, source: u32, sequence: u64) -> Option<Numbered> {
        let numbered = self.find(source, sequence)?;
        self.highest = self.highest.max(numbered.number);
        Some(numbered)
    }

    /// As `forward`, for a packet that fills a gap or is not sent at all.
    pub(crate) fn fill(&self, source: u32, sequence: u64) -> Option<Numbered> {
        self.find(source, sequence).filter(|it| it.number <= self.highest)
    }

    /// Whether a number is the highest so far.
    pub(crate) const fn is_highest(&self, number: u64) -> bool {
        number == self.highest
    }

    /// The packet behind a number of the leg.
    pub(crate) fn back(&self, to: u64) -> Option<Original> {
        if to > self.highest {
            return None;
        }
        let change = self.changes.iter().rev().find(|change| change.to <= to)?;
        Some(Original {
            source: change.source,
            sequence: change.from + (to - change.to),
            timestamp_offset: change.timestamp_offset,
        })
    }

    /// The extended number that a subscriber means by its lower 16 bits: the newest not above the
    /// highest.
    pub(crate) const fn extend(&self, low: u16) -> Option<u64> {
        let behind = (self.highest as u16).wrapping_sub(low) as u64;
        self.highest.checked_sub(behind)
    }

    fn find(&self, source: u32, sequence: u64) -> Option<Numbered> {
        let (at, change) = self
            .changes
            .iter()
            .enumerate()
            .rev()
            .find(|(_, change)| change.source == source && change.from <= sequence)?;
        let to = change.to + (sequence - change.from);
        // A number from before a later change must not reach into that change's range.
        match self.changes.get(at + 1) {
            Some(next) if to >= next.to => None,
            _ => Some(Numbered { number: to, timestamp_offset: change.timestamp_offset }),
        }
    }

    fn remember(&mut self, change: Change) {
        if let Some(last) = self.changes.last_mut()
            && (last.source, last.to) == (change.source, change.to)
        {
            *last = change;
            return;
        }
        if self.changes.len() == REMEMBERED {
            self.changes.remove(0);
        }
        self.changes.push(change);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn started(first: u64, sequence: u64) -> Renumber {
        let mut renumber = Renumber::new(first);
        renumber.start(0, sequence, 0);
        renumber
    }

    fn forward(renumber: &mut Renumber, source: u32, sequence: u64) -> Option<u64> {
        renumber.forward(source, sequence).map(|it| it.number)
    }

    fn back(renumber: &Renumber, number: u64) -> Option<(u32, u64)> {
        renumber.back(number).map(|it| (it.source, it.sequence))
    }

    #[test]
    fn numbers_run_on_where_a_packet_was_withheld() {
        let mut renumber = started(1000, 50);
        assert_eq!(forward(&mut renumber, 0, 50), Some(1000));
        renumber.skip(0, 51);
        assert_eq!(forward(&mut renumber, 0, 52), Some(1001));
        assert_eq!(forward(&mut renumber, 0, 51), None);
        assert_eq!([1000, 1001].map(|it| back(&renumber, it)), [Some((0, 50)), Some((0, 52))]);
    }

    #[test]
    fn a_late_packet_gets_the_number_that_was_left_for_it() {
        let mut renumber = started(1000, 50);
        forward(&mut renumber, 0, 50);
        assert_eq!(forward(&mut renumber, 0, 53), Some(1003));
        assert_eq!(forward(&mut renumber, 0, 51), Some(1001));
        assert_eq!(renumber.fill(0, 52).map(|it| it.number), Some(1002));
        assert_eq!(renumber.fill(0, 54), None, "nothing waits for it");
    }

    #[test]
    fn a_change_of_source_goes_on_after_the_highest() {
        let mut renumber = started(1000, 50);
        forward(&mut renumber, 0, 50);
        renumber.start(1, 9, 700);
        assert_eq!(
            renumber.forward(1, 9),
            Some(Numbered { number: 1001, timestamp_offset: 700 }),
            "on its own time line"
        );
        assert_eq!(forward(&mut renumber, 0, 51), None, "the old source ended");
        assert_eq!(
            renumber.back(1000),
            Some(Original { source: 0, sequence: 50, timestamp_offset: 0 }),
            "what left before left with the old source's timestamps"
        );
    }

    #[test]
    fn nothing_from_before_the_start_is_sent() {
        let mut renumber = started(1000, 50);
        assert_eq!(forward(&mut renumber, 0, 49), None);
    }

    proptest! {
        #[test]
        fn back_undoes_forward_and_no_number_is_given_twice(
            steps in prop::collection::vec((0u64..4, any::<bool>()), 1..200)
        ) {
            let mut renumber = Renumber::new(40_000);
            renumber.start(3, 100, 0);
            let (mut next, mut given) = (100, std::collections::HashMap::new());
            for (gap, withhold) in steps {
                next += gap;
                if withhold {
                    renumber.skip(3, next);
                } else if let Some(to) = forward(&mut renumber, 3, next) {
                    prop_assert_eq!(given.insert(to, next), None);
                    prop_assert_eq!(back(&renumber, to), Some((3, next)));
                    prop_assert_eq!(renumber.extend(to as u16), Some(to));
                }
                next += 1;
            }
        }
    }
}
