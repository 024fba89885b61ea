//! Doors close by themselves: the lease over the whole table, and what ends at its own time.

use super::*;

#[test]
fn without_a_frame_for_the_lease_everything_but_memos_and_listeners_goes() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.apply(1, apply(1, 3, call(3), vec![]), Ok(()));
    scene.apply(1, apply(1, 3, vec![memo(20, 3)], vec![]), Ok(()));
    scene.control.close(1);
    scene.pass(LEASE - Duration::from_millis(1));
    assert!(scene.control.take_commands().is_empty());
    scene.pass(Duration::from_millis(1));
    let told = scene.control.take_commands();
    assert!(matches!(told[..], [(0, Command::EndAll)]));
    let hello = scene.greet(2, 2);
    assert_eq!((hello.epoch, hello.boot_id), (1, vec![9; 16]));
    assert_eq!(scene.row_ids(2), [1, 20]);
    assert_eq!(scene.control.counters.lease_expiries, 1);
}

#[test]
fn every_frame_of_the_controller_renews_the_lease() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.apply(1, apply(1, 3, call(3), vec![]), Ok(()));
    for body in [apply(1, 0, vec![], vec![]), Body::DumpRequest(proto::DumpRequest {})] {
        scene.pass(LEASE - Duration::from_secs(1));
        scene.send(1, 3, body);
        scene.answer(1);
    }
    scene.pass(LEASE - Duration::from_secs(1));
    assert_eq!(scene.control.counters.lease_expiries, 0);
}

#[test]
fn frames_of_somebody_who_does_not_count_renew_nothing() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.apply(1, apply(1, 3, call(3), vec![]), Ok(()));
    scene.control.close(1);
    scene.pass(LEASE / 2);
    scene.greet(2, 2);
    scene.dump(2);
    scene.pass(LEASE / 2);
    assert_eq!(scene.row_ids(2), [1]);
}

#[test]
fn a_silent_controller_is_told_which_transports_the_lease_took() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.apply(1, apply(1, 3, call(3), vec![]), Ok(()));
    scene.pass(LEASE);
    let Some(Body::Upcall(upcall)) = scene.answer(1).body else { panic!("facts") };
    let ended: Vec<_> = upcall.facts.iter().map(|facts| (facts.row, facts.kind.clone())).collect();
    let lease = Some(proto::facts::Kind::Ended(ended_by_lease()));
    assert!(ended == [(10, lease.clone()), (11, lease)]);
    // It is still the controller, and its next rows stand under a new lease.
    scene.apply(1, apply(1, 3, vec![transport(30, 3)], vec![]), Ok(()));
    assert_eq!(scene.row_ids(1), [1, 30]);
}

fn ended_by_lease() -> proto::Ended {
    proto::Ended { reason: proto::ended::Reason::Lease.into() }
}

#[test]
fn the_lease_waits_for_a_worker_that_has_not_answered() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    scene.send(1, 5, apply(1, 3, call(3), vec![]));
    scene.pass(LEASE * 2);
    assert_eq!(scene.control.counters.lease_expiries, 0);
    scene.control.handle_event(scene.now, Event::Applied(Ok(())));
    scene.pass(Duration::ZERO);
    assert_eq!(scene.control.counters.lease_expiries, 1);
}

#[test]
fn a_memo_ends_at_its_time_and_the_controller_is_told_once() {
    let mut scene = Scene::new();
    scene.control_with(1, 1);
    let mut row = memo(20, 0);
    let Some(Kind::Memo(memo)) = &mut row.kind else { panic!("a memo") };
    memo.not_after_ns = scene.now.plus(Duration::from_secs(2)).0;
    scene.apply(1, apply(1, 0, vec![row], vec![]), Ok(()));
    scene.pass(Duration::from_secs(1));
    assert_eq!(scene.row_ids(1), [1, 20]);
    scene.pass(Duration::from_secs(1));
    let Some(Body::Upcall(upcall)) = scene.answer(1).body else { panic!("facts") };
    assert_eq!(upcall.facts.len(), 1);
    assert_eq!(upcall.facts[0].row, 20);
    let dump = scene.dump(1);
    assert_eq!((dump.rows.len(), dump.facts.len()), (1, 0));
    assert!(scene.poll(1).is_none());
}
