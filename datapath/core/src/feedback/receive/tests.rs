//! The figures of RFC 3550 appendix A, and the report blocks of whole conversations.

use proptest::prelude::*;

use super::*;

const HZ: u32 = 90_000;

const fn ms(value: u64) -> Time {
    Time(value * 1_000_000)
}

/// A reception that was told of `sequences`, one frame of 30 a second each, arriving on time.
fn received(sequences: impl IntoIterator<Item = u64>) -> Reception {
    let mut reception = Reception::new(HZ);
    for sequence in sequences {
        reception.received(sequence, sequence as u32 * 3000, Time(sequence * 1_000_000_000 / 30));
    }
    reception
}

fn block(reception: &mut Reception, now: Time) -> ReportBlock {
    reception.report(9, now).expect("a packet was received")
}

#[test]
fn nothing_is_reported_before_the_first_packet() {
    assert_eq!(Reception::new(HZ).report(9, ms(1000)), None);
}

#[test]
fn a_stream_without_loss_and_jitter_is_reported_so() {
    let mut reception = received(70_000..70_100);
    let block = block(&mut reception, ms(0));
    assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 0));
    assert_eq!(block.highest_sequence, 70_099 - 65_536, "cycles are counted from the first packet");
    assert!(block.jitter <= 1, "rounding only");
    assert_eq!((block.last_sender_report, block.delay_since_last_sender_report), (0, 0));
}

#[test]
fn fraction_lost_is_of_the_interval_and_cumulative_loss_of_all_time() {
    let mut reception = received((0..100).filter(|sequence| sequence % 4 != 1));
    let first = block(&mut reception, ms(0));
    assert_eq!((first.fraction_lost, first.cumulative_lost), (64, 25));
    for sequence in 100..200 {
        reception.received(sequence, 0, ms(0));
    }
    let second = block(&mut reception, ms(0));
    assert_eq!((second.fraction_lost, second.cumulative_lost), (0, 25));
    for sequence in (200..300).step_by(2).chain([300]) {
        reception.received(sequence, 0, ms(0));
    }
    let third = block(&mut reception, ms(0));
    assert_eq!((third.fraction_lost, third.cumulative_lost), (126, 75));
}

#[test]
fn a_late_packet_is_not_lost() {
    let mut reception = received([10, 11, 13, 14]);
    assert_eq!(reception.lost(), 1);
    reception.received(12, 0, ms(0));
    assert_eq!(reception.lost(), 0);
}

#[test]
fn a_packet_older_than_the_first_belongs_to_the_stream() {
    let reception = received([10, 11, 9, 8]);
    assert_eq!((reception.lost(), reception.packets()), (0, 4));
}

#[test]
fn one_far_jump_is_ignored_and_two_in_a_row_are_a_restart() {
    let mut reception = received([10, 11, 9000, 12]);
    assert_eq!(block(&mut reception, ms(0)).highest_sequence, 12);
    reception.received(20_000, 0, ms(0));
    reception.received(20_001, 0, ms(0));
    reception.received(20_003, 0, ms(0));
    let block = block(&mut reception, ms(0));
    assert_eq!((block.highest_sequence, block.cumulative_lost), (20_003, 1));
}

#[test]
fn jitter_follows_appendix_a_8() {
    let mut reception = Reception::new(HZ);
    reception.received(1, 0, ms(0));
    reception.received(2, 3000, Time(33_333_334 + 10_000_000));
    assert_eq!(block(&mut reception, ms(0)).jitter, 900 / 16);
    assert_eq!(reception.jitter(), Duration::from_nanos(56 * 1_000_000_000 / 90_000));
}

#[test]
fn packets_of_one_frame_paced_over_time_are_no_jitter() {
    let mut reception = Reception::new(HZ);
    for frame in 0..30 {
        for packet in 0..5 {
            reception.received(
                frame * 5 + packet,
                frame as u32 * 9000,
                ms(frame * 100 + packet * 7),
            );
        }
    }
    assert_eq!(reception.jitter(), Duration::ZERO);
}

#[test]
fn a_packet_of_an_older_frame_is_no_measure_of_jitter() {
    let mut reception = received((0..100).filter(|sequence| *sequence != 98));
    let before = reception.jitter();
    reception.received(98, 98 * 3000, ms(5000));
    assert_eq!(reception.jitter(), before);
}

#[test]
fn publisher_that_slept_does_not_spoil_the_jitter() {
    let mut reception = received(0..100);
    reception.received(100, 300_000, ms(60_000));
    assert!(reception.jitter() < Duration::from_millis(1));
}

#[test]
fn block_answers_the_last_sender_report() {
    let mut reception = received(0..3);
    reception.sender_report(Ntp(0x1234_5678_9abc_def0), ms(1000));
    let block = block(&mut reception, ms(1250));
    assert_eq!(
        (block.last_sender_report, block.delay_since_last_sender_report),
        (0x5678_9abc, 0x4000)
    );
}

proptest! {
    #[test]
    fn lost_is_what_was_expected_less_what_came_in_whatever_order(
        first in 100u64..200_000,
        mut present in prop::collection::vec(any::<bool>(), 1..500),
        swaps in prop::collection::vec((0usize..500, 0usize..8), 0..50),
    ) {
        present[0] = true;
        let mut order: Vec<u64> = (first..).zip(&present).filter(|(_, p)| **p).map(|(s, _)| s).collect();
        for (at, by) in swaps {
            let at = at % order.len();
            let other = (at + by).min(order.len() - 1);
            order.swap(at, other);
        }
        let mut reception = Reception::new(HZ);
        for sequence in &order {
            reception.received(*sequence, 0, ms(0));
        }
        let span = order.iter().max().expect("not empty") - first + 1;
        prop_assert_eq!(reception.packets(), order.len() as u64);
        prop_assert_eq!(reception.lost(), span as i64 - order.len() as i64);
    }

    #[test]
    fn no_packet_and_no_moment_can_break_it(
        packets in prop::collection::vec((any::<u64>(), any::<u32>(), any::<u64>()), 1..50),
        ntp: u64, at: u64, now: u64,
    ) {
        let mut reception = Reception::new(HZ);
        for (sequence, timestamp, now) in packets {
            reception.received(sequence, timestamp, Time(now));
            reception.sender_report(Ntp(ntp), Time(at));
            let _ = reception.report(1, Time(now));
        }
        let _ = reception.report(1, Time(now));
        let _ = reception.jitter();
    }
}
