//! The table as the controller put it: every row, redacted, with its note, so that a `Dump` can give
//! it back. It knows which row hangs on which, what a room's worker is and when memos end.
//!
//! It is not the packet path's table (that is the machine's), and it decides nothing: `plan` checks
//! an edit and `commit` makes it true once the worker has agreed.

mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use datapath_core::Time;
use prost::Message;

use crate::contract::proto::{Row, row::Kind};
pub(crate) use plan::Plan;

/// Most rows. A higher value lets a broken controller take more memory; 65 536 rows are about 5 000
/// participants.
pub(crate) const MAX_ROWS: usize = 65_536;
/// Most encoded bytes of all rows together, notes included: what the table may cost in memory.
pub(crate) const MAX_TABLE_BYTES: usize = 256 << 20;
/// Most encoded bytes of one row. Two of them fit into a frame, so a `Dump` can always be cut.
pub(crate) const MAX_ROW_BYTES: usize = 256 << 10;

/// Rows by id.
pub(crate) struct Table {
    rows: BTreeMap<u64, Arc<Row>>,
    /// Rows that end with the key: a transport's streams, legs and data channels, a stream's legs.
    dependents: HashMap<u64, BTreeSet<u64>>,
    rooms: HashMap<u64, Room>,
    /// Memos that end by themselves, soonest first.
    memo_ends: BTreeSet<(Time, u64)>,
    bytes: usize,
    workers: u32,
}

/// Rooms are pinned to a worker as long as they have a row.
struct Room {
    worker: u32,
    rows: usize,
}

/// A row that ended without the controller's deleting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndedRow {
    pub(crate) id: u64,
    pub(crate) room: u64,
}

impl Table {
    /// A table that holds nothing but listeners, for that many workers.
    pub(crate) fn new(listeners: Vec<Row>, workers: u32) -> Self {
        let mut table = Self {
            rows: BTreeMap::new(),
            dependents: HashMap::new(),
            rooms: HashMap::new(),
            memo_ends: BTreeSet::new(),
            bytes: 0,
            workers,
        };
        for listener in listeners {
            table.insert(Arc::new(listener));
        }
        table
    }

    /// Every row as it stands, by id.
    pub(crate) fn rows(&self) -> Vec<Arc<Row>> {
        self.rows.values().cloned().collect()
    }

    /// The worker that carries a room, while it has a row.
    pub(crate) fn worker_of(&self, room: u64) -> Option<u32> {
        self.rooms.get(&room).map(|room| room.worker)
    }

    /// Is there such a row?
    pub(crate) fn contains(&self, id: u64) -> bool {
        self.rows.contains_key(&id)
    }

    /// How much there is, by the name of its level. The machine tells its own kinds.
    pub(crate) fn levels(&self) -> [(&'static str, u64); 3] {
        let is_memo = |row: &&Arc<Row>| matches!(row.kind, Some(Kind::Memo(_)));
        let memos = self.rows.values().filter(is_memo).count();
        [
            ("rows", self.rows.len() as u64),
            ("memos", memos as u64),
            ("table_bytes", self.bytes as u64),
        ]
    }

    /// Makes an agreed plan true. Returns the ids that are gone.
    pub(crate) fn commit(&mut self, plan: Plan) -> Vec<u64> {
        for id in &plan.removed {
            self.take(*id);
        }
        for row in plan.puts {
            self.take(row.id);
            self.insert(row);
        }
        plan.removed.into_iter().filter(|id| !self.contains(*id)).collect()
    }

    /// A row ended by itself: it goes with all that hangs on it. Returns the ids that are gone.
    pub(crate) fn remove(&mut self, id: u64) -> Vec<u64> {
        let gone = self.with_dependents(id);
        for id in &gone {
            self.take(*id);
        }
        gone
    }

    /// When the next memo ends.
    pub(crate) fn next_memo_end(&self) -> Option<Time> {
        self.memo_ends.first().map(|(time, _)| *time)
    }

    /// Removes memos whose time has passed.
    pub(crate) fn end_memos(&mut self, now: Time) -> Vec<EndedRow> {
        let mut ended = Vec::new();
        while let Some((_, id)) = self.memo_ends.first().copied().filter(|(end, _)| *end <= now) {
            ended.extend(self.take(id));
        }
        ended
    }

    /// The lease ended: everything but memos and listeners goes. Returns the transports; the rest
    /// hangs on them.
    pub(crate) fn end_lease(&mut self) -> Vec<EndedRow> {
        let is_transport = |row: &Row| matches!(row.kind, Some(Kind::Transport(_)));
        let transports = self.rows.values().filter(|row| is_transport(row));
        let ended: Vec<_> = transports.map(|row| EndedRow { id: row.id, room: row.room }).collect();
        for row in &ended {
            self.remove(row.id);
        }
        ended
    }

    /// The row, and all rows that end with it, each after those that hang on it.
    fn with_dependents(&self, id: u64) -> Vec<u64> {
        let mut found = Vec::new();
        if self.contains(id) {
            self.collect_dependents(id, &mut HashSet::new(), &mut found);
        }
        found
    }

    /// Three deep at most: transport, stream, leg.
    fn collect_dependents(&self, id: u64, seen: &mut HashSet<u64>, found: &mut Vec<u64>) {
        if !seen.insert(id) {
            return;
        }
        for dependent in self.dependents.get(&id).into_iter().flatten() {
            self.collect_dependents(*dependent, seen, found);
        }
        found.push(id);
    }

    fn insert(&mut self, row: Arc<Row>) {
        self.bytes += row.encoded_len();
        for parent in parents(&row) {
            self.dependents.entry(parent).or_default().insert(row.id);
        }
        if let Some(end) = memo_end(&row) {
            self.memo_ends.insert((end, row.id));
        }
        if row.room != 0 {
            let room = self.rooms.entry(row.room).or_insert(Room { worker: row.worker, rows: 0 });
            room.rows += 1;
        }
        self.rows.insert(row.id, row);
    }

    /// Takes one row out, leaving what hangs on it.
    fn take(&mut self, id: u64) -> Option<EndedRow> {
        let row = self.rows.remove(&id)?;
        self.bytes -= row.encoded_len();
        for parent in parents(&row) {
            if let Some(siblings) = self.dependents.get_mut(&parent) {
                siblings.remove(&id);
                if siblings.is_empty() {
                    self.dependents.remove(&parent);
                }
            }
        }
        if let Some(end) = memo_end(&row) {
            self.memo_ends.remove(&(end, id));
        }
        if let Some(room) = self.rooms.get_mut(&row.room) {
            room.rows -= 1;
            if room.rows == 0 {
                self.rooms.remove(&row.room);
            }
        }
        Some(EndedRow { id, room: row.room })
    }
}

/// The rows without which this one cannot stand.
fn parents(row: &Row) -> impl Iterator<Item = u64> {
    let parents = match &row.kind {
        Some(Kind::Stream(stream)) => [Some(stream.transport), None],
        Some(Kind::Leg(leg)) => [Some(leg.transport), Some(leg.stream)],
        Some(Kind::DataChannel(channel)) => [Some(channel.transport), None],
        Some(
            Kind::Listener(_)
            | Kind::Transport(_)
            | Kind::Allocation(_)
            | Kind::Permission(_)
            | Kind::Channel(_)
            | Kind::Memo(_)
            | Kind::Link(_),
        )
        | None => [None, None],
    };
    parents.into_iter().flatten()
}

fn memo_end(row: &Row) -> Option<Time> {
    match &row.kind {
        Some(Kind::Memo(memo)) if memo.not_after_ns != 0 => Some(Time(memo.not_after_ns)),
        _ => None,
    }
}
