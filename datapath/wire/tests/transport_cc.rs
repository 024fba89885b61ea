//! Transport-wide feedback: what is written is what is read, whatever arrived.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use datapath_wire::rtcp::transport_cc::{
    Arrival, FeedbackHeader, Status, TransportCc, ticks_of_ns,
};
use datapath_wire::rtcp::{Error, Rtcp, packets};
use proptest::prelude::*;
use std::collections::BTreeMap;

const HEADER: FeedbackHeader =
    FeedbackHeader { sender_ssrc: 1, media_ssrc: 2, base_sequence: 0x1_0000, feedback_count: 3 };

fn arrivals(list: &[(u64, u64)]) -> Vec<Arrival> {
    list.iter().map(|&(sequence, ticks)| Arrival { sequence, ticks }).collect()
}

fn read(bytes: &[u8]) -> TransportCc<'_> {
    let mut found = packets(bytes);
    let Some(Ok(Rtcp::TransportCc(feedback))) = found.next() else {
        panic!("no feedback in {bytes:02x?}");
    };
    assert!(found.next().is_none());
    feedback
}

fn written(header: FeedbackHeader, list: &[(u64, u64)]) -> (usize, Vec<u8>) {
    let mut out = Vec::new();
    let taken = header.write(&arrivals(list), &mut out);
    (taken, out)
}

#[test]
fn libwebrtcs_padding_of_one_to_three_bytes_is_none_of_the_feedback() {
    // As libwebrtc of PyPI livekit 1.2.1 sent it: the P bit, and two bytes of padding.
    #[rustfmt::skip]
    let bytes = [
        0xaf, 0xcd, 0x00, 0x06, 0xfa, 0x17, 0xfa, 0x17, 0x45, 0xde, 0xf5, 0x81,
        0x00, 0x01, 0x00, 0x04, 0x01, 0x34, 0xed, 0x01, 0x20, 0x04, 0xc6, 0x25,
        0x59, 0x0b, 0x00, 0x02,
    ];
    let feedback = read(&bytes);
    let arrived: Vec<_> = feedback.statuses().filter_map(|status| status.arrival_ticks).collect();
    assert_eq!((feedback.base_sequence, arrived.len()), (1, 4));
    assert_eq!(arrived[3] - arrived[0], 0x25 + 0x59 + 0x0b);
}

#[test]
fn small_and_large_deltas_and_losses_are_laid_out_as_in_the_draft() {
    let list =
        [(0x1_0000, 0x1234 * 256 + 1), (0x1_0001, 0x1234 * 256 + 2), (0x1_0003, 0x1234 * 256)];
    let (taken, bytes) = written(HEADER, &list);
    assert_eq!(taken, 3);
    #[rustfmt::skip]
    let expected = [
        0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2,
        0, 0, 0, 4, 0x00, 0x12, 0x34, 3,
        0b11_01_01_00, 0b10_000000, 1, 1, 0xff, 0xfe, 0, 0,
    ];
    assert_eq!(bytes, expected);
}

#[test]
fn long_runs_are_one_chunk() {
    let list: Vec<_> = (0..600).map(|ahead| (0x1_0000 + ahead, 256 + ahead)).collect();
    let (taken, bytes) = written(HEADER, &list);
    assert_eq!(taken, 600);
    assert_eq!(bytes[20..22], [0x20 | 600u16.to_be_bytes()[0], 600u16.to_be_bytes()[1]]);
    assert_eq!(bytes.len(), (20 + 2 + 600usize).next_multiple_of(4));
}

#[test]
fn alternating_losses_are_one_bit_vectors() {
    let list: Vec<_> = (0..14).map(|ahead| (0x1_0000 + 2 * ahead, 256)).collect();
    let (_, bytes) = written(HEADER, &list);
    // 27 numbers: two vectors of 14, then 14 deltas.
    assert_eq!(bytes[20..24], [0b10_101010, 0b10101010, 0b10_101010, 0b10101010]);
    assert_eq!(bytes.len(), (20 + 4 + 14usize).next_multiple_of(4));
}

#[test]
fn packet_ends_before_a_delta_that_does_not_fit() {
    let far = 256 + 1 + 0x8000;
    let (taken, bytes) = written(HEADER, &[(0x1_0000, 257), (0x1_0001, far)]);
    assert_eq!(taken, 1);
    assert_eq!(read(&bytes).status_count, 1);
    let (taken, _) = written(HEADER, &[(0x1_0000, 257), (0x1_0001, far - 1)]);
    assert_eq!(taken, 2);
}

#[test]
fn losses_since_the_last_feedback_are_told() {
    let (_, bytes) = written(HEADER, &[(0x1_0003, 256)]);
    let feedback = read(&bytes);
    assert_eq!(feedback.base_sequence, 0);
    let arrived: Vec<_> = feedback.statuses().map(|it| it.arrival_ticks.is_some()).collect();
    assert_eq!(arrived, [false, false, false, true]);
}

#[test]
fn gap_that_no_packet_can_say_is_not_told() {
    for base_sequence in [0, 0x9_0000] {
        let header = FeedbackHeader { base_sequence, ..HEADER };
        let (taken, bytes) = written(header, &[(0x2_0005, 256)]);
        assert_eq!(taken, 1);
        let feedback = read(&bytes);
        assert_eq!((feedback.base_sequence, feedback.status_count), (5, 1));
    }
}

#[test]
fn longest_gap_that_a_packet_can_say_is_told() {
    let (taken, bytes) = written(HEADER, &[(0x1_0000 + 65534, 256), (0x1_0000 + 65535, 256)]);
    assert_eq!(taken, 1);
    let feedback = read(&bytes);
    assert_eq!(feedback.status_count, 65535);
    assert_eq!(feedback.statuses().filter(|it| it.arrival_ticks.is_some()).count(), 1);
}

#[test]
fn repeated_numbers_are_taken_once() {
    let list = [(0x1_0000, 256), (0x1_0000, 300), (0x1_0001, 301)];
    let (taken, bytes) = written(HEADER, &list);
    assert_eq!(taken, 3);
    let ticks: Vec<_> = read(&bytes).statuses().map(|it| it.arrival_ticks).collect();
    assert_eq!(ticks, [Some(256), Some(301)]);
}

#[test]
fn nothing_is_written_for_no_arrivals() {
    assert_eq!(written(HEADER, &[]), (0, Vec::new()));
}

#[test]
fn reference_time_is_signed_and_wraps() {
    let (_, bytes) = written(HEADER, &[(0x1_0000, 0xff_ffff * 256 + 7)]);
    let feedback = read(&bytes);
    assert_eq!(feedback.reference_time, -1);
    let status = Status { sequence: 0, arrival_ticks: Some(-249) };
    assert_eq!(feedback.statuses().collect::<Vec<_>>(), [status]);
}

#[test]
fn ticks_are_a_quarter_of_a_millisecond() {
    assert_eq!(ticks_of_ns(1_000_000), 4);
    assert_eq!(ticks_of_ns(249_999), 0);
}

/// A feedback with this status count and these chunks and deltas.
fn feedback(status_count: u16, rest: &[u8]) -> Vec<u8> {
    let [c0, c1] = status_count.to_be_bytes();
    let mut bytes = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, c0, c1, 0, 0, 1, 0];
    bytes.extend_from_slice(rest);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes[3] = (bytes.len() / 4 - 1) as u8;
    bytes
}

#[test]
fn damaged_feedback_is_refused() {
    for (what, bytes) in [
        ("no statuses", feedback(0, &[0x20, 0])),
        ("chunks end early", feedback(30, &[0x80, 0, 0x80, 0])),
        ("a reserved symbol in a run", feedback(1, &[0x60, 1, 0, 0])),
        ("a reserved symbol in a vector", feedback(1, &[0xf0, 0, 0, 0])),
        ("deltas end early", feedback(3, &[0x20, 3, 1, 1])),
        ("only empty runs", feedback(1, &[0, 0, 0, 0])),
    ] {
        let found: Vec<_> = packets(&bytes).collect();
        assert_eq!(found, [Err(Error::Body(205))], "{what}");
    }
}

#[test]
fn chunk_may_speak_of_more_than_the_status_count() {
    let bytes = feedback(2, &[0x20, 200, 1, 1]);
    let ticks: Vec<_> = read(&bytes).statuses().map(|it| it.arrival_ticks).collect();
    assert_eq!(ticks, [Some(257), Some(258)]);
    // The seven symbols of a vector, of which the last two (reserved) do not count.
    let bytes = feedback(5, &[0b11_010000, 0b0000_1111, 9]);
    assert_eq!(read(&bytes).statuses().count(), 5);
}

/// Arrivals with gaps, jumps back in time, and now and then seconds of silence.
fn any_arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let gap =
        prop_oneof![8 => Just(1u64), 3 => 2..20u64, 1 => 20..20_000u64, 1 => 20_000..200_000u64];
    let step = prop_oneof![
        8 => 0..300i64,
        3 => -300..0i64,
        1 => -40_000..40_000i64,
        1 => -10_000_000..10_000_000i64,
    ];
    let start = (0..1u64 << 40, 1u64 << 36..1 << 40);
    (start, prop::collection::vec((gap, step), 1..1500)).prop_map(|((sequence, ticks), steps)| {
        let mut at = Arrival { sequence, ticks };
        let next = |(gap, step)| {
            at.sequence += gap;
            at.ticks = at.ticks.saturating_add_signed(step);
            at
        };
        steps.into_iter().map(next).collect()
    })
}

proptest! {
    #[test]
    fn every_arrival_is_told_once_at_its_time(arrivals in any_arrivals(), behind in 0..100u64) {
        let mut told = BTreeMap::new();
        let mut header = FeedbackHeader {
            base_sequence: arrivals[0].sequence.saturating_sub(behind), ..HEADER
        };
        let mut left = &arrivals[..];
        while let Some(first) = left.first() {
            let mut out = Vec::new();
            let taken = header.write(left, &mut out);
            prop_assert!(taken > 0);
            prop_assert!(out.len() <= 1100, "{} bytes", out.len());
            let feedback = read(&out);
            prop_assert_eq!(feedback.feedback_count, header.feedback_count);

            // The reader knows the upper bits of both numbers from what it sent.
            let skipped = first.sequence - header.base_sequence;
            let base = if skipped < 65535 { header.base_sequence } else { first.sequence };
            prop_assert_eq!(feedback.base_sequence, base as u16);
            let wrap = (first.ticks / 256 - (feedback.reference_time as u64 & 0xff_ffff)) * 256;
            let sign = i64::from(feedback.reference_time < 0) << 32;
            for (sequence, status) in (base..).zip(feedback.statuses()) {
                prop_assert_eq!(status.sequence, sequence as u16);
                if let Some(ticks) = status.arrival_ticks {
                    told.insert(sequence, (ticks + sign) as u64 + wrap);
                }
            }
            prop_assert_eq!(base + u64::from(feedback.status_count) - 1, left[taken - 1].sequence);
            header.base_sequence = left[taken - 1].sequence + 1;
            header.feedback_count = header.feedback_count.wrapping_add(1);
            left = &left[taken..];
        }
        let expected = arrivals.iter().map(|it| (it.sequence, it.ticks)).collect();
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn writer_survives_any_arrivals(list in prop::collection::vec((any::<u64>(), any::<u64>()), 0..20), base: u64) {
        let list = arrivals(&list);
        let header = FeedbackHeader { base_sequence: base, ..HEADER };
        let mut out = Vec::new();
        let taken = header.write(&list, &mut out);
        prop_assert_eq!(taken > 0, !list.is_empty());
        if taken > 0 {
            prop_assert!(read(&out).status_count > 0);
        }
    }

    #[test]
    fn parser_survives_any_chunks(count: u16, rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = feedback(count, &rest);
        for packet in packets(&bytes) {
            let Ok(Rtcp::TransportCc(feedback)) = packet else {
                continue;
            };
            prop_assert_eq!(feedback.statuses().count(), usize::from(count));
            let mut out = Vec::new();
            feedback.write(&mut out);
            prop_assert_eq!(read(&out), feedback);
        }
    }
}
