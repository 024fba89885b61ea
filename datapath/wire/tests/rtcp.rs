//! RTCP packets and compounds: examples and properties.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use datapath_wire::rtcp::{
    Block, Bye, DelaySinceReference, Error, ExtendedReport, FullIntra, IntraRequest, Nack,
    PictureLoss, ReceiverReport, Remb, ReportBlock, ReportBlocks, Rtcp, Sdes, SenderReport,
    packets,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The only packet of `bytes`.
fn only(bytes: &[u8]) -> Rtcp<'_> {
    let mut found = packets(bytes);
    let packet = found.next().unwrap().unwrap();
    assert!(found.next().is_none());
    packet
}

fn errors(bytes: &[u8]) -> Vec<Error> {
    packets(bytes).filter_map(Result::err).collect()
}

#[test]
fn empty_compound_has_no_packets() {
    assert_eq!(packets(&[]).count(), 0);
}

#[test]
fn compound_is_walked_packet_by_packet() {
    let mut out = Vec::new();
    ReceiverReport { ssrc: 1, blocks: ReportBlocks::of(&[]) }.write(&mut out);
    Sdes::write_cname(&mut out, 1, "cname");
    PictureLoss { sender_ssrc: 1, media_ssrc: 2 }.write(&mut out);
    let found: Vec<_> = packets(&out).collect();
    assert!(matches!(
        found[..],
        [Ok(Rtcp::ReceiverReport(_)), Ok(Rtcp::Sdes(_)), Ok(Rtcp::PictureLoss(_))]
    ));
}

#[test]
fn reduced_size_packet_needs_no_report_before_it() {
    let bytes = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    assert_eq!(only(&bytes), Rtcp::PictureLoss(PictureLoss { sender_ssrc: 1, media_ssrc: 2 }));
}

#[test]
fn iteration_ends_at_the_first_malformed_packet() {
    let mut out = Vec::new();
    PictureLoss { sender_ssrc: 1, media_ssrc: 2 }.write(&mut out);
    out.extend_from_slice(&[0x81, 200, 0, 0]); // an SR without a body
    PictureLoss { sender_ssrc: 1, media_ssrc: 2 }.write(&mut out);
    let found: Vec<_> = packets(&out).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], Err(Error::Body(200)));
}

#[test]
fn headers_that_are_not_rtcp_are_refused() {
    assert_eq!(errors(&[0x41, 206, 0, 0]), [Error::Version]);
    assert_eq!(errors(&[0x81, 206, 0]), [Error::Truncated]);
    assert_eq!(errors(&[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0]), [Error::Truncated]);
}

#[test]
fn padding_is_removed() {
    let bytes = [
        0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, //
        0, 0, 0, 4,
    ];
    assert_eq!(only(&bytes), Rtcp::PictureLoss(PictureLoss { sender_ssrc: 1, media_ssrc: 2 }));
    for count in [0, 3, 16, 255] {
        let mut wrong = bytes;
        wrong[15] = count;
        assert_eq!(errors(&wrong), [Error::Padding], "count {count}");
    }
    assert_eq!(errors(&[0xa1, 206, 0, 0]), [Error::Padding]);
}

#[test]
fn sender_report_is_that_of_rfc_3550_section_6_4_1() {
    let block = ReportBlock {
        ssrc: 2,
        fraction_lost: 128,
        cumulative_lost: -1,
        highest_sequence: 0x0001_0002,
        jitter: 3,
        last_sender_report: 4,
        delay_since_last_sender_report: 5,
    };
    let blocks = [block];
    let report = SenderReport {
        ssrc: 1,
        ntp: 0x0102_0304_0506_0708,
        rtp_timestamp: 9,
        packets: 10,
        octets: 11,
        blocks: ReportBlocks::of(&blocks),
    };
    let mut out = Vec::new();
    report.write(&mut out);
    #[rustfmt::skip]
    let expected = [
        0x81, 200, 0, 12, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0, 11,
        0, 0, 0, 2, 128, 0xff, 0xff, 0xff, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5,
    ];
    assert_eq!(out, expected);
    assert_eq!(only(&out), Rtcp::SenderReport(report));
    assert_eq!(report.middle_ntp(), 0x0304_0506);
}

#[test]
fn cumulative_loss_is_clamped_to_24_bits() {
    for (lost, read) in [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (-5, -5)] {
        let block = ReportBlock { cumulative_lost: lost, ..ReportBlock::default() };
        assert_eq!(ReportBlock::from_bytes(block.to_bytes()).cumulative_lost, read);
    }
}

#[test]
fn report_says_at_most_31_blocks() {
    let blocks = [ReportBlock::default(); 40];
    assert_eq!(ReportBlocks::of(&blocks).len(), 31);
}

#[test]
fn profile_specific_extension_of_a_report_is_ignored() {
    let bytes = [0x80, 201, 0, 2, 0, 0, 0, 1, 9, 9, 9, 9];
    let Rtcp::ReceiverReport(report) = only(&bytes) else {
        panic!("not an RR");
    };
    assert!(report.blocks.is_empty());
}

#[test]
fn cname_is_found_among_other_items_and_chunks() {
    #[rustfmt::skip]
    let bytes = [
        0x82, 202, 0, 7,
        0, 0, 0, 1, 2, 1, b'n', 1, 1, b'a', 0, 0,
        0, 0, 0, 2, 1, 5, b'o', b't', b'h', b'e', b'r', 0, 0, 0, 0, 0,
    ];
    let Rtcp::Sdes(description) = only(&bytes) else {
        panic!("not an SDES");
    };
    assert_eq!(description.cname(1), Some("a"));
    assert_eq!(description.cname(2), Some("other"));
    assert_eq!(description.cname(3), None);
    assert_eq!(description.items().count(), 3);
}

#[test]
fn sdes_chunk_without_an_end_is_refused() {
    assert_eq!(errors(&[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, b'a', b'b']), [Error::Body(202)]);
    assert_eq!(errors(&[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, b'a', 0]), [Error::Body(202)]);
    assert_eq!(errors(&[0x82, 202, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0]), [Error::Body(202)]);
}

#[test]
fn bye_may_have_a_reason() {
    let bytes = [0x81, 203, 0, 2, 0, 0, 0, 1, 2, b'o', b'k', 0];
    let Rtcp::Bye(bye) = only(&bytes) else {
        panic!("not a BYE");
    };
    assert_eq!(bye.sources.ssrcs().collect::<Vec<_>>(), [1]);
    assert_eq!(bye.reason, Some(&b"ok"[..]));
    let mut out = Vec::new();
    bye.write(&mut out);
    assert_eq!(out, bytes);
}

#[test]
fn bye_without_its_sources_is_refused() {
    assert_eq!(errors(&[0x82, 203, 0, 1, 0, 0, 0, 1]), [Error::Body(203)]);
}

#[test]
fn nack_packs_up_to_17_numbers_into_an_entry() {
    let mut out = Vec::new();
    let lost = (10..27).chain([27, 65535]);
    assert_eq!(Nack::write_lost(&mut out, 1, 2, lost), 19);
    #[rustfmt::skip]
    let expected = [
        0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2,
        0, 10, 0xff, 0xff, 0, 27, 0, 0, 0xff, 0xff, 0, 0,
    ];
    assert_eq!(out, expected);
}

#[test]
fn nack_spans_the_wrap() {
    let mut out = Vec::new();
    assert_eq!(Nack::write_lost(&mut out, 1, 2, [65535, 0, 1]), 3);
    let Rtcp::Nack(nack) = only(&out) else {
        panic!("not a NACK");
    };
    assert_eq!(nack.entries.len(), 1);
    assert_eq!(nack.sequence_numbers().collect::<Vec<_>>(), [65535, 0, 1]);
}

#[test]
fn nack_for_nothing_is_not_written() {
    let mut out = Vec::new();
    assert_eq!(Nack::write_lost(&mut out, 1, 2, []), 0);
    assert!(out.is_empty());
}

#[test]
fn nack_that_is_full_leaves_the_rest() {
    let mut out = Vec::new();
    let lost = || (0..u16::MAX).step_by(20);
    let taken = Nack::write_lost(&mut out, 1, 2, lost());
    assert_eq!(taken, 253);
    let Rtcp::Nack(nack) = only(&out) else {
        panic!("not a NACK");
    };
    assert!(nack.sequence_numbers().eq(lost().take(taken)));
}

#[test]
fn full_intra_request_names_its_source() {
    let mut out = Vec::new();
    let request = IntraRequest { ssrc: 7, sequence_number: 3 };
    FullIntra::write_request(&mut out, 1, request);
    let expected = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 3, 0, 0, 0];
    assert_eq!(out, expected);
    let Rtcp::FullIntra(packet) = only(&out) else {
        panic!("not a FIR");
    };
    assert_eq!(packet.requests().collect::<Vec<_>>(), [request]);
}

#[test]
fn remb_is_mantissa_and_exponent() {
    let mut out = Vec::new();
    Remb::write_estimate(&mut out, 1, 1_000_000, &[2]);
    let Rtcp::Remb(remb) = only(&out) else {
        panic!("not a REMB");
    };
    assert_eq!(remb.bps, 1_000_000);
    assert_eq!(remb.ssrcs.ssrcs().collect::<Vec<_>>(), [2]);
}

#[test]
fn remb_beyond_64_bits_is_the_highest_there_is() {
    let bytes =
        [0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xff, 0xff, 0xff];
    let Rtcp::Remb(remb) = only(&bytes) else {
        panic!("not a REMB");
    };
    assert_eq!(remb.bps, Remb::BPS_MAX);
}

#[test]
fn application_feedback_that_is_no_remb_is_other() {
    let bytes = [0x8f, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, b'x', b'x', b'x', b'x'];
    assert!(matches!(only(&bytes), Rtcp::Other(other) if other.packet_type == 206));
}

#[test]
fn extended_report_carries_reference_times_and_their_answers() {
    let mut out = Vec::new();
    ExtendedReport::write_reference_time(&mut out, 1, 0x0102_0304_0506_0708);
    let answer = DelaySinceReference { ssrc: 1, last_reference: 2, delay: 3 };
    ExtendedReport::write_delay(&mut out, 9, answer);
    let mut blocks = Vec::new();
    for packet in packets(&out) {
        let Rtcp::ExtendedReport(report) = packet.unwrap() else {
            panic!("not an XR");
        };
        blocks.extend(report.blocks());
    }
    let [Block::ReferenceTime(ntp), Block::Delays(delays)] = blocks[..] else {
        panic!("{blocks:?}");
    };
    assert_eq!(ntp, 0x0102_0304_0506_0708);
    assert_eq!(delays.iter().map(DelaySinceReference::from_bytes).collect::<Vec<_>>(), [answer]);
}

#[test]
fn extended_report_with_a_broken_block_is_refused() {
    assert_eq!(errors(&[0x80, 207, 0, 2, 0, 0, 0, 1, 9, 0, 0, 1]), [Error::Body(207)]);
    assert_eq!(errors(&[0x80, 207, 0, 3, 0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0]), [Error::Body(207)]);
}

fn report_blocks() -> impl Strategy<Value = Vec<ReportBlock>> {
    prop::collection::vec(any::<[u8; 24]>().prop_map(ReportBlock::from_bytes), 0..=31)
}

/// Bytes that are often nearly RTCP: right version and lengths, any type, any body.
fn nearly_a_compound() -> impl Strategy<Value = Vec<u8>> {
    let packet = (any::<u8>(), 199..=208u8, prop::collection::vec(any::<[u8; 4]>(), 0..12));
    prop::collection::vec(packet, 0..4).prop_map(|packets| {
        let mut bytes = Vec::new();
        for (first, packet_type, body) in packets {
            let padding_is_rare = if first & 0xc0 == 0 { 0x3f } else { 0x1f };
            bytes.extend_from_slice(&[
                0x80 | first & padding_is_rare,
                packet_type,
                0,
                body.len() as u8,
            ]);
            bytes.extend_from_slice(body.as_flattened());
        }
        bytes
    })
}

/// What parses, written again, parses to the same.
fn check_round_trip(bytes: &[u8]) {
    for packet in packets(bytes).filter_map(Result::ok) {
        let mut out = Vec::new();
        packet.write(&mut out);
        assert_eq!(only(&out), packet);
        look_inside(&packet);
    }
}

fn look_inside(packet: &Rtcp<'_>) {
    match packet {
        Rtcp::SenderReport(report) => assert!(report.blocks.iter().count() <= 31),
        Rtcp::ReceiverReport(report) => assert!(report.blocks.iter().count() <= 31),
        Rtcp::Sdes(description) => drop(description.items().count()),
        Rtcp::Nack(nack) => assert!(nack.sequence_numbers().count() >= nack.entries.len()),
        Rtcp::TransportCc(feedback) => {
            assert_eq!(feedback.statuses().count(), usize::from(feedback.status_count));
        }
        Rtcp::FullIntra(intra) => drop(intra.requests().count()),
        Rtcp::ExtendedReport(report) => drop(report.blocks().count()),
        Rtcp::Bye(_) | Rtcp::PictureLoss(_) | Rtcp::Remb(_) | Rtcp::Other(_) => {}
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_round_trip(&bytes);
    }

    #[test]
    fn what_is_nearly_a_compound_is_survived(bytes in nearly_a_compound()) {
        check_round_trip(&bytes);
    }

    #[test]
    fn reports_are_read_back(ssrc: u32, fields: (u64, u32, u32, u32), blocks in report_blocks()) {
        let (ntp, rtp_timestamp, packets, octets) = fields;
        let blocks = ReportBlocks::of(&blocks);
        let mut out = Vec::new();
        let sent = SenderReport { ssrc, ntp, rtp_timestamp, packets, octets, blocks };
        sent.write(&mut out);
        prop_assert_eq!(only(&out), Rtcp::SenderReport(sent));
        out.clear();
        let received = ReceiverReport { ssrc, blocks };
        received.write(&mut out);
        prop_assert_eq!(only(&out), Rtcp::ReceiverReport(received));
    }

    #[test]
    fn cnames_are_read_back(ssrc: u32, cname in "\\PC{0,200}") {
        let mut out = Vec::new();
        Sdes::write_cname(&mut out, ssrc, &cname);
        let cut = cname.floor_char_boundary(255);
        let Rtcp::Sdes(description) = only(&out) else {
            panic!("not an SDES");
        };
        prop_assert_eq!(description.cname(ssrc), Some(&cname[..cut]));
    }

    #[test]
    fn nacks_are_read_back(start: u16, ahead in prop::collection::btree_set(0..3000u16, 1..200)) {
        let lost: Vec<_> = ahead.iter().map(|ahead| start.wrapping_add(*ahead)).collect();
        let mut left = &lost[..];
        let mut read = BTreeSet::new();
        while !left.is_empty() {
            let mut out = Vec::new();
            let taken = Nack::write_lost(&mut out, 1, 2, left.iter().copied());
            prop_assert!(taken > 0);
            left = &left[taken..];
            let Rtcp::Nack(nack) = only(&out) else {
                panic!("not a NACK");
            };
            read.extend(nack.sequence_numbers());
        }
        prop_assert_eq!(read, lost.into_iter().collect());
    }

    #[test]
    fn goodbyes_are_read_back(sources in prop::collection::vec(any::<u32>(), 0..=31)) {
        let mut out = Vec::new();
        Bye::write_sources(&mut out, &sources);
        let Rtcp::Bye(bye) = only(&out) else {
            panic!("not a BYE");
        };
        prop_assert_eq!(bye.sources.ssrcs().collect::<Vec<_>>(), sources);
    }

    #[test]
    fn estimates_are_rounded_down_to_18_bits(bps: u64) {
        let mut out = Vec::new();
        Remb::write_estimate(&mut out, 1, bps, &[]);
        let Rtcp::Remb(remb) = only(&out) else {
            panic!("not a REMB");
        };
        prop_assert!(remb.bps <= bps && bps - remb.bps <= bps >> 17);
    }
}
