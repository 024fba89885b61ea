//! What a subscriber is sent when packets are lost, late, repaired, kept back, or come from another
//! source. `random_calls` tells such stories at random; here each has a name.

mod house;

use datapath_core::rows::{Codec, LegRow, RowKind, StreamRow};
use datapath_wire::rtcp::{Nack, PictureLoss};
use house::*;

/// A codec that the subscriber did not take.
const H264: u8 = 98;

/// A publisher (peer 0) of video 11 and a subscriber (peer 1) of it.
fn call() -> House {
    let mut house = House::new();
    house.connect_peer(1);
    house.connect_peer(2);
    let h264 = Codec { name: "H264".into(), payload_type: H264, rtx_payload_type: None, ..vp8() };
    let row = StreamRow { codecs: vec![h264, vp8()], ..video_row(1, "0") };
    house.apply(vec![(11, RowKind::Stream(row)), (21, leg(11, 2, 5000))], vec![]);
    house
}

fn packet(house: &mut House, ssrc: u32, number: u16) {
    let timestamp = ssrc * 1_000_000 + u32::from(number) * 3000;
    let payload = vp8_payload(number == 100, number as u8);
    house.rtp(0, header(VP8, ssrc, number, timestamp), &[(1, b"0")], &payload);
}

fn padding(house: &mut House, number: u16) {
    let header =
        datapath_wire::rtp::Header { has_padding: true, ..header(VP8, 1000, number, 3000) };
    house.rtp(0, header, &[(1, b"0")], &[0, 0, 0, 4]);
}

/// A retransmission of `original` under the RTX SSRC of source 1000.
fn repair(house: &mut House, number: u16, payload_type: u8, original: u16) {
    let mut payload = original.to_be_bytes().to_vec();
    payload.extend(vp8_payload(false, original as u8));
    house.rtp(0, header(payload_type, 1001, number, 3000), &[(1, b"0")], &payload);
}

fn nack(house: &mut House, asked: impl IntoIterator<Item = u16>) {
    let mut nack = Vec::new();
    Nack::write_lost(&mut nack, 1, 5000, asked);
    house.rtcp(1, nack);
}

fn pause(house: &mut House, paused: bool) {
    let row = LegRow { paused, ..leg_row(11, 2, 5000) };
    house.apply(vec![(21, RowKind::Leg(row))], vec![]);
}

/// How the numbers that the subscriber heard follow each other.
fn steps(house: &House) -> Vec<u64> {
    let heard = &house.peers[1].heard;
    heard.windows(2).map(|pair| pair[1].index.wrapping_sub(pair[0].index)).collect()
}

fn pictures_asked(house: &House) -> usize {
    house.peers[0].asked().iter().filter(|line| line.starts_with("PLI")).count()
}

#[test]
fn padding_during_a_pause_leaves_no_gap() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    pause(&mut house, true);
    packet(&mut house, 1000, 101);
    padding(&mut house, 102);
    pause(&mut house, false);
    packet(&mut house, 1000, 103);
    assert_eq!(steps(&house), [1]);
}

#[test]
fn packets_of_a_codec_that_the_subscriber_lacks_leave_no_gap() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    house.rtp(0, header(H264, 1000, 101, 3000), &[(1, b"0")], b"not for everybody");
    packet(&mut house, 1000, 102);
    assert_eq!(steps(&house), [1]);
}

#[test]
fn what_was_published_while_the_subscriber_was_out_of_reach_leaves_no_gap_and_a_key_frame_is_asked()
{
    let mut house = call();
    packet(&mut house, 1000, 100);
    for _ in 0..7 {
        house.pass(ms(5000));
        house.check(0);
    }
    packet(&mut house, 1000, 101);
    packet(&mut house, 1000, 102);
    house.peers[0].rtcp.clear();
    house.check(1);
    house.pass(ms(20));
    assert_eq!(pictures_asked(&house), 1);
    packet(&mut house, 1000, 103);
    assert_eq!(steps(&house), [1]);
}

#[test]
fn a_retransmission_leaves_as_the_packet_left_though_the_source_changed_since() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    house.pass(ms(350));
    packet(&mut house, 1002, 7);
    let first = house.peers[1].heard[0].clone();
    nack(&mut house, [first.packet.sequence_number]);
    let again = house.peers[1].heard.last().expect("heard").clone();
    assert_eq!(again.packet.ssrc, 5001);
    assert_eq!(again.packet.timestamp, first.packet.timestamp);
    assert_eq!(again.payload[2..], first.payload[..]);
}

#[test]
fn another_source_takes_over_when_the_first_is_silent_and_is_asked_for_a_key_frame() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    house.pass(ms(1000));
    house.peers[0].rtcp.clear();
    packet(&mut house, 1002, 7);
    house.pass(ms(20));
    assert_eq!(house.peers[0].asked(), ["PLI 1002"]);
    packet(&mut house, 1002, 8);
    let heard = &house.peers[1].heard;
    assert_eq!(steps(&house), [1, 1]);
    let passed = heard[1].packet.timestamp.wrapping_sub(heard[0].packet.timestamp);
    assert_eq!(passed, 90_000, "the time line goes on");
}

#[test]
fn another_source_that_begins_with_a_key_frame_is_asked_for_none() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    house.pass(ms(1000));
    house.peers[0].rtcp.clear();
    packet(&mut house, 1002, 100);
    house.pass(ms(600));
    assert_eq!(pictures_asked(&house), 0);
}

#[test]
fn a_repair_of_a_silent_source_does_not_take_the_legs_back() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    packet(&mut house, 1000, 102);
    house.pass(ms(350));
    packet(&mut house, 1002, 7);
    house.pass(ms(350));
    repair(&mut house, 1, VP8_RTX, 101);
    packet(&mut house, 1002, 8);
    assert_eq!(steps(&house), [2, 1, 1]);
}

#[test]
fn a_repair_far_ahead_of_all_that_came_is_refused() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    repair(&mut house, 1, VP8_RTX, 1000);
    assert_eq!(house.drops("rtx_stale"), 1);
    packet(&mut house, 1000, 101);
    assert_eq!(steps(&house), [1]);
}

#[test]
fn media_under_the_ssrc_of_repairs_is_refused() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    repair(&mut house, 1, VP8, 99);
    assert_eq!(house.drops("unknown_payload_type"), 1);
    assert_eq!(house.peers[1].heard.len(), 1);
}

#[test]
fn repairs_under_an_ssrc_that_nobody_named_go_to_the_source_that_misses_the_packet() {
    let mut house = call();
    for number in [100, 102, 103, 104] {
        packet(&mut house, 1000, number);
    }
    packet(&mut house, 1002, 500);
    let mut payload = 101u16.to_be_bytes().to_vec();
    payload.extend(vp8_payload(false, 101));
    house.rtp(0, header(VP8_RTX, 4444, 1, 3000), &[(1, b"0")], &payload);
    assert_eq!(house.peers[1].heard.last().expect("heard").payload, vp8_payload(false, 101));
    assert_eq!(steps(&house), [2, 1, 1, u64::MAX - 2], "under the number left for it");
}

#[test]
fn a_paused_subscriber_makes_nobody_send_a_key_frame_and_gets_no_repairs() {
    let mut house = call();
    packet(&mut house, 1000, 100);
    house.pass(ms(1000));
    house.peers[0].rtcp.clear();
    pause(&mut house, true);
    let mut loss = Vec::new();
    PictureLoss { sender_ssrc: 1, media_ssrc: 5000 }.write(&mut loss);
    house.rtcp(1, loss);
    let number = house.peers[1].heard[0].packet.sequence_number;
    nack(&mut house, [number]);
    house.pass(ms(600));
    assert_eq!((pictures_asked(&house), house.peers[1].heard.len()), (0, 1));
}

#[test]
fn no_more_is_sent_again_than_was_sent() {
    let mut house = call();
    for number in 100..140 {
        packet(&mut house, 1000, number);
    }
    let numbers: Vec<u16> =
        house.peers[1].heard.iter().map(|heard| heard.packet.sequence_number).collect();
    for _ in 0..50 {
        nack(&mut house, numbers.iter().copied());
        house.pass(ms(16));
    }
    assert_eq!(house.peers[1].heard.len(), 80);
    assert!(house.drops("nack_unanswered") > 0);
}

#[test]
fn a_mid_moves_an_ssrc_to_the_stream_that_it_names() {
    let mut house = call();
    house.apply(vec![(12, audio(1, "1")), (13, audio(1, "2"))], vec![]);
    house.apply(vec![(22, leg(12, 2, 6000)), (23, leg(13, 2, 7000))], vec![]);
    house.rtp(0, header(OPUS, 77, 1, 0), &[(1, b"1")], b"first");
    house.rtp(0, header(OPUS, 77, 2, 960), &[(1, b"2")], b"second");
    house.rtp(0, header(OPUS, 77, 3, 1920), &[], b"third");
    house.rtp(0, header(OPUS, 77, 4, 2880), &[(1, b"unknown")], b"fourth");
    let ssrcs: Vec<_> = house.peers[1].heard.iter().map(|heard| heard.packet.ssrc).collect();
    assert_eq!(ssrcs, [6000, 7000, 7000, 7000]);
}

#[test]
fn one_source_too_many_waits_until_another_is_silent() {
    let mut house = call();
    for ssrc in 2000..2009 {
        packet(&mut house, ssrc, 100);
    }
    assert_eq!(house.drops("too_many_sources"), 1);
    house.pass(ms(1000));
    packet(&mut house, 2008, 101);
    assert_eq!(house.drops("too_many_sources"), 1);
}
