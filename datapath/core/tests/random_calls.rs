//! Calls told at random: whatever is lost, late, repaired, repeated, padded, paused, removed or
//! added, each subscriber hears what was published, each packet under one number, in order, without
//! a gap of our making, and nobody hears what no row allows.

mod house;
mod story;

use proptest::collection::vec;
use proptest::prelude::*;
use story::{Call, step};

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn subscribers_hear_what_was_published_and_nothing_else(
        first in prop_oneof![
            Just([100, 200, 300]),
            any::<[u16; 3]>(),
            Just([65_530, 65_500, 65_535]),
        ],
        steps in vec(step(), 1..150),
    ) {
        let mut call = Call::new(first);
        for step in steps {
            call.take(step);
        }
    }
}
