//! Calls through the machine as its participants live them.

mod house;

use datapath_core::facts::{DtlsState, FactsKind, Reach};
use datapath_core::rows::{RefusalReason, RowKind};
use datapath_wire::rtcp::{Nack, PictureLoss, ReportBlocks, Rtcp, SenderReport, packets};
use house::*;

/// A publisher (peer 0) of video 11 and audio 12 and a subscriber (peer 1) of both.
fn call() -> House {
    let mut house = House::new();
    house.connect_peer(1);
    house.connect_peer(2);
    house.apply(vec![(11, video(1, "0")), (12, audio(1, "1"))], vec![]);
    house.apply(vec![(21, leg(11, 2, 5000)), (22, leg(12, 2, 6000))], vec![]);
    house
}

fn picture(house: &mut House, number: u16, key_frame: bool) {
    house.rtp(
        0,
        header(VP8, 1000, number, 3000),
        &[(1, b"0")],
        &vp8_payload(key_frame, number as u8),
    );
}

#[test]
fn a_packet_reaches_the_subscriber_under_the_legs_ssrc_payload_type_and_extensions() {
    let mut house = call();
    picture(&mut house, 100, true);
    house.rtp(0, header(OPUS, 77, 5, 960), &[(1, b"1"), (5, &[0x85])], b"sound");
    let heard = &house.peers[1].heard;
    assert_eq!(heard.len(), 2);
    assert_eq!((heard[0].packet.ssrc, heard[0].packet.payload_type), (5000, 120));
    assert_eq!(heard[0].payload, vp8_payload(true, 100));
    assert_eq!((heard[1].packet.ssrc, heard[1].packet.payload_type), (6000, 122));
    assert_eq!(heard[1].payload, b"sound");
    assert!(heard[1].elements.contains(&(5, vec![0x85])), "the audio level travels on");
    let numbers: Vec<_> =
        heard.iter().map(|one| one.elements.iter().find(|(id, _)| *id == 3)).collect();
    assert_eq!(
        numbers,
        [Some(&(3, vec![0, 0])), Some(&(3, vec![0, 1]))],
        "one numbering per transport"
    );
}

#[test]
fn the_mid_is_sent_until_the_subscriber_reports_the_ssrc() {
    let mut house = call();
    picture(&mut house, 1, true);
    let mut report = Vec::new();
    let block = datapath_wire::rtcp::ReportBlock { ssrc: 5000, ..Default::default() };
    datapath_wire::rtcp::ReceiverReport { ssrc: 1, blocks: ReportBlocks::of(&[block]) }
        .write(&mut report);
    house.rtcp(1, report);
    picture(&mut house, 2, false);
    let with_mid = |at: usize| house.peers[1].heard[at].elements.iter().any(|(id, _)| *id == 1);
    assert_eq!((with_mid(0), with_mid(1)), (true, false));
}

#[test]
fn a_gap_stays_a_gap_and_is_asked_of_the_publisher() {
    let mut house = call();
    for number in [100, 101, 104] {
        picture(&mut house, number, number == 100);
    }
    house.pass(ms(15));
    let heard: Vec<_> = house.peers[1].heard.iter().map(|one| one.packet.sequence_number).collect();
    assert_eq!(heard[2].wrapping_sub(heard[1]), 3);
    assert!(
        house.peers[0].asked().contains(&"NACK 1000 [102, 103]".to_string()),
        "{:?}",
        house.peers[0].asked()
    );
}

#[test]
fn a_repaired_packet_reaches_the_subscriber_under_its_own_number() {
    let mut house = call();
    for number in [100, 102] {
        picture(&mut house, number, number == 100);
    }
    let mut repair = 101u16.to_be_bytes().to_vec();
    repair.extend(vp8_payload(false, 101));
    house.rtp(0, header(VP8_RTX, 1001, 9000, 3000), &[(1, b"0")], &repair);
    let heard = &house.peers[1].heard;
    assert_eq!(heard[2].payload, vp8_payload(false, 101));
    assert_eq!(heard[2].packet.sequence_number, heard[0].packet.sequence_number.wrapping_add(1));
    assert_eq!(heard[2].packet.ssrc, 5000);
}

#[test]
fn a_nack_of_the_subscriber_is_answered_by_rtx_once_per_round_trip() {
    let mut house = call();
    for number in 100..103 {
        picture(&mut house, number, number == 100);
    }
    let lost = house.peers[1].heard[1].clone();
    let mut nack = Vec::new();
    Nack::write_lost(&mut nack, 1, 5000, [lost.packet.sequence_number]);
    house.rtcp(1, nack.clone());
    house.rtcp(1, nack);
    let heard = &house.peers[1].heard;
    assert_eq!(heard.len(), 4, "three packets and one retransmission");
    assert_eq!((heard[3].packet.ssrc, heard[3].packet.payload_type), (5001, 121));
    let mut expected = lost.packet.sequence_number.to_be_bytes().to_vec();
    expected.extend(&lost.payload);
    assert_eq!(heard[3].payload, expected);
}

#[test]
fn a_late_subscriber_makes_one_question_for_a_key_frame_leave_at_once() {
    let mut house = call();
    picture(&mut house, 100, true);
    house.pass(ms(1000));
    house.peers[0].rtcp.clear();
    house.connect_peer(3);
    house.connect_peer(4);
    house.apply(vec![(31, leg(11, 3, 7000)), (41, leg(11, 4, 8000))], vec![]);
    house.pass(ms(20));
    assert_eq!(house.peers[0].asked(), ["PLI 1000"]);
}

#[test]
fn picture_loss_is_throttled_for_all_subscribers_together() {
    let mut house = call();
    picture(&mut house, 100, true);
    house.pass(ms(1000));
    house.peers[0].rtcp.clear();
    for at in 0..10 {
        let mut loss = Vec::new();
        PictureLoss { sender_ssrc: 1, media_ssrc: 5000 }.write(&mut loss);
        house.rtcp(1, loss);
        house.pass(ms(10));
        picture(&mut house, 101 + at, at == 2);
    }
    house.pass(ms(380));
    assert_eq!(house.peers[0].asked().iter().filter(|line| line.starts_with("PLI")).count(), 1);
    house.pass(ms(200));
    assert_eq!(house.peers[0].asked().iter().filter(|line| line.starts_with("PLI")).count(), 2);
}

#[test]
fn the_publisher_is_told_of_arrivals_also_of_replayed_packets() {
    let mut house = call();
    let first = house.sealed(
        0,
        header(VP8, 1000, 1, 0),
        &[(1, b"0"), (3, &[0, 10])],
        &vp8_payload(true, 1),
    );
    let from = house.peers[0].address;
    house.datagram(from, first.clone());
    house.datagram(from, first);
    assert_eq!(house.drops("srtp_replay"), 1);
    assert_eq!(house.peers[1].heard.len(), 1, "a replayed packet is not forwarded");
    house.pass(ms(120));
    assert_eq!(house.peers[0].asked().iter().filter(|line| *line == "TWCC 1").count(), 1);
}

#[test]
fn padding_is_stripped_and_a_probe_of_padding_leaves_no_gap() {
    let mut house = call();
    picture(&mut house, 100, true);
    let padded = datapath_wire::rtp::Header { has_padding: true, ..header(VP8, 1000, 101, 3000) };
    house.rtp(0, padded, &[(1, b"0")], &[0, 0, 0, 4]);
    let mut payload = vp8_payload(false, 102);
    let clean = payload.clone();
    payload.extend([0, 2]);
    house.rtp(
        0,
        datapath_wire::rtp::Header { sequence_number: 102, ..padded },
        &[(1, b"0")],
        &payload,
    );
    let heard = &house.peers[1].heard;
    assert_eq!(house.drops("padding"), 1);
    assert_eq!(heard[1].packet.sequence_number, heard[0].packet.sequence_number.wrapping_add(1));
    assert_eq!((heard[1].payload.clone(), heard[1].packet.has_padding), (clean, false));
}

#[test]
fn sender_reports_are_made_anew_and_keep_sound_and_picture_together() {
    let mut house = call();
    picture(&mut house, 100, true);
    house.rtp(0, header(OPUS, 77, 5, 960), &[(1, b"1")], b"sound");
    let ntp = |s: u64| (4_000_000_000 + s) << 32;
    for (ssrc, timestamp) in [(1000, 90_000), (77, 48_000)] {
        let mut report = Vec::new();
        let blocks = ReportBlocks::of(&[]);
        SenderReport { ssrc, ntp: ntp(5), rtp_timestamp: timestamp, packets: 1, octets: 1, blocks }
            .write(&mut report);
        house.rtcp(0, report);
    }
    house.pass(ms(2000));
    let compounds: Vec<_> =
        house.peers[1].rtcp.iter().flat_map(|compound| packets(compound)).collect();
    let reports: Vec<_> = compounds
        .into_iter()
        .filter_map(|packet| match packet {
            Ok(Rtcp::SenderReport(report)) => {
                Some((report.ssrc, report.ntp, report.rtp_timestamp, report.packets))
            }
            _ => None,
        })
        .collect();
    let [video, audio] =
        [5000, 6000].map(|ssrc| *reports.iter().find(|report| report.0 == ssrc).expect("a report"));
    assert_eq!((video.1, video.3), (audio.1, 1), "one moment, own counts");
    let since =
        |timestamp: u32, base: u32, clock: f64| f64::from(timestamp.wrapping_sub(base)) / clock;
    let apart = since(video.2, 90_000, 90_000.0) - since(audio.2, 48_000, 48_000.0);
    assert!(apart.abs() < 0.001, "the same moment on both time lines, not {apart} s apart");
}

#[test]
fn a_paused_leg_is_silent_and_goes_on_without_a_gap() {
    let mut house = call();
    picture(&mut house, 100, true);
    let pause = |paused| match leg(11, 2, 5000) {
        RowKind::Leg(row) => RowKind::Leg(datapath_core::rows::LegRow { paused, ..row }),
        other @ (RowKind::Transport(_) | RowKind::Stream(_) | RowKind::DataChannel(_)) => other,
    };
    house.apply(vec![(21, pause(true))], vec![]);
    picture(&mut house, 101, false);
    house.apply(vec![(21, pause(false))], vec![]);
    picture(&mut house, 102, true);
    let heard = &house.peers[1].heard;
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[1].packet.sequence_number, heard[0].packet.sequence_number.wrapping_add(1));
}

#[test]
fn nothing_is_answered_or_kept_without_credentials() {
    let mut house = House::new();
    house.add_peer(1);
    let stranger = "192.0.2.9:5000".parse().expect("an address");
    house.datagram(stranger, check_of("00nobody", "password-of-22-characters"));
    house.datagram(stranger, check_of("00u1", "wrong-password-of-22-chars"));
    house.datagram(stranger, vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    house.datagram(stranger, vec![0x80; 40]);
    house.datagram(stranger, vec![0x80, 200, 0, 1, 0, 0, 0, 0]);
    house.datagram(stranger, vec![255; 40]);
    assert_eq!(house.astray, 0, "no answer");
    let reasons = ["stun_unknown_ufrag", "stun_bad_integrity", "no_valid_path", "unclassified"];
    assert_eq!(reasons.map(|reason| house.drops(reason)), [1, 1, 3, 1]);
    assert!(house.facts().is_empty(), "no state");
}

#[test]
fn dtls_waits_for_the_fingerprint_and_refuses_another_certificate() {
    let mut house = House::new();
    house.add_peer(1);
    let unknown = |fingerprints| {
        RowKind::Transport(datapath_core::rows::TransportRow {
            remote_fingerprints: fingerprints,
            ..transport_row("00u1")
        })
    };
    house.apply(vec![(1, unknown(vec![]))], vec![]);
    house.check(0);
    house.handshake(0);
    assert!(house.drops("dtls_unexpected") > 0);
    let wrong =
        datapath_core::rows::Fingerprint { algorithm: "sha-256".into(), value: [7; 32].into() };
    house.apply(vec![(1, unknown(vec![wrong]))], vec![]);
    house.pass(ms(10));
    let client = house.add_peer(5);
    let wrong =
        datapath_core::rows::Fingerprint { algorithm: "sha-256".into(), value: [7; 32].into() };
    let other = RowKind::Transport(datapath_core::rows::TransportRow {
        remote_fingerprints: vec![wrong],
        ..transport_row("00u5")
    });
    house.apply(vec![(5, other)], vec![]);
    house.check(client);
    house.handshake(client);
    let facts = house.transport_facts(5);
    assert_eq!(facts.dtls, DtlsState::Failed(datapath_core::facts::DtlsFailure::Fingerprint));
}

#[test]
fn reach_is_told_as_up_silent_and_lost() {
    let mut house = House::new();
    house.connect_peer(1);
    let up = house.transport_facts(1);
    assert_eq!((up.reach, up.dtls), (Reach::Up, DtlsState::Connected));
    house.pass(ms(10_001));
    assert_eq!(house.transport_facts(1).reach, Reach::Silent);
    house.pass(ms(20_000));
    let lost = house.transport_facts(1);
    assert_eq!((lost.reach, lost.path), (Reach::Lost, None));
}

#[test]
fn a_deleted_transport_says_close_notify_and_takes_its_streams_and_legs_along() {
    let mut house = call();
    house.apply(vec![], vec![1]);
    assert!(house.peers[0].closed);
    let levels: std::collections::HashMap<_, _> = house.machine.levels().into_iter().collect();
    assert_eq!((levels["transports"], levels["streams"], levels["legs"]), (1, 0, 0));
    let before = house.drops("no_valid_path");
    picture(&mut house, 100, true);
    assert_eq!(house.drops("no_valid_path"), before + 1, "the address is nobody's any more");
}

#[test]
fn a_row_ends_at_its_time_and_says_so() {
    let mut house = House::new();
    house.connect_peer(1);
    house.facts();
    let not_after = Some(house.now.plus(ms(50)));
    let row = datapath_core::rows::TransportRow { not_after, ..transport_row("00u1") };
    house.apply(vec![(1, RowKind::Transport(row))], vec![]);
    house.pass(ms(60));
    assert!(house.peers[0].closed);
    let ended: Vec<_> = house.facts().into_iter().map(|facts| (facts.row, facts.kind)).collect();
    assert_eq!(ended, [(1, FactsKind::Ended)]);
}

#[test]
fn a_change_is_all_or_nothing() {
    let mut house = call();
    let refused = house.try_apply(vec![(51, audio(2, "9")), (52, leg(999, 2, 9000))], vec![21]);
    let refusal = refused.expect_err("stream 999 does not exist");
    assert_eq!((refusal.row, refusal.reason), (52, RefusalReason::UnknownReference));
    picture(&mut house, 100, true);
    assert_eq!(house.peers[1].heard.len(), 1, "leg 21 was not deleted");
    house.apply(vec![(51, audio(2, "9"))], vec![]);
}

#[test]
fn what_is_taken_cannot_be_put_again() {
    let mut house = call();
    let cases = [
        (61, RowKind::Transport(transport_row("00u1")), "a ufrag"),
        (62, video(1, "0"), "a mid"),
        (63, leg(11, 2, 5000), "an SSRC"),
        (1, video(1, "8"), "an id of another kind"),
    ];
    for (id, kind, what) in cases {
        let refusal = house.try_apply(vec![(id, kind)], vec![]).expect_err(what);
        assert_eq!(refusal.reason, RefusalReason::Conflict, "{what}");
    }
}
