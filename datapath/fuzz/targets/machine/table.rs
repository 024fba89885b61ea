//! The table as it should be: which rows stand, and from where their transports were checked.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use datapath_core::Time;
use datapath_core::facts::{Facts, FactsKind};
use datapath_core::rows::{IceCredentials, RowId, RowKind};

/// A row, as far as others hang on it.
#[derive(Clone, Debug)]
pub enum Standing {
    Transport(Vec<IceCredentials>),
    Stream(RowId),
    Leg(RowId, RowId),
}

#[derive(Default)]
pub struct Table {
    pub rows: BTreeMap<RowId, Standing>,
    /// When an address was last validly checked.
    pub checked: HashMap<SocketAddr, Time>,
    revisions: HashMap<RowId, u64>,
}

impl Table {
    pub fn put(&mut self, id: RowId, kind: &RowKind) {
        let standing = match kind {
            RowKind::Transport(row) => {
                let known = std::iter::once(&row.ice).chain(&row.ice_previous);
                Standing::Transport(known.cloned().collect())
            }
            RowKind::Stream(row) => Standing::Stream(row.transport),
            RowKind::Leg(row) => Standing::Leg(row.stream, row.transport),
        };
        self.rows.insert(id, standing);
    }

    /// Removes a row and what hangs on it.
    pub fn delete(&mut self, id: RowId) {
        self.rows.remove(&id);
        let hangs = |standing: &Standing| match standing {
            Standing::Transport(_) => false,
            Standing::Stream(transport) => *transport == id,
            Standing::Leg(stream, transport) => *stream == id || *transport == id,
        };
        let hanging: Vec<RowId> =
            self.rows.iter().filter(|(_, row)| hangs(row)).map(|(id, _)| *id).collect();
        for id in hanging {
            self.delete(id);
        }
    }

    /// The credentials that a username and password belong to, if they are right.
    pub fn is_right(&self, ufrag: &str, password: &str) -> bool {
        self.rows.values().any(|row| match row {
            Standing::Transport(known) => {
                known.iter().any(|ice| &*ice.ufrag == ufrag && &*ice.password == password)
            }
            Standing::Stream(_) | Standing::Leg(..) => false,
        })
    }

    pub fn count(&self, of: fn(&Standing) -> bool) -> u64 {
        self.rows.values().filter(|row| of(row)).count() as u64
    }

    /// Facts are of rows that stand; the last are of those that just ended.
    pub fn told(&mut self, facts: &Facts) {
        let before = self.revisions.insert(facts.row, facts.revision);
        assert!(before.is_none_or(|before| before < facts.revision), "revisions grow");
        let row = self.rows.get(&facts.row).expect("facts are of a row that stands");
        match (&facts.kind, row) {
            (FactsKind::Transport(_), Standing::Transport(_))
            | (FactsKind::Stream(_), Standing::Stream(_))
            | (FactsKind::Leg(_), Standing::Leg(..)) => {}
            (FactsKind::Ended, Standing::Transport(_)) => self.delete(facts.row),
            _ => panic!("facts are of the row's kind"),
        }
    }
}
