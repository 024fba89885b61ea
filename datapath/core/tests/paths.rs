//! Which path a transport's media takes as its remote moves, restarts ICE, or somebody pretends to
//! be it (design decision 7). The rule itself is tested where it stands, in `path`.

mod house;

use std::net::SocketAddr;

use datapath_core::rows::{RowKind, TransportRow};
use house::*;

/// A publisher (peer 0) of video 11 and a subscriber (peer 1) of it.
fn call() -> House {
    let mut house = House::new();
    house.connect_peer(1);
    house.connect_peer(2);
    house.apply(vec![(11, video(1, "0")), (21, leg(11, 2, 5000))], vec![]);
    house
}

fn elsewhere() -> SocketAddr {
    "192.0.2.7:4000".parse().expect("an address")
}

/// Where the subscriber is sent the next packet.
fn next_goes_to(house: &mut House, number: u16) -> Vec<SocketAddr> {
    house.sent.clear();
    house.rtp(0, header(VP8, 1000, number, 3000), &[(1, b"0")], &vp8_payload(true, number as u8));
    house.sent.iter().map(|sent| sent.to).collect()
}

/// The subscriber's ICE restarts: "00new" in place of "00u2".
fn restart(house: &mut House) {
    let row = TransportRow {
        ice: credentials("00new"),
        ice_previous: Some(credentials("00u2")),
        ..transport_row("")
    };
    house.apply(vec![(2, RowKind::Transport(row))], vec![]);
}

#[test]
fn during_an_ice_restart_media_stays_until_a_pair_is_nominated_under_the_new_credentials() {
    let mut house = call();
    let before = house.peers[1].address;
    restart(&mut house);
    let plain = Checking { use_candidate: false, priority: 1, ..Checking::of("00new") };
    house.check_from(elsewhere(), &plain);
    assert_eq!(next_goes_to(&mut house, 100), [before]);
    house.check(1); // under the credentials of before, USE-CANDIDATE and all
    house.check_from(elsewhere(), &Checking { use_candidate: true, ..plain });
    assert_eq!(next_goes_to(&mut house, 101), [elsewhere()], "though its priority is lower");
    house.check(1);
    assert_eq!(next_goes_to(&mut house, 102), [elsewhere()]);
}

#[test]
fn credentials_that_are_no_longer_in_the_row_are_worth_nothing() {
    let mut house = call();
    restart(&mut house);
    house.apply(vec![(2, RowKind::Transport(transport_row("00new")))], vec![]);
    house.check_from(elsewhere(), &Checking::of("00u2"));
    assert_eq!(house.drops("stun_unknown_ufrag"), 1);
    house.check_from(elsewhere(), &Checking::of("00new"));
    assert_eq!(next_goes_to(&mut house, 100), [elsewhere()]);
}

#[test]
fn a_check_in_the_name_of_anothers_address_does_not_cut_its_call() {
    let mut house = call();
    house.connect_peer(3);
    let victim = house.peers[1].address;
    let answers = house.peers[1].stun_answers;
    house.check_from(victim, &Checking::of("00u3"));
    assert_eq!((house.drops("address_taken"), house.peers[1].stun_answers), (1, answers));
    assert_eq!(next_goes_to(&mut house, 100), [victim]);
}

#[test]
fn an_address_goes_to_whoever_has_it_once_its_owner_is_silent_or_gone() {
    let mut house = call();
    house.add_peer(3);
    let address = house.peers[1].address;
    house.pass(ms(10_000));
    house.check(0);
    house.check_from(address, &Checking::of("00u3"));
    assert_eq!(house.drops("address_taken"), 0);
    assert!(next_goes_to(&mut house, 100).is_empty(), "the owner of before has no path left");
    house.check_from(elsewhere(), &Checking::of("00u2"));
    assert_eq!(next_goes_to(&mut house, 101), [elsewhere()]);
}

#[test]
fn a_replayed_packet_does_not_move_the_path() {
    let mut house = House::new();
    house.add_peer(1);
    let first = house.peers[0].address;
    let plain = Checking { use_candidate: false, ..Checking::of("00u1") };
    house.check_from(first, &plain);
    house.handshake(0);
    house.check_from(elsewhere(), &plain);
    house.apply(vec![(11, video(1, "0"))], vec![]);
    let packet = house.sealed(0, header(VP8, 1000, 1, 0), &[(1, b"0")], &vp8_payload(true, 1));
    house.datagram(first, packet.clone());
    house.datagram(elsewhere(), packet);
    house.sent.clear();
    house.pass(ms(2000));
    assert!(!house.sent.is_empty(), "reports leave");
    assert!(house.sent.iter().all(|sent| sent.to == first));
    let packet = house.sealed(0, header(VP8, 1000, 2, 0), &[(1, b"0")], &vp8_payload(true, 2));
    house.datagram(elsewhere(), packet);
    house.sent.clear();
    house.pass(ms(2000));
    assert!(house.sent.iter().all(|sent| sent.to == elsewhere()), "a new one does");
}
