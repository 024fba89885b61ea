//! Conversations with a publisher on fake time, and rules that hold for all of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const RTT: Duration = Duration::from_millis(40);

const fn ms(value: u64) -> Time {
    Time(value * 1_000_000)
}

fn generator() -> NackGenerator {
    NackGenerator::new(VIDEO_AGE)
}

/// What is asked for at `at` milliseconds.
fn asked(generator: &mut NackGenerator, at: u64) -> Vec<u16> {
    let mut out = Vec::new();
    assert_eq!(generator.poll(ms(at), RTT, &mut out), Repair::Possible);
    out
}

fn receive(generator: &mut NackGenerator, sequences: &[u64], at: u64) {
    for sequence in sequences {
        assert_eq!(generator.received(*sequence, ms(at)), Repair::Possible);
    }
}

#[test]
fn nothing_is_asked_for_while_nothing_is_missing() {
    let mut generator = generator();
    receive(&mut generator, &[65_535, 65_536, 65_537], 0);
    assert_eq!(generator.poll_timeout(), None);
    assert_eq!(asked(&mut generator, 5000), []);
}

#[test]
fn a_packet_that_was_merely_overtaken_is_not_asked_for() {
    let mut generator = generator();
    receive(&mut generator, &[10, 12], 0);
    assert_eq!(asked(&mut generator, 5), []);
    receive(&mut generator, &[11, 13], 6);
    assert_eq!(asked(&mut generator, 100), []);
}

#[test]
fn a_gap_is_asked_for_when_the_second_newer_packet_arrives() {
    let mut generator = generator();
    receive(&mut generator, &[10, 12], 0);
    assert_eq!(asked(&mut generator, 0), []);
    receive(&mut generator, &[13], 1);
    assert_eq!(generator.poll_timeout(), Some(ms(1)));
    assert_eq!(asked(&mut generator, 1), [11]);
}

#[test]
fn a_gap_that_nothing_follows_is_asked_for_after_10_ms() {
    let mut generator = generator();
    receive(&mut generator, &[10, 12], 0);
    assert_eq!(generator.poll_timeout(), Some(ms(10)));
    assert_eq!(asked(&mut generator, 10), [11]);
}

#[test]
fn several_packets_missing_in_a_row_are_asked_for_at_once() {
    let mut generator = generator();
    receive(&mut generator, &[65_533, 65_537], 0);
    assert_eq!(asked(&mut generator, 0), [65_534, 65_535, 0]);
}

#[test]
fn requests_are_repeated_a_round_trip_apart_then_slower() {
    let mut generator = generator();
    receive(&mut generator, &[10, 13], 0);
    let mut times = Vec::new();
    while let Some(at) = generator.poll_timeout().filter(|at| *at < ms(400)) {
        times.push(at.0 / 1_000_000);
        assert_eq!(asked(&mut generator, at.0 / 1_000_000), [11, 12]);
    }
    assert_eq!(times, [0, 40, 90, 150, 220, 300, 390]);
}

#[test]
fn what_came_back_is_not_asked_for_again_and_measures_the_round_trip() {
    let mut generator = generator();
    receive(&mut generator, &[10, 13], 0);
    assert_eq!(asked(&mut generator, 0), [11, 12]);
    assert_eq!(generator.recovered(11, ms(35)), Some(Duration::from_millis(35)));
    assert_eq!(generator.recovered(11, ms(36)), None, "an answer that comes twice");
    assert_eq!(asked(&mut generator, 40), [12]);
    assert_eq!(generator.recovered(12, ms(75)), None, "answer to which of two requests?");
    assert_eq!(generator.poll_timeout(), None);
}

#[test]
fn a_packet_never_answered_is_given_up_after_its_age() {
    for age in [VIDEO_AGE, AUDIO_AGE] {
        let mut generator = NackGenerator::new(age);
        receive(&mut generator, &[10, 12], 0);
        let mut tries = 0;
        let given_up = loop {
            let at = generator.poll_timeout().expect("still missing");
            let mut out = Vec::new();
            if generator.poll(at, Duration::from_millis(150), &mut out) == Repair::GivenUp {
                break at;
            }
            tries += out.len();
        };
        assert_eq!(given_up, Time(0).plus(age));
        assert!((3..=usize::from(MAX_TRIES)).contains(&tries));
        assert_eq!(generator.poll_timeout(), None);
    }
}

#[test]
fn a_packet_is_asked_for_ten_times_at_most() {
    let mut generator = generator();
    receive(&mut generator, &[10, 13], 0);
    let mut out = Vec::new();
    while let Some(at) = generator.poll_timeout() {
        let _ = generator.poll(at, Duration::ZERO, &mut out);
    }
    assert_eq!(out.len(), 2 * usize::from(MAX_TRIES));
}

#[test]
fn a_jump_beyond_repair_asks_for_nothing_and_says_so() {
    let mut generator = generator();
    receive(&mut generator, &[10, 13], 0);
    let beyond = 13 + MAX_MISSING as u64;
    assert_eq!(generator.received(beyond, ms(1)), Repair::GivenUp);
    assert_eq!(asked(&mut generator, 1), []);
    receive(&mut generator, &[beyond + 1, beyond + 3], 2);
    assert_eq!(asked(&mut generator, 12), [(beyond + 2) as u16], "later gaps are asked for again");
}

/// What happens to a packet on its way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    /// Comes this many packets later.
    Late(u8),
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        8 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        1 => (1u8..20).prop_map(Fate::Late),
    ];
    prop::collection::vec(fate, 1..400)
}

/// Sequence numbers in order of arrival.
fn arrivals(first: u64, fates: &[Fate]) -> Vec<u64> {
    let mut order: Vec<(u64, u64)> = Vec::new();
    for (sequence, fate) in (first..).zip(fates) {
        match fate {
            Fate::Arrives => order.push((sequence * 2, sequence)),
            Fate::Late(by) => order.push((sequence * 2 + u64::from(*by) * 2 + 1, sequence)),
            Fate::Lost => {}
        }
    }
    order.sort_unstable();
    order.into_iter().map(|(_, sequence)| sequence).collect()
}

proptest! {
    #[test]
    fn only_what_has_not_arrived_is_asked_for_and_all_of_it(
        first in 0u64..200_000, fates in fates(), apart in 1u64..8,
    ) {
        let mut generator = generator();
        let mut seen = BTreeSet::new();
        let mut wanted = BTreeSet::new();
        let order = arrivals(first, &fates);
        let mut now = 0;
        for sequence in &order {
            now += apart;
            seen.insert(*sequence as u16);
            prop_assert_eq!(generator.received(*sequence, ms(now)), Repair::Possible);
            let mut out = Vec::new();
            let repair = generator.poll(ms(now), RTT, &mut out);
            prop_assert!(out.iter().all(|sequence| !seen.contains(sequence)));
            wanted.extend(out);
            if repair == Repair::GivenUp {
                return Ok(());
            }
        }
        let mut out = Vec::new();
        let _ = generator.poll(ms(now + 10), RTT, &mut out);
        wanted.extend(out);
        let (Some(lowest), Some(highest)) = (order.first(), order.iter().max()) else { return Ok(()) };
        for sequence in *lowest..*highest {
            let sequence = sequence as u16;
            prop_assert!(seen.contains(&sequence) || wanted.contains(&sequence), "{}", sequence);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_timeout_never_lies(
        steps in prop::collection::vec((0u64..3000, 0u64..30), 1..300),
    ) {
        let mut generator = generator();
        let mut now = 0;
        for (sequence, later) in steps {
            now += later;
            let _ = generator.received(1_000_000 + sequence, ms(now));
            prop_assert!(generator.missing() <= MAX_MISSING);
            prop_assert_eq!(generator.poll_timeout().is_some(), generator.missing() > 0);
            let due = generator.poll_timeout().is_some_and(|at| at <= ms(now));
            let mut out = Vec::new();
            let _ = generator.poll(ms(now), RTT, &mut out);
            prop_assert!(due || out.is_empty());
            prop_assert!(generator.poll_timeout().is_none_or(|at| at > ms(now)));
        }
    }
}
