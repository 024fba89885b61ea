//! Data messages through the machine as participants send and hear them.

mod house;

use datapath_core::data::SendTo;
use datapath_core::rows::{DataChannelRow, DataRole, RefusalReason, RowId, RowKind};
use house::*;

const RELIABLE: &str = "_reliable";
const LOSSY: &str = "_lossy";

/// Protobuf: a length-delimited field.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    if number > 15 {
        out = vec![(number << 3 | 2) | 0x80, number >> 4];
    }
    let mut length = bytes.len();
    while length > 0x7f {
        out.push((length as u8) | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

fn sequence(number: u8) -> Vec<u8> {
    vec![0x80, 0x01, number]
}

fn stamp_of(identity: &str) -> Vec<u8> {
    [field(4, identity.as_bytes()), field(17, format!("PA_{identity}").as_bytes())].concat()
}

fn user_stamp_of(identity: &str) -> Vec<u8> {
    field(
        2,
        &[field(1, format!("PA_{identity}").as_bytes()), field(5, identity.as_bytes())].concat(),
    )
}

/// A chat message, whatever that is.
fn chat(text: &[u8]) -> Vec<u8> {
    field(9, text)
}

fn channel(transport: RowId, identity: &str, role: DataRole, label: &str) -> DataChannelRow {
    let lossy = label == LOSSY;
    DataChannelRow {
        transport,
        label: label.into(),
        ordered: !lossy,
        max_retransmits: lossy.then_some(0),
        role,
        group: label.trim_start_matches('_').into(),
        identity: identity.into(),
        may_publish: true,
        stamp: stamp_of(identity).into(),
        user_stamp: user_stamp_of(identity).into(),
        max_message_bytes: if role == DataRole::Publish { 65_535 } else { 0 },
    }
}

/// Rows of one participant: 10 * `who` + 1.. on its publisher, + 5.. on its subscriber.
fn rows(who: u64, identity: &str) -> Vec<(RowId, RowKind)> {
    let (publisher, subscriber) = (10 * who + 1, 10 * who + 2);
    [(3, publisher, DataRole::Publish), (5, subscriber, DataRole::Deliver)]
        .into_iter()
        .flat_map(|(at, transport, role)| {
            [RELIABLE, LOSSY].into_iter().enumerate().map(move |(n, label)| {
                let row = channel(transport, identity, role, label);
                (10 * who + at + n as u64, RowKind::DataChannel(row))
            })
        })
        .collect()
}

/// A participant with two transports, its channels open. Its peers are 2n and 2n + 1.
fn join(house: &mut House, who: u64, identity: &str) {
    let (publisher, subscriber) = enter(house, who, identity);
    call(house, publisher);
    open_channels(house, publisher);
    call(house, subscriber);
}

/// The same before SCTP.
fn enter(house: &mut House, who: u64, identity: &str) -> (usize, usize) {
    let publisher = house.connect_peer(10 * who + 1);
    let subscriber = house.connect_peer(10 * who + 2);
    house.apply(rows(who, identity), vec![]);
    (publisher, subscriber)
}

fn call(house: &mut House, peer: usize) {
    house.peers[peer].sctp = Some(SctpPeer::new());
    house.pump(peer);
    assert!(house.peers[peer].sctp().up);
}

fn open_channels(house: &mut House, peer: usize) {
    house.peers[peer].sctp().open(0, RELIABLE, None);
    house.peers[peer].sctp().open(2, LOSSY, Some(0));
    house.pump(peer);
    let mut confirmed = house.peers[peer].sctp().confirmed.clone();
    confirmed.sort_unstable();
    assert_eq!(confirmed, [0, 2]);
}

/// A doctor (peers 0 and 1) and a patient (2 and 3).
fn consultation() -> House {
    let mut house = House::new();
    join(&mut house, 0, "doctor");
    join(&mut house, 1, "patient");
    house
}

fn say(house: &mut House, peer: usize, stream: u16, message: &[u8]) {
    house.peers[peer].sctp().send(stream, message);
    house.pump(peer);
}

fn heard(house: &mut House, peer: usize, label: &str) -> Vec<Vec<u8>> {
    house.peers[peer].sctp().heard_on(label).into_iter().map(<[u8]>::to_vec).collect()
}

fn counter(house: &House, name: &str) -> u64 {
    let totals = house.machine.counters().totals();
    totals.iter().find(|(of, _)| *of == name).expect("a known counter").1
}

#[test]
fn channels_are_opened_to_subscribers_under_the_labels_of_their_rows() {
    let mut house = consultation();
    let mut labels: Vec<_> = house.peers[1].sctp().offered.values().cloned().collect();
    labels.sort();
    assert_eq!(labels, [LOSSY, RELIABLE]);
    let mut streams: Vec<_> = house.peers[1].sctp().offered.keys().copied().collect();
    streams.sort_unstable();
    assert_eq!(streams, [1, 3], "the DTLS server's numbers are odd");
}

#[test]
fn a_message_reaches_the_others_stamped_and_its_sender_not() {
    let mut house = consultation();
    say(&mut house, 0, 0, &chat(b"good morning"));
    let stamped = [chat(b"good morning"), stamp_of("doctor")].concat();
    assert_eq!(heard(&mut house, 3, RELIABLE), [stamped]);
    assert!(heard(&mut house, 1, RELIABLE).is_empty());
    assert_eq!(heard(&mut house, 3, LOSSY).len(), 0);
}

#[test]
fn a_stamp_comes_after_what_a_sender_says_of_itself_and_a_user_packet_gets_its_own() {
    let mut house = consultation();
    let lie = [field(4, b"patient"), field(2, &field(1, b"PA_patient"))].concat();
    say(&mut house, 0, 2, &lie);
    let stamped = [lie, user_stamp_of("doctor"), stamp_of("doctor")].concat();
    assert_eq!(heard(&mut house, 3, LOSSY), [stamped]);
}

#[test]
fn a_message_reaches_named_destinations_only() {
    let mut house = consultation();
    join(&mut house, 2, "interpreter");
    say(&mut house, 0, 0, &[field(5, b"interpreter"), chat(b"a")].concat());
    say(&mut house, 0, 0, &field(2, &field(6, b"patient")));
    say(&mut house, 0, 0, &[field(5, b"nobody"), chat(b"c")].concat());
    assert_eq!(heard(&mut house, 5, RELIABLE).len(), 1);
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 1);
    assert!(heard(&mut house, 3, RELIABLE)[0].starts_with(&field(2, &field(6, b"patient"))));
}

#[test]
fn rooms_do_not_hear_each_other() {
    let mut house = consultation();
    let elsewhere = channel(90, "stranger", DataRole::Deliver, RELIABLE);
    let index = house.connect_peer(90);
    let refused = house.try_apply(
        vec![(91, RowKind::DataChannel(DataChannelRow { transport: 999, ..elsewhere.clone() }))],
        vec![],
    );
    assert_eq!(refused.expect_err("no such transport").reason, RefusalReason::UnknownReference);
    house.apply(
        vec![(91, RowKind::DataChannel(DataChannelRow { group: "other".into(), ..elsewhere }))],
        vec![],
    );
    call(&mut house, index);
    say(&mut house, 0, 0, &chat(b"private"));
    assert!(heard(&mut house, index, RELIABLE).is_empty());
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 1);
}

#[test]
fn a_message_of_64_kib_passes_byte_for_byte() {
    let mut house = consultation();
    let text: Vec<u8> = (0..65_000u32).map(|n| (n % 251) as u8).collect();
    say(&mut house, 0, 0, &chat(&text));
    house.pass(ms(500));
    assert_eq!(heard(&mut house, 3, RELIABLE), [[chat(&text), stamp_of("doctor")].concat()]);
}

#[test]
fn a_number_seen_before_is_dropped_and_the_next_is_not() {
    let mut house = consultation();
    for number in [1, 2, 2, 1, 3] {
        say(&mut house, 0, 0, &[sequence(number), chat(&[number])].concat());
    }
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 3);
    assert_eq!(house.drops("data_duplicate"), 2);
    say(&mut house, 2, 0, &[sequence(1), chat(b"mine")].concat());
    assert_eq!(heard(&mut house, 1, RELIABLE).len(), 1, "numbers are each sender's own");
}

#[test]
fn who_may_not_publish_is_not_heard_until_its_row_says_otherwise() {
    let mut house = consultation();
    let row = channel(1, "doctor", DataRole::Publish, RELIABLE);
    let muted = DataChannelRow { may_publish: false, ..row.clone() };
    house.apply(vec![(3, RowKind::DataChannel(muted))], vec![]);
    say(&mut house, 0, 0, &chat(b"a"));
    assert_eq!((heard(&mut house, 3, RELIABLE).len(), house.drops("data_not_allowed")), (0, 1));
    house.apply(vec![(3, RowKind::DataChannel(row))], vec![]);
    say(&mut house, 0, 0, &chat(b"b"));
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 1);
}

#[test]
fn what_is_no_data_packet_goes_nowhere() {
    let mut house = consultation();
    say(&mut house, 0, 0, &[0x4a, 0x7f, 1]);
    house.peers[0].sctp().send_as(0, b"text", sctp_proto::PayloadProtocolIdentifier::String);
    house.pump(0);
    assert_eq!(house.drops("data_malformed"), 2);
    say(&mut house, 0, 0, &field(2, &field(3, b"PA_patient")));
    assert_eq!(house.drops("data_by_sid"), 1);
    assert!(heard(&mut house, 3, RELIABLE).is_empty());
}

#[test]
fn an_oversized_message_ends_its_channel_and_nothing_else() {
    let mut house = consultation();
    say(&mut house, 0, 0, &chat(&vec![7; 100_000]));
    house.pass(ms(1000));
    assert_eq!(house.drops("data_too_large"), 1);
    assert_eq!(house.peers[0].sctp().ended, [0]);
    say(&mut house, 0, 2, &chat(b"the other channel"));
    say(&mut house, 2, 0, &chat(b"the other sender"));
    assert_eq!(heard(&mut house, 3, LOSSY).len(), 1);
    assert_eq!(heard(&mut house, 1, RELIABLE).len(), 1);
    house.peers[0].sctp().confirmed.clear();
    house.peers[0].sctp().open(4, RELIABLE, None);
    house.pump(0);
    assert_eq!(house.peers[0].sctp().confirmed, [4], "the client may open it again");
    say(&mut house, 0, 4, &chat(b"back"));
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 1);
}

#[test]
fn a_channel_that_no_row_names_is_ended() {
    let mut house = consultation();
    house.peers[0].sctp().open(6, "backdoor", None);
    house.pump(0);
    house.pass(ms(500));
    assert_eq!(house.peers[0].sctp().ended, [6]);
    assert_eq!(house.drops("data_no_channel"), 1);
}

#[test]
fn messages_wait_for_a_receiver_that_is_still_joining() {
    let mut house = consultation();
    say(&mut house, 0, 0, &chat(b"before it came"));
    let (publisher, subscriber) = enter(&mut house, 2, "interpreter");
    say(&mut house, 0, 0, &[sequence(1), chat(b"one")].concat());
    say(&mut house, 0, 2, &chat(b"lossy"));
    say(&mut house, 0, 0, &[field(5, b"patient"), chat(b"not for it")].concat());
    say(&mut house, 2, 0, &chat(b"two"));
    call(&mut house, publisher);
    call(&mut house, subscriber);
    say(&mut house, 0, 0, &[sequence(2), chat(b"three")].concat());
    let expected = [
        [sequence(1), chat(b"one"), stamp_of("doctor")].concat(),
        [chat(b"two"), stamp_of("patient")].concat(),
        [sequence(2), chat(b"three"), stamp_of("doctor")].concat(),
    ];
    assert_eq!(heard(&mut house, subscriber, RELIABLE), expected);
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 4, "who was there hears each once");
    assert_eq!(counter(&house, "data_replayed"), 2);
    let kept = house.machine.levels().into_iter().find(|(name, _)| *name == "data_replay_bytes");
    assert_eq!(kept, Some(("data_replay_bytes", 0)), "nobody joins any more");
}

#[test]
fn a_receiver_that_came_too_late_hears_only_what_is_young() {
    let mut house = consultation();
    let (_, subscriber) = enter(&mut house, 2, "interpreter");
    say(&mut house, 0, 0, &chat(b"old"));
    house.pass(ms(10_000));
    for peer in 0..house.peers.len() {
        house.check(peer);
    }
    house.pass(ms(6_000));
    say(&mut house, 0, 0, &chat(b"young"));
    call(&mut house, subscriber);
    let expected = [chat(b"young"), stamp_of("doctor")].concat();
    assert_eq!(heard(&mut house, subscriber, RELIABLE), [expected]);
}

#[test]
fn a_slow_receiver_loses_its_own_channel_and_gets_it_back() {
    let mut house = consultation();
    join(&mut house, 2, "interpreter");
    house.peers[5].sctp().deaf = true;
    let text = vec![1; 60_000];
    for _ in 0..60 {
        say(&mut house, 0, 0, &chat(&text));
        house.pass(ms(5));
    }
    house.pass(ms(1000));
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 60, "the patient hears everything");
    assert!(house.drops("data_slow_reliable") == 1 && house.drops("data_not_open") > 0);
    assert_eq!(counter(&house, "data_channels_reset"), 1);
    house.peers[5].sctp().listen();
    house.pass(ms(20_000));
    house.peers[5].sctp().heard.clear();
    for peer in 0..house.peers.len() {
        house.check(peer);
    }
    say(&mut house, 0, 0, &chat(b"again"));
    house.pass(ms(200));
    assert_eq!(heard(&mut house, 5, RELIABLE).len(), 1, "its channel was opened anew");
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 61);
}

#[test]
fn a_sender_is_held_to_the_pace_of_its_only_receiver_and_nothing_is_lost() {
    let mut house = consultation();
    house.peers[3].sctp().deaf = true;
    let text = vec![1; 60_000];
    for _ in 0..60 {
        house.peers[0].sctp().send(0, &chat(&text));
    }
    house.pump(0);
    house.pass(ms(1_000));
    assert!(counter(&house, "data_holds") > 0);
    for _ in 0..100 {
        house.peers[3].sctp().listen();
        house.pass(ms(50));
    }
    for peer in 0..house.peers.len() {
        house.check(peer);
    }
    house.pass(ms(3_000));
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 60);
    assert_eq!(counter(&house, "data_channels_reset"), 0);
}

#[test]
fn a_receiver_that_stands_still_holds_its_sender_for_a_while_and_then_loses_its_channel() {
    let mut house = consultation();
    house.peers[3].sctp().deaf = true;
    for _ in 0..60 {
        house.peers[0].sctp().send(0, &chat(&[1; 60_000]));
    }
    house.pump(0);
    for _ in 0..4 {
        house.pass(ms(8_000));
        for peer in 0..house.peers.len() {
            house.check(peer);
        }
    }
    assert_eq!(counter(&house, "data_channels_reset"), 1);
    assert_eq!(counter(&house, "data_received"), 60, "the sender has got rid of everything");
}

#[test]
fn a_slow_receiver_loses_lossy_messages_and_keeps_its_channel() {
    let mut house = consultation();
    join(&mut house, 2, "interpreter");
    house.peers[5].sctp().deaf = true;
    // Its window (1 MiB) fills first, then our queue.
    for _ in 0..30 {
        say(&mut house, 0, 2, &chat(&[2; 50_000]));
        house.pass(ms(5));
    }
    assert_eq!(heard(&mut house, 3, LOSSY).len(), 30);
    assert!(house.drops("data_slow_lossy") > 0);
    assert_eq!(counter(&house, "data_channels_reset"), 0);
}

#[test]
fn a_lost_datagram_is_repeated_on_a_reliable_channel() {
    let mut house = consultation();
    house.peers[0].sctp().send(0, &chat(b"lost on the way"));
    let lost = house.peers[0].swallow();
    assert!(lost > 0);
    house.pass(ms(4_000));
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 1);
}

#[test]
fn on_one_transport_both_directions_use_the_clients_channel() {
    let mut house = consultation();
    let peer = house.connect_peer(90);
    let publish = channel(90, "solo", DataRole::Publish, RELIABLE);
    let deliver = DataChannelRow { role: DataRole::Deliver, ..publish.clone() };
    house.apply(
        vec![(91, RowKind::DataChannel(publish)), (92, RowKind::DataChannel(deliver))],
        vec![],
    );
    call(&mut house, peer);
    say(&mut house, 0, 0, &chat(b"early"));
    house.peers[peer].sctp().open(0, RELIABLE, None);
    house.pump(peer);
    say(&mut house, 0, 0, &chat(b"hello"));
    say(&mut house, peer, 0, &chat(b"hi"));
    assert!(house.peers[peer].sctp().offered.is_empty());
    assert_eq!(heard(&mut house, peer, RELIABLE).len(), 2);
    assert_eq!(heard(&mut house, 1, RELIABLE).len(), 1);
}

#[test]
fn a_deleted_row_ends_its_channel() {
    let mut house = consultation();
    house.apply(vec![], vec![15]);
    house.pass(ms(500));
    assert_eq!(house.peers[3].sctp().ended.len(), 1);
    say(&mut house, 0, 0, &chat(b"a"));
    assert!(heard(&mut house, 3, RELIABLE).is_empty());
    house.apply(vec![], vec![11, 12]);
    say(&mut house, 0, 0, &chat(b"b"));
    let left = house.machine.levels().into_iter().find(|(name, _)| *name == "data_channels");
    assert_eq!(left, Some(("data_channels", 4)), "channels go with their transport");
}

#[test]
fn what_the_control_plane_sends_reaches_one_channel_or_those_that_it_names() {
    let mut house = consultation();
    let now = house.now;
    let message = chat(b"from the house");
    let one = SendTo::Channel(15);
    house.machine.send_data(now, ROOM, &one, message.clone()).expect("it delivers");
    let all = SendTo::Group("reliable".into());
    house.machine.send_data(now, ROOM, &all, message.clone()).expect("a packet");
    let named = [field(5, b"doctor"), message.clone()].concat();
    house.machine.send_data(now, ROOM, &all, named.clone()).expect("a packet");
    house.settle();
    assert_eq!(heard(&mut house, 3, RELIABLE), [message.clone(), message.clone()]);
    assert_eq!(heard(&mut house, 1, RELIABLE), [message.clone(), named]);
    let publishes = house.machine.send_data(now, ROOM, &SendTo::Channel(13), message);
    assert_eq!(publishes.expect_err("refused").reason, RefusalReason::UnknownReference);
    let broken = house.machine.send_data(now, ROOM, &one, vec![0x4a, 0x7f]);
    assert_eq!(broken.expect_err("refused").reason, RefusalReason::Malformed);
}

#[test]
fn sctp_without_a_row_is_dropped_and_answered_by_nothing() {
    let mut house = House::new();
    let peer = house.connect_peer(1);
    house.peers[peer].sctp = Some(SctpPeer::new());
    house.pump(peer);
    assert!(!house.peers[peer].sctp().up);
    assert_eq!(house.drops("sctp_unexpected"), 1);
}

#[test]
fn a_client_that_begins_anew_gets_its_channels_again() {
    let mut house = consultation();
    house.peers[3].sctp = Some(SctpPeer::new());
    house.pump(3);
    house.pass(ms(100));
    assert_eq!(house.peers[3].sctp().offered.len(), 2);
    say(&mut house, 0, 0, &chat(b"again"));
    assert_eq!(heard(&mut house, 3, RELIABLE).len(), 1);
}

#[test]
fn rows_that_cannot_stand_are_refused() {
    let mut house = consultation();
    let twice = channel(1, "doctor", DataRole::Publish, RELIABLE);
    let refused = house.try_apply(vec![(99, RowKind::DataChannel(twice.clone()))], vec![]);
    assert_eq!(refused.expect_err("taken").reason, RefusalReason::Conflict);
    let moved = DataChannelRow { group: "elsewhere".into(), ..twice };
    let refused = house.try_apply(vec![(3, RowKind::DataChannel(moved))], vec![]);
    assert_eq!(refused.expect_err("moved").reason, RefusalReason::Conflict);
}
