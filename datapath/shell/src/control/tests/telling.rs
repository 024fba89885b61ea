//! Facts as levels: the newest per row, to the controller that counts and to every Dump.

use super::*;
use crate::log::Line;
use datapath_core::facts::{Facts, FactsKind, LegFacts, TransportFacts};

fn leg_facts(row: u64, revision: u64) -> Facts {
    Facts { row, room: 3, revision, kind: FactsKind::Leg(LegFacts::default()) }
}

fn in_call() -> Scene {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.apply(1, apply(1, 3, call(3), vec![]), Ok(()));
    scene
}

fn told(scene: &mut Scene, id: ConnectionId) -> Vec<(u64, u64)> {
    let mut told = Vec::new();
    while let Some(frame) = scene.poll(id) {
        let Some(Body::Upcall(upcall)) = frame.body else { panic!("an upcall") };
        told.extend(upcall.facts.iter().map(|facts| (facts.row, facts.revision)));
    }
    told
}

#[test]
fn a_reading_controller_is_told_at_once() {
    let mut scene = in_call();
    scene.control.handle_facts(scene.now, [leg_facts(13, 1)]);
    assert_eq!(told(&mut scene, 1), [(13, 1)]);
}

#[test]
fn a_new_controller_is_told_what_changed_after_its_dump_and_nothing_twice() {
    let mut scene = in_call();
    scene.control.handle_facts(scene.now, [leg_facts(13, 1)]);
    let transport = FactsKind::Transport(TransportFacts::default());
    scene
        .control
        .handle_facts(scene.now, [Facts { row: 10, room: 3, revision: 4, kind: transport }]);
    scene.control.close(1);
    scene.greet(2, 2);
    let mut known: Vec<_> = scene.dump(2).facts.iter().map(|f| (f.row, f.revision)).collect();
    known.sort_unstable();
    assert_eq!(known, [(10, 4), (13, 1)]);
    scene.control.handle_facts(scene.now, [leg_facts(13, 2)]);
    assert_eq!(told(&mut scene, 2), [], "it does not count yet");
    scene.send(2, 1, apply(2, 0, vec![], vec![]));
    assert!(matches!(scene.answer(2).body, Some(Body::Applied(_))));
    assert_eq!(told(&mut scene, 2), [(13, 2)]);
}

#[test]
fn facts_of_a_deleted_row_are_neither_told_nor_dumped() {
    let mut scene = in_call();
    scene.control.handle_facts(scene.now, [leg_facts(13, 1)]);
    told(&mut scene, 1);
    scene.apply(1, apply(1, 3, vec![], vec![12]), Ok(()));
    scene.control.handle_facts(scene.now, [leg_facts(13, 2)]);
    assert_eq!(told(&mut scene, 1), []);
    let dump = scene.dump(1);
    assert!(dump.facts.is_empty());
    assert_eq!(dump.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 10, 11]);
}

#[test]
fn a_row_that_ended_goes_with_all_that_hangs_on_it_and_is_told_once() {
    let mut scene = in_call();
    let last = Facts { row: 10, room: 3, revision: 2, kind: FactsKind::Ended };
    scene.control.handle_event(scene.now, Event::Ended(last));
    assert_eq!(told(&mut scene, 1), [(10, 2)]);
    let dump = scene.dump(1);
    assert!(dump.facts.is_empty());
    assert_eq!(dump.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 11]);
}

#[test]
fn a_controller_that_does_not_read_costs_one_slot_per_row() {
    let mut scene = in_call();
    let rows: Vec<_> = (100..4_000).map(|id| transport(id, 3)).collect();
    scene.apply(1, apply(1, 3, rows, vec![]), Ok(()));
    for revision in 1..=20 {
        let facts = (100..4_000).map(|row| leg_facts(row, revision));
        scene.control.handle_facts(scene.now, facts);
    }
    let unsent = scene.control.connection(1).expect("connected").unsent().len();
    assert!(unsent < 512 << 10, "{unsent}");
    assert_eq!(scene.control.board.standing().len(), 3_900);
    let told = told(&mut scene, 1);
    let newest = (100..4_000).all(|row| told.contains(&(row, 20)));
    assert!(newest, "the newest of every row is told in the end");
}

#[test]
fn log_lines_go_up_to_the_controller() {
    let mut scene = in_call();
    let line = Line { at: scene.now, level: Level::Info, event: "x", fields: vec![] };
    scene.control.handle_line(&line);
    let Some(Body::Log(log)) = scene.answer(1).body else { panic!("a line") };
    assert_eq!((log.event.as_str(), log.at_ns), ("x", scene.now.0));
}

#[test]
fn a_row_put_again_after_it_ended_stands() {
    let mut scene = in_call();
    scene.send(1, 5, apply(1, 3, vec![transport(10, 3)], vec![]));
    let last = Facts { row: 10, room: 3, revision: 2, kind: FactsKind::Ended };
    scene.control.handle_event(scene.now, Event::Ended(last));
    scene.control.handle_event(scene.now, Event::Applied(Ok(())));
    assert!(matches!(scene.answer(1).body, Some(Body::Upcall(_))));
    assert!(matches!(scene.answer(1).body, Some(Body::Applied(_))));
    assert_eq!(scene.row_ids(1), [1, 10, 11]);
}

#[test]
fn a_row_that_ended_with_its_put_is_gone() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.send(1, 5, apply(1, 3, vec![transport(10, 3)], vec![]));
    scene.control.handle_event(scene.now, Event::Applied(Ok(())));
    let last = Facts { row: 10, room: 3, revision: 1, kind: FactsKind::Ended };
    scene.control.handle_event(scene.now, Event::Ended(last));
    scene.answer(1);
    assert_eq!(told(&mut scene, 1), [(10, 1)]);
    assert_eq!(scene.row_ids(1), [1]);
}

#[test]
fn a_newcomer_is_told_what_ended_between_its_dump_and_its_first_apply() {
    let mut scene = in_call();
    scene.greet(2, 2);
    scene.dump(2);
    for row in [10, 11] {
        let last = Facts { row, room: 3, revision: 2, kind: FactsKind::Ended };
        scene.control.handle_event(scene.now, Event::Ended(last));
        // With the controller that was and without.
        scene.control.close(1);
    }
    scene.send(2, 1, apply(2, 0, vec![], vec![]));
    assert!(matches!(scene.answer(2).body, Some(Body::Applied(_))));
    assert_eq!(told(&mut scene, 2), [(10, 2), (11, 2)]);
}

#[test]
fn what_ended_is_forgotten_once_nobody_waits_for_it() {
    let mut scene = in_call();
    scene.greet(2, 2);
    scene.dump(2);
    let last = Facts { row: 10, room: 3, revision: 2, kind: FactsKind::Ended };
    scene.control.handle_event(scene.now, Event::Ended(last));
    assert_eq!(told(&mut scene, 1), [(10, 2)]);
    assert!(scene.control.board.after(0).is_some());
    scene.control.close(2);
    assert!(scene.control.board.after(0).is_none());
}
