//! What participants are told by RTCP, and what the control plane is told of rows.

mod house;

use std::collections::HashMap;

use datapath_core::facts::{FactsKind, LegFacts, StreamFacts};
use datapath_core::rows::{LegRow, RowKind};
use datapath_wire::classify::Class;
use datapath_wire::rtcp::{Rtcp, packets};
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

fn sound(house: &mut House, number: u16) {
    house.rtp(0, header(OPUS, 77, number, u32::from(number) * 960), &[(1, b"1")], b"sound");
}

/// The newest facts of each stream and leg that were told since.
fn told(house: &mut House) -> (HashMap<u64, StreamFacts>, HashMap<u64, LegFacts>) {
    let (mut streams, mut legs) = (HashMap::new(), HashMap::new());
    for facts in house.facts() {
        match facts.kind {
            FactsKind::Stream(told) => drop(streams.insert(facts.row, told)),
            FactsKind::Leg(told) => drop(legs.insert(facts.row, told)),
            FactsKind::Transport(_) | FactsKind::Ended => {}
        }
    }
    (streams, legs)
}

fn receiver_reports(house: &House, peer: usize) -> usize {
    let all = house.peers[peer].rtcp.iter().flat_map(|compound| packets(compound));
    all.filter(|packet| matches!(packet, Ok(Rtcp::ReceiverReport(_)))).count()
}

#[test]
fn a_publisher_of_sound_alone_hears_reports_from_the_first_seconds_on() {
    let mut house = House::new();
    house.connect_peer(1);
    house.pass(ms(1000));
    house.apply(vec![(12, audio(1, "1"))], vec![]);
    sound(&mut house, 1);
    house.pass(ms(1600));
    assert!(receiver_reports(&house, 0) >= 1);
    house.pass(ms(3000));
    assert!(receiver_reports(&house, 0) >= 3);
}

#[test]
fn streams_and_legs_are_told_to_flow_and_to_have_ceased() {
    let mut house = call();
    sound(&mut house, 1);
    let (streams, legs) = told(&mut house);
    assert!(streams[&12].flowing && streams[&12].encodings[0].flowing);
    assert!(legs[&22].flowing && !legs.contains_key(&21));
    let first = legs[&22].first_packet;
    house.pass(ms(2600));
    let (streams, legs) = told(&mut house);
    assert!(!streams[&12].flowing && !streams[&12].encodings[0].flowing);
    assert!(!legs[&22].flowing);
    sound(&mut house, 2);
    let (streams, legs) = told(&mut house);
    assert!(streams[&12].flowing && legs[&22].flowing);
    assert_eq!(legs[&22].first_packet, first, "the first packet was the first");
}

#[test]
fn a_paused_leg_is_told_to_have_ceased_while_its_stream_flows() {
    let mut house = call();
    sound(&mut house, 1);
    let row = LegRow { paused: true, ..leg_row(12, 2, 6000) };
    house.apply(vec![(22, RowKind::Leg(row))], vec![]);
    told(&mut house);
    for number in 2..200 {
        sound(&mut house, number);
        house.pass(ms(20));
    }
    let (streams, legs) = told(&mut house);
    assert!(!legs[&22].flowing);
    assert!(!streams.contains_key(&12), "nothing of the stream changed");
}

#[test]
fn a_source_that_was_followed_by_another_is_told_to_have_ceased() {
    let mut house = call();
    for ssrc in [1000, 1002] {
        house.rtp(0, header(VP8, ssrc, 1, 0), &[(1, b"0")], &vp8_payload(true, ssrc as u8));
        house.pass(ms(1500));
    }
    house.rtp(0, header(VP8, 1002, 2, 0), &[(1, b"0")], &vp8_payload(true, 2));
    house.pass(ms(100));
    let (streams, _) = told(&mut house);
    let flowing: Vec<_> = streams[&11].encodings.iter().map(|it| (it.ssrc, it.flowing)).collect();
    assert_eq!(flowing, [(1000, false), (1002, true)]);
}

#[test]
fn feedback_fits_the_smallest_path_mtu_however_much_was_lost() {
    let mut house = call();
    house.sent.clear();
    // One of each eighteen: so far apart that each takes an entry of its own.
    for (ssrc, lost) in [(1000u32, 100u16), (1002, 240)] {
        for number in (0..lost * 18).filter(|number| number % 18 != 1) {
            let payload = vp8_payload(number == 0, number as u8);
            let elements: &[(u8, &[u8])] = &[(1, b"0"), (3, &number.to_be_bytes())];
            house.rtp(0, header(VP8, ssrc, number, 0), elements, &payload);
        }
    }
    house.pass(ms(200));
    let feedback = house.sent.iter().filter(|sent| sent.class == Class::Rtcp);
    let largest = feedback.map(|sent| sent.bytes).max().expect("there is some");
    assert!(largest > 900, "much is asked for at once");
    assert!(largest <= 1280 - 40 - 8, "{largest} bytes");
}
