//! Which indices of one source were used, and which index a 16-bit sequence number means.
//! RFC 3711 sections 3.3.1 and 3.3.2; the bitmap is a ring, as in RFC 6479.

/// Whether an index was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    Used,
    /// Below the window: nobody remembers.
    TooOld,
}

/// The last `(WORDS - 1) * 64` indices below the highest one, a bit each.
///
/// One word is spare, so that moving on clears whole words.
#[derive(Debug)]
pub(super) struct Window<const WORDS: usize> {
    highest: u64,
    used: [u64; WORDS],
}

impl<const WORDS: usize> Window<WORDS> {
    const REACH: u64 = (WORDS as u64 - 1) * 64;

    /// A window in which only `first` was used.
    pub(super) const fn starting_at(first: u64) -> Self {
        let mut used = [0; WORDS];
        used[Self::word(first)] = 1 << (first % 64);
        Self { highest: first, used }
    }

    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    pub(super) const fn check(&self, index: u64) -> Freshness {
        if index > self.highest {
            Freshness::Fresh
        } else if self.highest - index >= Self::REACH {
            Freshness::TooOld
        } else if self.used[Self::word(index)] & 1 << (index % 64) != 0 {
            Freshness::Used
        } else {
            Freshness::Fresh
        }
    }

    /// Remembers an index that `check` called fresh.
    pub(super) fn mark(&mut self, index: u64) {
        if index > self.highest {
            let (old, new) = (self.highest / 64, index / 64);
            for word in (old + 1..=new).take(WORDS) {
                self.used[Self::word(word * 64)] = 0;
            }
            self.highest = index;
        }
        self.used[Self::word(index)] |= 1 << (index % 64);
    }

    const fn word(index: u64) -> usize {
        (index / 64 % WORDS as u64) as usize
    }
}

/// The 48-bit index that `sequence_number` most likely has, given the highest one so far.
///
/// RFC 3711 section 3.3.1: of ROC - 1, ROC and ROC + 1 the one whose index is nearest. `None` where
/// that would lie before the first packet or behind the last one possible.
pub(super) fn estimate_index(highest: u64, sequence_number: u16) -> Option<u64> {
    let distance = sequence_number.wrapping_sub(highest as u16);
    // -32768 itself is ambiguous; the RFC's comparison takes it as ahead while s_l < 2^15, behind
    // otherwise.
    let ahead = distance < 1 << 15 || (distance == 1 << 15 && highest as u16 >> 15 == 0);
    let index = if ahead {
        highest + u64::from(distance)
    } else {
        highest.checked_sub(u64::from(distance.wrapping_neg()))?
    };
    (index >> 48 == 0).then_some(index)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// RFC 3711 appendix A, as it is written there.
    fn appendix_a(highest: u64, sequence_number: u16) -> Option<u64> {
        let (roc, s_l) = ((highest >> 16) as i64, (highest & 0xffff) as i64);
        let seq = i64::from(sequence_number);
        let v = if s_l < 32768 {
            if seq - s_l > 32768 { roc - 1 } else { roc }
        } else if s_l - 32768 > seq {
            roc + 1
        } else {
            roc
        };
        u64::try_from(v << 16 | seq).ok().filter(|index| v >= 0 && index >> 48 == 0)
    }

    proptest! {
        #[test]
        fn the_index_is_estimated_as_appendix_a_says(highest in 0u64..1 << 48, number: u16) {
            prop_assert_eq!(estimate_index(highest, number), appendix_a(highest, number));
        }

        #[test]
        fn the_index_is_estimated_as_appendix_a_says_at_its_borders(
            roc in prop::sample::select(&[0u64, 1, 0xffff_ffff][..]),
            s_l in prop::sample::select(&[0u64, 1, 0x7fff, 0x8000, 0x8001, 0xffff][..]),
            number in prop::sample::select(&[0u16, 1, 2, 0x7fff, 0x8000, 0x8001, 0xffff][..]),
        ) {
            let highest = roc << 16 | s_l;
            prop_assert_eq!(estimate_index(highest, number), appendix_a(highest, number));
        }

        #[test]
        fn a_window_remembers_exactly_what_was_marked(
            first in 0u64..2000,
            moves in vec(prop_oneof![-300i64..300, -30i64..30, -3000i64..3000], 0..300),
        ) {
            let mut window = Window::<3>::starting_at(first);
            let mut used = HashSet::from([first]);
            for step in moves {
                let Some(index) = window.highest().checked_add_signed(step) else { continue };
                let expected = if window.highest() >= index + 128 {
                    Freshness::TooOld
                } else if used.contains(&index) {
                    Freshness::Used
                } else {
                    Freshness::Fresh
                };
                prop_assert_eq!(window.check(index), expected);
                if expected == Freshness::Fresh {
                    window.mark(index);
                    used.insert(index);
                }
            }
        }
    }
}
