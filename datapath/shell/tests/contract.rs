//! The real binary on loopback: the contract over its socket, from the first Hello to SIGTERM.

#[allow(dead_code, reason = "the sandbox's tests need more of it")]
mod process;

use process::proto::refused::Reason;
use process::proto::{Apply, Counters, Memo, Row, frame::Body, row::Kind};
use process::{Controller, Datapath};

fn memo(id: u64) -> Row {
    let memo =
        Memo { scope: "used".into(), key: "grant".into(), value: vec![1, 2, 3], not_after_ns: 0 };
    Row { id, kind: Some(Kind::Memo(memo)), ..Row::default() }
}

fn put(epoch: u64, row: Row) -> Body {
    Body::Apply(Apply { epoch, generation: 1, puts: vec![row], ..Apply::default() })
}

fn touch(epoch: u64) -> Body {
    Body::Apply(Apply { epoch, ..Apply::default() })
}

fn row_ids(controller: &mut Controller) -> Vec<u64> {
    controller.dump().0.iter().map(|row| row.id).collect()
}

#[test]
fn a_memo_outlives_its_controller_and_the_older_epoch_is_refused() {
    let datapath = Datapath::start("memo", &[]);
    let (mut first, hello) = Controller::greet(&datapath, 1);
    assert_eq!((hello.epoch, hello.boot_id.len(), hello.workers), (0, 16, 1));
    assert_eq!(hello.fingerprints[0].value.len(), 32);
    assert_eq!(hello.listeners.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(first.ask(put(1, memo(10))), Body::Applied(_)));

    let (mut second, again) = Controller::greet(&datapath, 2);
    assert_eq!(again.epoch, 1);
    assert_eq!(again.boot_id, hello.boot_id);
    let (rows, epoch) = second.dump();
    assert_eq!(epoch, 1);
    assert!(rows[2] == memo(10));
    assert!(matches!(second.ask(touch(2)), Body::Applied(_)));

    let Body::Refused(refused) = first.ask(put(1, memo(11))) else { panic!("it is stale") };
    assert_eq!(refused.reason(), Reason::StaleEpoch);
    assert_eq!(row_ids(&mut second), [1, 2, 10]);
}

#[test]
fn sigterm_ends_it_with_status_0() {
    let mut datapath = Datapath::start("sigterm", &[]);
    let (mut controller, _) = Controller::greet(&datapath, 1);
    assert!(matches!(controller.ask(touch(1)), Body::Applied(_)));
    datapath.terminate();
    assert_eq!(datapath.exit_status(), Some(0));
}

#[test]
fn the_lease_ends_by_itself_and_is_counted() {
    let datapath = Datapath::start("lease", &["--lease-s", "1"]);
    let (mut controller, _) = Controller::greet(&datapath, 1);
    assert!(matches!(controller.ask(put(1, memo(10))), Body::Applied(_)));
    let event = controller.wait_for_line("lease_ended");
    assert_eq!(event.fields["transports"], "0");
    assert_eq!(row_ids(&mut controller), [1, 2, 10]);
    assert_eq!(value(&controller.counters().counters, "lease_expiries"), Some(1));
}

#[test]
fn every_counter_is_present_from_the_start_and_unknown_datagrams_get_no_answer() {
    let datapath = Datapath::start("counters", &[]);
    let (mut controller, hello) = Controller::greet(&datapath, 1);
    let Counters { counters, levels, drops } = controller.counters();
    for name in ["datagrams_received", "send_calls", "wakeups", "rtp_received", "lease_expiries"] {
        assert!(value(&counters, name).is_some(), "{name}");
    }
    assert_eq!(value(&levels, "rows"), Some(2));
    for name in ["receive_buffer_full", "send_buffer_full", "oversized", "unclassified"] {
        assert_eq!(value(&drops, name), Some(0), "{name}");
    }
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let Some(Kind::Listener(listener)) = &hello.listeners[0].kind else { panic!("a listener") };
    sender.send_to(&[0xff; 40], &listener.address).expect("sent");
    let counted = controller.wait_for_counters(|c| value(&c.drops, "unclassified") == Some(1));
    assert_eq!(value(&counted.counters, "datagrams_sent"), Some(0));
}

#[test]
fn a_second_datapath_does_not_take_over_the_socket() {
    let datapath = Datapath::start("second", &[]);
    let mut second = datapath.another();
    assert_eq!(second.exit_status(), Some(1));
    assert!(second.first_line().contains("another datapath answers"));
}

#[test]
fn the_control_socket_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let datapath = Datapath::start("mode", &[]);
    let mode = std::fs::metadata(datapath.control_socket()).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

fn value(counters: &[process::proto::Counter], name: &str) -> Option<u64> {
    counters.iter().find(|counter| counter.name == name).map(|counter| counter.value)
}
