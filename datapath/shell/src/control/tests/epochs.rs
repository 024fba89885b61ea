//! Who counts: greeting, first Apply, takeover, and what a stale controller may not do.

use super::*;
use proto::refused::Reason;

#[test]
fn the_datapath_greets_first_and_says_what_it_is() {
    let mut scene = Scene::new();
    let hello = scene.greet(1, 1);
    assert_eq!((hello.schema, hello.epoch, hello.workers), (1, 0, 1));
    assert_eq!(hello.boot_id, [9; 16]);
    assert_eq!(hello.lease_ns, LEASE.as_nanos() as u64);
    assert_eq!(hello.now_ns, scene.now.0);
    assert_eq!(hello.listeners.len(), 1);
    assert!(hello.capabilities.contains(&proto::Capability::Leg.into()));
    assert!(!hello.capabilities.contains(&proto::Capability::Turn.into()));
}

#[test]
fn a_controller_counts_from_its_first_apply_and_not_before() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.greet(2, 2);
    assert_eq!(scene.dump(2).epoch, 1);
    let body = apply(1, 0, vec![memo(20, 0)], vec![]);
    assert!(matches!(scene.apply(1, body, Ok(())), Some(Body::Applied(_))));
    scene.send(2, 1, apply(2, 0, vec![], vec![]));
    assert!(matches!(scene.answer(2).body, Some(Body::Applied(_))));
    assert_eq!(scene.dump(2).epoch, 2);
}

#[test]
fn every_frame_of_an_older_epoch_is_refused_once_a_newer_counts() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.control_with(2, 2);
    for body in [
        apply(1, 0, vec![memo(20, 0)], vec![]),
        Body::DumpRequest(proto::DumpRequest {}),
        Body::CountersRequest(proto::CountersRequest { room: 0 }),
    ] {
        scene.send(1, 3, body);
        assert_eq!(scene.refusal(1), (0, Reason::StaleEpoch));
    }
    assert_eq!(scene.row_ids(2), [1]);
}

#[test]
fn an_epoch_that_has_counted_is_refused_at_hello() {
    let mut scene = Scene::new();
    scene.control_with(1, 5);
    scene.control.close(1);
    for epoch in [0, 4, 5] {
        scene.greet(2, epoch);
        assert_eq!(scene.refusal(2), (0, Reason::StaleEpoch));
        scene.send(2, 3, apply(epoch, 0, vec![], vec![]));
        assert_eq!(scene.refusal(2), (0, Reason::StaleEpoch));
        scene.control.close(2);
    }
    assert_eq!(scene.greet(3, 6).epoch, 5);
    scene.send(3, 1, apply(6, 0, vec![], vec![]));
    assert!(matches!(scene.answer(3).body, Some(Body::Applied(_))));
}

#[test]
fn of_two_with_one_epoch_the_first_to_apply_counts() {
    let mut scene = Scene::new();
    scene.greet(1, 1);
    scene.control_with(2, 1);
    scene.send(1, 3, apply(1, 0, vec![], vec![]));
    assert_eq!(scene.refusal(1), (0, Reason::StaleEpoch));
}

#[test]
fn an_apply_under_another_epoch_than_hello_is_refused() {
    let mut scene = Scene::new();
    scene.greet(1, 3);
    scene.send(1, 3, apply(4, 0, vec![], vec![]));
    assert_eq!(scene.refusal(1), (0, Reason::Malformed));
    scene.send(1, 3, apply(2, 0, vec![], vec![]));
    assert_eq!(scene.refusal(1), (0, Reason::StaleEpoch));
}

#[test]
fn whoever_does_not_greet_first_is_refused_and_ended() {
    let mut scene = Scene::new();
    scene.control.open(scene.now, 1);
    scene.readers.insert(1, FrameReader::default());
    scene.answer(1);
    scene.send(1, 3, apply(1, 0, vec![], vec![]));
    assert_eq!(scene.refusal(1), (0, Reason::Malformed));
    assert!(scene.control.connection(1).is_some_and(Connection::is_over));
}

#[test]
fn another_schema_is_refused_and_ended() {
    let mut scene = Scene::new();
    scene.control.open(scene.now, 1);
    scene.readers.insert(1, FrameReader::default());
    scene.answer(1);
    scene.send(1, 0, Body::Hello(Hello { schema: 9, epoch: 1, ..Hello::default() }));
    assert_eq!(scene.refusal(1), (0, Reason::Unsupported));
    assert!(scene.control.connection(1).is_some_and(Connection::is_over));
}

#[test]
fn a_silent_connection_is_closed_after_5_s() {
    let mut scene = Scene::new();
    scene.control.open(scene.now, 1);
    scene.pass(Duration::from_secs(4));
    assert!(scene.control.connection(1).is_some());
    scene.pass(Duration::from_secs(1));
    assert!(scene.control.connection(1).is_none());
}

#[test]
fn a_frame_above_1_mib_ends_the_connection_and_is_logged() {
    let mut scene = Scene::new();
    scene.greet(1, 1);
    scene.control.take_lines();
    scene.control.handle_bytes(scene.now, 1, &[0, 0x10, 0, 1]);
    assert!(scene.control.connection(1).is_some_and(Connection::is_over));
    let events: Vec<_> = scene.control.take_lines().iter().map(|(_, event, _)| *event).collect();
    assert_eq!(events, ["connection_closed"]);
}

#[test]
fn verbs_that_are_not_built_are_unsupported_and_answers_are_no_requests() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.send(1, 3, Body::Send(proto::Send::default()));
    assert_eq!(scene.refusal(1), (0, Reason::Unsupported));
    scene.send(1, 3, Body::Applied(proto::Applied::default()));
    assert_eq!(scene.refusal(1), (0, Reason::Malformed));
}
