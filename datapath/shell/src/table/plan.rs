//! Checks one room's edit of the table before anything of it is done: all or nothing, deletes before
//! puts, a put may name rows put before it in the same edit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datapath_core::rows::Change;
use prost::Message;

use super::{MAX_ROW_BYTES, MAX_ROWS, MAX_TABLE_BYTES, Table};
use crate::contract::proto::{Row, row::Kind};
use crate::contract::redact::redact;
use crate::contract::rows::{self, Put};
use crate::contract::{Reason, Refusal};

/// An edit that the table agrees with. The worker is asked next, if the edit concerns packets.
pub(crate) struct Plan {
    /// Whom to ask.
    pub(crate) worker: u32,
    /// What to ask; `None` when the edit is of memos alone.
    pub(crate) change: Option<Change>,
    /// Ids to take out, with all that hangs on them.
    pub(super) removed: Vec<u64>,
    /// Rows to put, redacted.
    pub(super) puts: Vec<Arc<Row>>,
}

impl Table {
    /// Checks an edit. Nothing changes.
    pub(crate) fn plan(&self, room: u64, puts: Vec<Row>, deletes: &[u64]) -> Result<Plan, Refusal> {
        let removed = self.plan_deletes(room, deletes)?;
        let mut draft = Draft {
            table: self,
            room,
            removed: removed.iter().copied().collect(),
            worker: self.rooms.get(&room).map(|room| room.worker),
            puts: HashMap::new(),
            order: Vec::new(),
            change: Change { room, puts: Vec::new(), deletes: Vec::new() },
        };
        for row in puts {
            draft.put(row)?;
        }
        draft.check_limits()?;
        draft.change.deletes.extend(removed.iter().filter(|id| self.is_of_machine(**id)));
        let Draft { worker, change, order, .. } = draft;
        let change = (!change.puts.is_empty() || !change.deletes.is_empty()).then_some(change);
        Ok(Plan { worker: worker.unwrap_or(0), change, removed, puts: order })
    }

    fn plan_deletes(&self, room: u64, deletes: &[u64]) -> Result<Vec<u64>, Refusal> {
        let mut removed = Vec::new();
        let mut seen = HashSet::new();
        for id in deletes {
            let Some(row) = self.rows.get(id) else {
                continue;
            };
            if matches!(row.kind, Some(Kind::Listener(_))) {
                let detail = "listeners come from the command line and cannot be deleted";
                return Err(Refusal::row(*id, Reason::Unsupported, detail));
            }
            if row.room != room {
                let detail = "the row to delete is of another room";
                return Err(Refusal::row(*id, Reason::UnknownReference, detail));
            }
            removed.extend(self.with_dependents(*id).into_iter().filter(|id| seen.insert(*id)));
        }
        Ok(removed)
    }

    fn is_of_machine(&self, id: u64) -> bool {
        let kind = self.rows.get(&id).and_then(|row| row.kind.as_ref());
        matches!(
            kind,
            Some(Kind::Transport(_) | Kind::Stream(_) | Kind::Leg(_) | Kind::DataChannel(_))
        )
    }
}

/// The table as it would be, while puts are checked one after the other.
struct Draft<'a> {
    table: &'a Table,
    room: u64,
    removed: HashSet<u64>,
    worker: Option<u32>,
    puts: HashMap<u64, Arc<Row>>,
    order: Vec<Arc<Row>>,
    change: Change,
}

impl Draft<'_> {
    fn put(&mut self, mut row: Row) -> Result<(), Refusal> {
        let id = row.id;
        let refuse = |reason, detail: &'static str| Err(Refusal::row(id, reason, detail));
        if id == 0 {
            return refuse(Reason::Malformed, "a row's id is not 0");
        }
        if row.room != self.room {
            return refuse(Reason::Malformed, "the row is of another room than the Apply");
        }
        if row.encoded_len() > MAX_ROW_BYTES {
            return refuse(Reason::Limit, "the row is above 256 KiB");
        }
        self.check_worker(&row)?;
        self.check_once(id)?;
        let parsed = rows::parse(&row)?;
        if self.room == 0 && !matches!(parsed, Put::Memo) {
            return refuse(Reason::Malformed, "only memos may be global");
        }
        self.check_standing(&row)?;
        self.check_references(&row)?;
        if let Put::Machine(parsed) = parsed {
            self.change.puts.push(parsed);
        }
        redact(&mut row);
        let row = Arc::new(row);
        self.puts.insert(id, Arc::clone(&row));
        self.order.push(row);
        Ok(())
    }

    /// All rows of a room name one worker; global rows are on none in particular.
    fn check_worker(&mut self, row: &Row) -> Result<(), Refusal> {
        if row.worker >= self.table.workers {
            let detail = "the row's worker is not below Hello's number of workers";
            return Err(Refusal::row(row.id, Reason::UnknownWorker, detail));
        }
        if self.room != 0 && *self.worker.get_or_insert(row.worker) != row.worker {
            let detail = "the room's rows are on another worker";
            return Err(Refusal::row(row.id, Reason::Conflict, detail));
        }
        Ok(())
    }

    fn check_once(&self, id: u64) -> Result<(), Refusal> {
        if self.puts.contains_key(&id) {
            let detail = "the row is put twice in one Apply";
            return Err(Refusal::row(id, Reason::Conflict, detail));
        }
        Ok(())
    }

    /// A put replaces the row of its id if that is of the same room and kind.
    fn check_standing(&self, row: &Row) -> Result<(), Refusal> {
        let refuse = |detail| Err(Refusal::row(row.id, Reason::Conflict, detail));
        let Some(old) = self.find(row.id) else {
            return Ok(());
        };
        let kind = |row: &Row| row.kind.as_ref().map(std::mem::discriminant);
        if old.room != row.room {
            return refuse("the id is taken by a row of another room");
        }
        if kind(old) != kind(row) {
            return refuse("the id is taken by a row of another kind");
        }
        Ok(())
    }

    fn check_references(&self, row: &Row) -> Result<(), Refusal> {
        let is_transport = |id| self.is(id, |kind| matches!(kind, Kind::Transport(_)));
        let is_stream = |id| self.is(id, |kind| matches!(kind, Kind::Stream(_)));
        let stands = match &row.kind {
            Some(Kind::Stream(stream)) => is_transport(stream.transport),
            Some(Kind::Leg(leg)) => is_transport(leg.transport) && is_stream(leg.stream),
            Some(Kind::DataChannel(channel)) => is_transport(channel.transport),
            _ => true,
        };
        if stands {
            return Ok(());
        }
        let detail = "the row names a transport or stream that this room does not have";
        Err(Refusal::row(row.id, Reason::UnknownReference, detail))
    }

    fn is(&self, id: u64, kind: impl Fn(&Kind) -> bool) -> bool {
        self.find(id)
            .is_some_and(|row| row.room == self.room && row.kind.as_ref().is_some_and(kind))
    }

    /// The row as it stands after the deletes and the puts so far.
    fn find(&self, id: u64) -> Option<&Row> {
        if let Some(row) = self.puts.get(&id) {
            return Some(row);
        }
        self.table.rows.get(&id).filter(|_| !self.removed.contains(&id)).map(AsRef::as_ref)
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        let leaving: HashSet<_> = self.removed.iter().chain(self.puts.keys()).collect();
        let old: Vec<_> = leaving.iter().filter_map(|id| self.table.rows.get(id)).collect();
        let rows = self.table.rows.len() - old.len() + self.order.len();
        let bytes = self.table.bytes - old.iter().map(|row| row.encoded_len()).sum::<usize>()
            + self.order.iter().map(|row| row.encoded_len()).sum::<usize>();
        // An edit that only takes away is never refused.
        if !self.order.is_empty() && (rows > MAX_ROWS || bytes > MAX_TABLE_BYTES) {
            let detail = "the table is full";
            return Err(Refusal::row(self.order[0].id, Reason::Limit, detail));
        }
        Ok(())
    }
}
