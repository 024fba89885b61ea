//! The newest facts of each row: one slot per row, so that a slow controller costs a slot and is
//! never told less than the truth. Every change is stamped; whoever remembers the stamp up to which
//! it was told gets what is newer, each row once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::contract::proto::{Facts, facts::Kind};

/// Most ended rows whose last facts wait for somebody who looks but never counts. Higher costs
/// memory; lower makes a slow newcomer miss an end, until it compares with its next Dump.
const MAX_ENDED: usize = 65_536;

/// Facts by row, in the order of their last change.
#[derive(Default)]
pub(crate) struct Board {
    newest: HashMap<u64, (u64, Facts)>,
    order: BTreeMap<u64, u64>,
    /// Stamps of the last facts of ended rows.
    ended: BTreeSet<u64>,
    stamp: u64,
}

impl Board {
    /// The stamp of the last change.
    pub(crate) const fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Replaces what is known of a row.
    pub(crate) fn put(&mut self, facts: Facts) {
        self.remove(facts.row);
        self.stamp += 1;
        if is_ended(&facts) {
            self.ended.insert(self.stamp);
        }
        self.order.insert(self.stamp, facts.row);
        self.newest.insert(facts.row, (self.stamp, facts));
        while self.ended.len() > MAX_ENDED {
            self.forget_first_ended();
        }
    }

    /// Forgets a row.
    pub(crate) fn remove(&mut self, row: u64) {
        if let Some((stamp, _)) = self.newest.remove(&row) {
            self.order.remove(&stamp);
            self.ended.remove(&stamp);
        }
    }

    /// The oldest change after `stamp`, with its own stamp.
    pub(crate) fn after(&self, stamp: u64) -> Option<(u64, &Facts)> {
        let (stamp, row) = self.order.range(stamp + 1..).next()?;
        self.newest.get(row).map(|(_, facts)| (*stamp, facts))
    }

    /// The revision last told of a row; 0 if none.
    pub(crate) fn revision(&self, row: u64) -> u64 {
        self.newest.get(&row).map_or(0, |(_, facts)| facts.revision)
    }

    /// What is known of rows that stand: the last facts of an ended row are no part of it.
    pub(crate) fn standing(&self) -> Vec<Facts> {
        let standing = |facts: &&Facts| !is_ended(facts);
        self.newest.values().map(|(_, facts)| facts).filter(standing).cloned().collect()
    }

    /// Forgets all rows that stand; stamps go on.
    pub(crate) fn forget_standing(&mut self) {
        self.newest.retain(|_, (stamp, _)| self.ended.contains(stamp));
        self.order.retain(|stamp, _| self.ended.contains(stamp));
    }

    /// Forgets ended rows that everybody who follows has been told, up to and with this stamp.
    pub(crate) fn forget_ended(&mut self, told: u64) {
        while self.ended.first().is_some_and(|stamp| *stamp <= told) {
            self.forget_first_ended();
        }
    }

    fn forget_first_ended(&mut self) {
        if let Some(row) = self.ended.pop_first().and_then(|stamp| self.order.remove(&stamp)) {
            self.newest.remove(&row);
        }
    }
}

/// Are these the last facts of a row?
const fn is_ended(facts: &Facts) -> bool {
    matches!(facts.kind, Some(Kind::Ended(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::facts::ended;
    use crate::contract::proto::{LegFacts, ended::Reason};

    fn leg(row: u64, revision: u64) -> Facts {
        Facts { row, revision, room: 1, kind: Some(Kind::Leg(LegFacts::default())) }
    }

    fn told_after(board: &Board, mut stamp: u64) -> Vec<(u64, u64)> {
        let mut told = Vec::new();
        while let Some((next, facts)) = board.after(stamp) {
            stamp = next;
            told.push((facts.row, facts.revision));
        }
        told
    }

    #[test]
    fn a_slow_reader_is_told_the_newest_of_each_row_once() {
        let mut board = Board::default();
        for (row, revision) in [(5, 1), (6, 1), (5, 2), (7, 1), (5, 3)] {
            board.put(leg(row, revision));
        }
        assert_eq!(told_after(&board, 0), [(6, 1), (7, 1), (5, 3)]);
    }

    #[test]
    fn a_reader_is_told_only_what_changed_after_its_stamp() {
        let mut board = Board::default();
        board.put(leg(5, 1));
        let stamp = board.stamp();
        board.put(leg(6, 1));
        assert_eq!(told_after(&board, stamp), [(6, 1)]);
    }

    #[test]
    fn ended_rows_stand_in_no_dump() {
        let mut board = Board::default();
        board.put(leg(5, 1));
        board.put(leg(6, 1));
        let kind = Some(Kind::Ended(ended(Reason::NotAfter)));
        board.put(Facts { row: 5, revision: 2, room: 1, kind });
        let standing: Vec<u64> = board.standing().iter().map(|facts| facts.row).collect();
        assert_eq!(standing, [6]);
        board.forget_ended(board.stamp() - 1);
        assert_eq!(told_after(&board, 0), [(6, 1), (5, 2)]);
        board.forget_ended(board.stamp());
        assert_eq!(told_after(&board, 0), [(6, 1)]);
    }
}
