//! What a publisher reads out of our feedback, compared with what we were told.

use std::collections::BTreeMap;

use datapath_wire::rtcp::{Rtcp, packets, transport_cc::TICK_NS};
use proptest::prelude::*;

use super::*;

const fn ms(value: u64) -> Time {
    Time(value * 1_000_000)
}

/// What one feedback packet says: base, and arrivals in ticks by number.
#[derive(Debug)]
struct Feedback {
    base: u16,
    count: u8,
    statuses: Vec<(u16, Option<i64>)>,
}

impl Feedback {
    fn numbers(&self, arrived: bool) -> Vec<u16> {
        self.statuses
            .iter()
            .filter(|status| status.1.is_some() == arrived)
            .map(|status| status.0)
            .collect()
    }
}

/// All feedback that is due now, read back.
fn feedback(recorder: &mut TransportCcRecorder, now: Time) -> Vec<Feedback> {
    let mut read = Vec::new();
    loop {
        let mut out = Vec::new();
        if !recorder.poll(now, 1, 2, &mut out) {
            return read;
        }
        assert!(out.len() <= 1200);
        let mut packets = packets(&out);
        let Some(Ok(Rtcp::TransportCc(packet))) = packets.next() else { panic!("no feedback") };
        assert_eq!((packet.sender_ssrc, packet.media_ssrc, packets.next()), (1, 2, None));
        read.push(Feedback {
            base: packet.base_sequence,
            count: packet.feedback_count,
            statuses: packet
                .statuses()
                .map(|status| (status.sequence, status.arrival_ticks))
                .collect(),
        });
    }
}

/// The only feedback that is due at the recorder's own time.
fn next_feedback(recorder: &mut TransportCcRecorder) -> Feedback {
    let at = recorder.poll_timeout().expect("arrivals wait");
    let mut read = feedback(recorder, at);
    assert_eq!(read.len(), 1);
    read.remove(0)
}

#[test]
fn nothing_is_said_before_anything_arrived() {
    let mut recorder = TransportCcRecorder::new();
    assert_eq!(recorder.poll_timeout(), None);
    assert!(feedback(&mut recorder, ms(1000)).is_empty());
}

#[test]
fn a_few_packets_are_reported_after_100_ms() {
    let mut recorder = TransportCcRecorder::new();
    for number in [5, 6, 8] {
        recorder.record(number, ms(1000 + u64::from(number)));
    }
    assert_eq!(recorder.poll_timeout(), Some(ms(1105)));
    let feedback = next_feedback(&mut recorder);
    assert_eq!(
        (feedback.base, feedback.numbers(true), feedback.numbers(false)),
        (5, vec![5, 6, 8], vec![7])
    );
    assert_eq!(feedback.statuses[1].1, Some(1006 * 4));
    assert_eq!(recorder.poll_timeout(), None);
}

#[test]
fn a_thousand_packets_a_second_are_reported_every_50_ms() {
    let mut recorder = TransportCcRecorder::new();
    let mut reports = Vec::new();
    for at in 0..300 {
        recorder.record(at as u16, ms(at));
        if !feedback(&mut recorder, ms(at)).is_empty() {
            reports.push(at);
        }
    }
    assert_eq!(reports, [50, 101, 152, 203, 254]);
}

#[test]
fn a_flood_is_reported_before_the_ring_is_full() {
    let mut recorder = TransportCcRecorder::new();
    let mut reported = 0;
    for number in 0..10_000u16 {
        recorder.record(number, ms(1));
        for feedback in feedback(&mut recorder, ms(1)) {
            reported += feedback.numbers(true).len();
        }
    }
    for feedback in feedback(&mut recorder, ms(200)) {
        reported += feedback.numbers(true).len();
    }
    assert_eq!(reported, 10_000);
}

#[test]
fn numbers_wrap_and_feedbacks_are_counted() {
    let mut recorder = TransportCcRecorder::new();
    recorder.record(65_534, ms(0));
    assert_eq!(next_feedback(&mut recorder).count, 0);
    recorder.record(0, ms(200));
    let feedback = next_feedback(&mut recorder);
    assert_eq!((feedback.base, feedback.count), (65_535, 1));
    assert_eq!(feedback.statuses, [(65_535, None), (0, Some(800))]);
}

#[test]
fn a_number_seen_before_keeps_its_first_arrival() {
    let mut recorder = TransportCcRecorder::new();
    recorder.record(9, ms(0));
    recorder.record(9, ms(50));
    assert_eq!(next_feedback(&mut recorder).statuses, [(9, Some(0))]);
    recorder.record(9, ms(150));
    assert_eq!(recorder.poll_timeout(), None, "nothing new to say");
}

#[test]
fn a_packet_late_after_its_loss_was_reported_is_reported_with_what_follows_it() {
    let mut recorder = TransportCcRecorder::new();
    recorder.record(1, ms(0));
    recorder.record(3, ms(1));
    assert_eq!(next_feedback(&mut recorder).numbers(false), [2]);
    recorder.record(2, ms(110));
    recorder.record(4, ms(120));
    let feedback = next_feedback(&mut recorder);
    assert_eq!(feedback.statuses, [(2, Some(440)), (3, Some(4)), (4, Some(480))]);
}

#[test]
fn a_jump_beyond_the_ring_begins_anew() {
    let mut recorder = TransportCcRecorder::new();
    recorder.record(1, ms(0));
    recorder.record(10_000, ms(1));
    assert_eq!(next_feedback(&mut recorder).statuses, [(10_000, Some(4))]);
}

#[test]
fn packets_far_too_late_are_ignored_until_they_show_a_restart() {
    let mut recorder = TransportCcRecorder::new();
    recorder.record(20_000, ms(0));
    for replayed in 0..100 {
        recorder.record(5000, ms(1));
        recorder.record(20_001 + replayed, ms(1));
    }
    assert_eq!(next_feedback(&mut recorder).statuses.len(), 101);
    for number in 0..40 {
        recorder.record(number, ms(200));
    }
    assert_eq!(next_feedback(&mut recorder).base, 31);
}

proptest! {
    #[test]
    fn feedback_reads_back_to_exactly_what_was_recorded(
        first: u16,
        steps in prop::collection::vec((prop_oneof![8 => Just(1u64), 2 => 2u64..400], 0u64..40_000), 1..1500),
    ) {
        let mut recorder = TransportCcRecorder::new();
        let mut told = BTreeMap::new();
        let mut read = BTreeMap::new();
        let (mut sequence, mut now) = (u64::from(first), 77_000_000_000);
        let mut next_base = u64::from(first);
        let mut note = |recorder: &mut TransportCcRecorder, now, next_base: &mut u64| {
            for feedback in feedback(recorder, now) {
                assert_eq!(feedback.base, *next_base as u16, "no number is left out");
                for (_, arrived) in feedback.statuses {
                    if let Some(arrived) = arrived {
                        assert_eq!(read.insert(*next_base, arrived), None, "told once");
                    }
                    *next_base += 1;
                }
            }
        };
        for (step, micros) in steps {
            now += micros * 1000;
            note(&mut recorder, Time(now), &mut next_base);
            told.insert(sequence, (now / TICK_NS) as i64);
            recorder.record(sequence as u16, Time(now));
            sequence += step;
        }
        note(&mut recorder, Time(now + 1_000_000_000), &mut next_base);
        prop_assert_eq!(read, told);
    }

    #[test]
    fn what_is_reported_as_arrived_did_arrive_then_whatever_the_order(
        numbers in prop::collection::vec((any::<bool>(), 0u16..3000, any::<u16>(), 0u64..20), 1..400),
    ) {
        let mut recorder = TransportCcRecorder::new();
        let mut arrivals: BTreeMap<u16, Vec<i64>> = BTreeMap::new();
        let mut now = 0;
        for (near, number, anywhere, later) in numbers {
            let number = if near { number } else { anywhere };
            now += later;
            recorder.record(number, ms(now));
            arrivals.entry(number).or_default().push(now as i64 * 4);
            prop_assert!(recorder.end - recorder.base <= CAPACITY as u64);
            for feedback in feedback(&mut recorder, ms(now)) {
                for (number, arrived) in feedback.statuses {
                    if let Some(arrived) = arrived {
                        prop_assert!(arrivals[&number].contains(&arrived));
                    }
                }
            }
        }
    }
}
