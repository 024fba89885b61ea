//! What the contract's machine counts, and the answer to a CountersRequest.

use super::Control;
use crate::contract::proto;
use crate::worker::counters::Snapshot;

/// Numbers since start.
#[derive(Default)]
pub(super) struct ControlCounters {
    pub(super) frames_received: u64,
    /// By connections that have ended; `count_all` adds the others'.
    pub(super) frames_sent: u64,
    pub(super) applies: u64,
    pub(super) sends: u64,
    pub(super) refused: u64,
    pub(super) lease_expiries: u64,
    /// Rows whose `not_after` passed.
    pub(super) rows_ended: u64,
    pub(super) log_lines_lost: u64,
    pub(super) connections_refused: u64,
}

impl Control {
    /// The sum of all workers and what is counted here.
    pub(super) fn count_all(&self, workers: &Snapshot) -> proto::Counters {
        let sent = self.connections.values().map(|connection| connection.frames_sent);
        let counted = &self.counters;
        let own = [
            ("control_frames_received", counted.frames_received),
            ("control_frames_sent", counted.frames_sent + sent.sum::<u64>()),
            ("applies", counted.applies),
            ("sends", counted.sends),
            ("requests_refused", counted.refused),
            ("lease_expiries", counted.lease_expiries),
            ("rows_ended", counted.rows_ended),
            ("log_lines_lost", counted.log_lines_lost),
            ("connections_refused", counted.connections_refused),
        ];
        proto::Counters {
            counters: named(workers.counters.iter().copied().chain(own)),
            levels: named(workers.levels.iter().copied().chain(self.table.levels())),
            drops: named(workers.drops.iter().copied()),
        }
    }
}

fn named(values: impl Iterator<Item = (&'static str, u64)>) -> Vec<proto::Counter> {
    values.map(|(name, value)| proto::Counter { name: name.into(), value }).collect()
}
