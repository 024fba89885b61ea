//! Edits of the table: what is refused, what hangs on what, and that a refused edit leaves no trace.

use proptest::prelude::*;

use super::*;
use crate::contract::proto::{self, Memo};
use crate::contract::{Reason, Refusal};

fn table() -> Table {
    let listener = proto::Listener { address: "127.0.0.1:1".into(), kind: 1 };
    let row = Row { id: 1, kind: Some(Kind::Listener(listener)), ..Row::default() };
    Table::new(vec![row], 2)
}

fn row(id: u64, kind: Kind) -> Row {
    Row { id, room: 3, worker: 0, kind: Some(kind) }
}

fn memo(id: u64) -> Row {
    row(id, Kind::Memo(Memo::default()))
}

fn transport(id: u64) -> Row {
    let ice = proto::IceCredentials {
        ufrag: format!("00a{id}"),
        password: "p".repeat(22),
        remote_ufrag: String::new(),
    };
    row(id, Kind::Transport(proto::Transport { ice: Some(ice), ..Default::default() }))
}

fn codecs() -> Vec<proto::Codec> {
    let codec = proto::Codec {
        name: "VP8".into(),
        payload_type: 96,
        clock_hz: 90_000,
        ..Default::default()
    };
    vec![codec]
}

fn stream(id: u64, transport: u64) -> Row {
    let kind = proto::MediaKind::Video.into();
    row(id, Kind::Stream(proto::Stream { transport, kind, codecs: codecs(), ..Default::default() }))
}

fn leg(id: u64, stream: u64, transport: u64) -> Row {
    let leg = proto::Leg { stream, transport, ssrc: 7, codecs: codecs(), ..Default::default() };
    row(id, Kind::Leg(leg))
}

fn with(puts: Vec<Row>) -> Table {
    let mut table = table();
    let plan = table.plan(3, puts, &[]).expect("agreed");
    table.commit(plan);
    table
}

fn call() -> Table {
    with(vec![transport(10), transport(11), stream(12, 10), leg(13, 12, 11)])
}

fn refused(table: &Table, puts: Vec<Row>, deletes: &[u64]) -> (u64, Reason) {
    match table.plan(3, puts, deletes) {
        Err(Refusal { row, reason, .. }) => (row, reason),
        Ok(_) => panic!("agreed"),
    }
}

fn ids(table: &Table) -> Vec<u64> {
    table.rows().iter().map(|row| row.id).collect()
}

#[test]
fn deleting_a_transport_deletes_its_streams_and_their_legs_on_other_transports() {
    let mut table = call();
    let plan = table.plan(3, vec![], &[10, 99]).expect("agreed");
    let change = plan.change.as_ref().expect("packets are concerned");
    assert_eq!(change.deletes, [13, 12, 10]);
    assert_eq!(table.commit(plan), [13, 12, 10]);
    assert_eq!(ids(&table), [1, 11]);
}

#[test]
fn deleting_the_subscribers_transport_leaves_the_stream() {
    let mut table = call();
    table.remove(11);
    assert_eq!(ids(&table), [1, 10, 12]);
    assert_eq!(table.remove(10), [12, 10]);
}

#[test]
fn references_must_stand_at_their_put_of_the_right_kind_and_after_the_deletes() {
    let table = call();
    assert_eq!(refused(&table, vec![stream(20, 99)], &[]), (20, Reason::UnknownReference));
    assert_eq!(refused(&table, vec![stream(20, 12)], &[]), (20, Reason::UnknownReference));
    assert_eq!(refused(&table, vec![leg(20, 10, 11)], &[]), (20, Reason::UnknownReference));
    assert_eq!(refused(&table, vec![stream(20, 10)], &[10]), (20, Reason::UnknownReference));
    let early = vec![stream(20, 21), transport(21)];
    assert_eq!(refused(&table, early, &[]), (20, Reason::UnknownReference));
    assert!(table.plan(3, vec![transport(21), stream(20, 21)], &[]).is_ok());
}

#[test]
fn an_id_keeps_its_room_and_kind() {
    let table = call();
    assert_eq!(refused(&table, vec![memo(10)], &[]), (10, Reason::Conflict));
    assert_eq!(refused(&table, vec![memo(1)], &[]), (1, Reason::Conflict));
    assert_eq!(refused(&table, vec![memo(20), memo(20)], &[]), (20, Reason::Conflict));
    let elsewhere = Row { room: 4, ..memo(10) };
    let refusal = table.plan(4, vec![elsewhere], &[]).err().expect("refused");
    assert_eq!(refusal.reason, Reason::Conflict);
    let refusal = table.plan(4, vec![], &[10]).err().expect("refused");
    assert_eq!((refusal.row, refusal.reason), (10, Reason::UnknownReference));
}

#[test]
fn impossible_rows_are_refused_with_their_id() {
    let table = call();
    let change = |row: Row, change: fn(&mut Row)| {
        let mut row = row;
        change(&mut row);
        vec![row]
    };
    let ufrag = |row: &mut Row| {
        let Some(Kind::Transport(transport)) = &mut row.kind else {
            return;
        };
        if let Some(ice) = &mut transport.ice {
            ice.ufrag = "01ab".into();
        }
    };
    for (puts, expected) in [
        (change(memo(20), |row| row.room = 4), (20, Reason::Malformed)),
        (change(memo(20), |row| row.id = 0), (0, Reason::Malformed)),
        (change(memo(20), |row| row.worker = 2), (20, Reason::UnknownWorker)),
        (change(memo(20), |row| row.worker = 1), (20, Reason::Conflict)),
        (change(memo(20), |row| row.kind = None), (20, Reason::Unsupported)),
        (vec![row(20, Kind::Channel(proto::Channel::default()))], (20, Reason::Unsupported)),
        (vec![row(20, Kind::Listener(proto::Listener::default()))], (20, Reason::Unsupported)),
        (vec![row(20, Kind::Transport(proto::Transport::default()))], (20, Reason::Malformed)),
        (change(transport(20), ufrag), (20, Reason::Malformed)),
    ] {
        assert_eq!(refused(&table, puts, &[]), expected);
    }
}

#[test]
fn listeners_cannot_be_deleted() {
    let table = table();
    let refusal = table.plan(0, vec![], &[1]).err().expect("refused");
    assert_eq!((refusal.row, refusal.reason), (1, Reason::Unsupported));
}

#[test]
fn packets_have_a_room() {
    let table = table();
    let global = Row { room: 0, ..transport(20) };
    let refusal = table.plan(0, vec![global], &[]).err().expect("refused");
    assert_eq!((refusal.row, refusal.reason), (20, Reason::Malformed));
}

#[test]
fn a_note_above_64_kib_and_a_full_table_are_limits() {
    let large = |bytes| row(20, Kind::Memo(Memo { value: vec![0; bytes], ..Memo::default() }));
    assert!(table().plan(3, vec![large(64 << 10)], &[]).is_ok());
    assert_eq!(refused(&table(), vec![large((64 << 10) + 1)], &[]), (20, Reason::Limit));
    let full = with((2..=MAX_ROWS as u64).map(memo).collect());
    assert_eq!(refused(&full, vec![memo(100_000)], &[]), (100_000, Reason::Limit));
    assert!(full.plan(3, vec![memo(100_000)], &[2]).is_ok());
    assert!(full.plan(3, vec![memo(2)], &[]).is_ok());
}

#[test]
fn replacing_a_row_keeps_what_hangs_on_it() {
    let mut table = call();
    let bytes = table.bytes;
    let plan = table.plan(3, vec![transport(10), stream(12, 10)], &[]).expect("agreed");
    assert_eq!(table.commit(plan), []);
    assert_eq!((ids(&table), table.bytes), (vec![1, 10, 11, 12, 13], bytes));
    assert_eq!(table.remove(10), [13, 12, 10]);
}

#[test]
fn an_empty_table_has_no_bytes_and_no_rooms_left() {
    let mut table = call();
    table.end_lease();
    table.remove(1);
    assert_eq!((table.bytes, table.rooms.len(), table.dependents.len()), (0, 0, 0));
}

/// What a random edit may do, with small numbers so that ids meet.
#[derive(Clone, Debug)]
enum Step {
    Transport(u64),
    Stream(u64, u64),
    Leg(u64, u64, u64),
    Memo(u64),
    Delete(u64),
    End(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 2..14u64;
    prop_oneof![
        id().prop_map(Step::Transport),
        (id(), id()).prop_map(|(id, transport)| Step::Stream(id, transport)),
        (id(), id(), id()).prop_map(|(id, stream, transport)| Step::Leg(id, stream, transport)),
        id().prop_map(Step::Memo),
        id().prop_map(Step::Delete),
        id().prop_map(Step::End),
    ]
}

fn edit(table: &mut Table, steps: Vec<Step>) {
    let (mut puts, mut deletes) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Transport(id) => puts.push(transport(id)),
            Step::Stream(id, transport) => puts.push(stream(id, transport)),
            Step::Leg(id, stream, transport) => puts.push(leg(id, stream, transport)),
            Step::Memo(id) => puts.push(memo(id)),
            Step::Delete(id) => deletes.push(id),
            Step::End(id) => drop(table.remove(id)),
        }
    }
    if let Ok(plan) = table.plan(3, puts, &deletes) {
        table.commit(plan);
    }
}

proptest::proptest! {
    #[test]
    fn after_any_edits_every_reference_stands_and_every_sum_is_right(
        edits in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..40)
    ) {
        let mut table = table();
        for steps in edits {
            edit(&mut table, steps);
            let rows = table.rows();
            for row in &rows {
                assert!(parents(row).all(|parent| table.contains(parent)));
            }
            assert_eq!(table.bytes, rows.iter().map(|row| row.encoded_len()).sum::<usize>());
            assert_eq!(table.rooms.get(&3).map_or(0, |room| room.rows), rows.len() - 1);
        }
    }
}
