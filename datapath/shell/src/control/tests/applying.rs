//! Apply: whole or not at all, in parts, and only once the worker agrees.

use super::*;
use datapath_core::rows::RefusalReason;
use proto::refused::Reason;

#[test]
fn rows_stand_once_the_worker_agrees_and_the_answer_repeats_exchange_room_and_generation() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.send(1, 77, apply(1, 3, call(3), vec![]));
    let commands = scene.control.take_commands();
    let [(0, Command::Apply(change))] = &commands[..] else { panic!("one question") };
    assert_eq!((change.room, change.puts.len()), (3, 4));
    assert!(scene.poll(1).is_none());
    scene.control.handle_event(scene.now, Event::Applied(Ok(())));
    let answer = scene.answer(1);
    assert_eq!(answer.exchange, 77);
    let Some(Body::Applied(applied)) = answer.body else { panic!("applied") };
    assert_eq!((applied.room, applied.generation), (3, 7));
    assert_eq!(scene.row_ids(1), [1, 10, 11, 12, 13]);
}

#[test]
fn what_the_worker_refuses_is_refused_and_nothing_holds() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    let refusal = Refusal { row: 13, reason: RefusalReason::Conflict, detail: "taken" };
    let answer = scene.apply(1, apply(1, 3, call(3), vec![]), Err(refusal));
    let Some(Body::Refused(refused)) = answer else { panic!("refused") };
    assert_eq!((refused.row, refused.reason()), (13, Reason::Conflict));
    assert_eq!(scene.row_ids(1), [1]);
}

#[test]
fn a_memo_asks_no_worker() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.send(1, 5, apply(1, 0, vec![memo(20, 0)], vec![]));
    assert!(scene.control.take_commands().is_empty());
    assert!(matches!(scene.answer(1).body, Some(Body::Applied(_))));
    let dump = scene.dump(1);
    assert!(dump.rows[1] == memo(20, 0));
}

#[test]
fn a_dump_shows_rows_as_they_were_put_but_for_passwords() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.apply(1, apply(1, 3, call(3), vec![]), Ok(()));
    let dump = scene.dump(1);
    assert!(dump.rows[3..] == call(3)[2..]);
    for row in &dump.rows[1..3] {
        let Some(Kind::Transport(transport)) = &row.kind else { panic!("a transport") };
        let ice = transport.ice.as_ref().expect("credentials");
        assert_eq!((ice.password.as_str(), &ice.ufrag), ("", &format!("00t{}", row.id)));
    }
}

#[test]
fn requests_behind_an_unanswered_one_wait_their_turn() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.send(1, 5, apply(1, 3, vec![transport(10, 3)], vec![]));
    scene.send(1, 6, apply(1, 3, vec![stream(12, 3, 10)], vec![]));
    assert_eq!(scene.control.take_commands().len(), 1);
    scene.control.handle_event(scene.now, Event::Applied(Ok(())));
    assert_eq!(scene.answer(1).exchange, 5);
    assert_eq!(scene.control.take_commands().len(), 1);
    scene.control.handle_event(scene.now, Event::Applied(Ok(())));
    assert_eq!(scene.answer(1).exchange, 6);
}

#[test]
fn parts_take_effect_at_the_last_and_have_one_answer() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    for (rows, more) in [(vec![memo(20, 0)], true), (vec![memo(21, 0)], false)] {
        assert_eq!(scene.row_ids(1), [1]);
        let part = Apply { epoch: 1, puts: rows, more, ..Apply::default() };
        scene.send(1, 8, Body::Apply(part));
    }
    assert!(matches!(scene.answer(1), Frame { exchange: 8, body: Some(Body::Applied(_)) }));
    assert_eq!(scene.row_ids(1), [1, 20, 21]);
    assert!(scene.poll(1).is_none());
}

#[test]
fn an_apply_whose_controller_left_before_the_answer_still_holds() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.send(1, 5, apply(1, 3, call(3), vec![]));
    scene.control.close(1);
    scene.control.handle_event(scene.now, Event::Applied(Ok(())));
    scene.greet(2, 2);
    assert_eq!(scene.row_ids(2), [1, 10, 11, 12, 13]);
}

#[test]
fn counters_are_answered_by_name_and_a_room_alone_is_unsupported() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.send(1, 5, Body::CountersRequest(proto::CountersRequest { room: 0 }));
    assert!(matches!(scene.control.take_commands()[..], [(0, Command::Count)]));
    let counted = Snapshot { counters: vec![("wakeups", 4)], ..Snapshot::default() };
    scene.control.handle_event(scene.now, Event::Counted(counted));
    let Some(Body::Counters(counters)) = scene.answer(1).body else { panic!("counters") };
    let value = |name: &str| counters.counters.iter().find(|c| c.name == name).map(|c| c.value);
    assert_eq!(value("wakeups"), Some(4));
    assert_eq!(value("lease_expiries"), Some(0));
    assert_eq!(value("control_frames_received"), Some(3));
    scene.send(1, 5, Body::CountersRequest(proto::CountersRequest { room: 3 }));
    assert_eq!(scene.refusal(1), (0, Reason::Unsupported));
}
