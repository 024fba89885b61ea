//! Rows that end though the controller did not delete them: a worker says so, a memo's time has
//! passed, or the lease over the whole table is out.

use datapath_core::Time;
use datapath_core::facts as core;

use super::Control;
use crate::contract::facts::{ended, facts};
use crate::contract::proto;
use crate::log::Level;
use crate::table::EndedRow;
use crate::worker::mailbox::Command;

impl Control {
    /// A row's `not_after` passed in its worker. It goes with all that hangs on it.
    pub(super) fn handle_ended(&mut self, last: &core::Facts) {
        let gone = self.table.remove(last.row);
        if gone.is_empty() {
            return;
        }
        for id in gone {
            self.board.remove(id);
        }
        self.counters.rows_ended += 1;
        self.board.put(facts(last));
    }

    /// Memos carry no packets, so they end here.
    pub(super) fn end_memos(&mut self, now: Time) {
        for row in self.table.end_memos(now) {
            self.counters.rows_ended += 1;
            self.tell_ended(row, 0, proto::ended::Reason::NotAfter);
        }
    }

    /// All rows but memos and listeners go, as if a controller deleted them.
    pub(super) fn end_lease(&mut self, now: Time) {
        if self.lease_end.is_none_or(|end| end > now) {
            return;
        }
        self.lease_end = None;
        self.counters.lease_expiries += 1;
        let transports = self.table.end_lease();
        self.line(Level::Error, "lease_ended", vec![("transports", transports.len().to_string())]);
        let workers = 0..self.setup.workers;
        self.commands.extend(workers.map(|worker| (worker, Command::EndAll)));
        let revisions: Vec<_> = transports.iter().map(|row| self.board.revision(row.id)).collect();
        self.board.forget_standing();
        for (row, revision) in transports.into_iter().zip(revisions) {
            self.tell_ended(row, revision, proto::ended::Reason::Lease);
        }
    }

    fn tell_ended(&mut self, row: EndedRow, revision: u64, reason: proto::ended::Reason) {
        self.board.put(proto::Facts {
            row: row.id,
            revision: revision + 1,
            room: row.room,
            kind: Some(proto::facts::Kind::Ended(ended(reason))),
        });
    }
}
