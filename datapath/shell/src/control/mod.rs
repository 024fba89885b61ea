//! The control plane's side of the datapath: the contract as a machine. It is told bytes of
//! connections, answers and facts of workers, and the time; it gives bytes for connections, commands
//! for workers and lines for the log. It owns no socket and no thread: `run` does.
//!
//! One question at a time: while a worker has not answered, further requests wait in their
//! connections. A worker answers within a drain tick, so this costs little and spares the table
//! from ever being ahead of the packets.

mod answers;
mod board;
mod connection;
mod counters;
mod ends;
mod lines;
mod parts;
mod requests;
pub(crate) mod run;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use datapath_core::Time;
use datapath_core::facts as core;

use crate::contract::facts::facts;
use crate::contract::proto::{self, frame::Body};
use crate::contract::{CAPABILITIES, SCHEMA};
use crate::log::{Field, Level};
use crate::table::{Plan, Table};
use crate::worker::counters::Snapshot;
use crate::worker::mailbox::{Command, Event};
use board::Board;
pub(crate) use connection::Connection;
use counters::ControlCounters;

/// Most connections at once: a controller, its successor, and somebody who looks.
pub(crate) const MAX_CONNECTIONS: usize = 8;

/// A connection, by the order in which it was accepted.
pub(crate) type ConnectionId = u64;

/// What Hello says and what never changes.
pub(crate) struct Setup {
    pub(crate) boot_id: [u8; 16],
    pub(crate) build: String,
    pub(crate) fingerprints: Vec<proto::Fingerprint>,
    pub(crate) listeners: Vec<proto::Row>,
    pub(crate) workers: u32,
    pub(crate) lease: Duration,
}

/// The contract's state.
pub(crate) struct Control {
    setup: Setup,
    table: Table,
    board: Board,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The highest epoch that has counted.
    epoch: u64,
    /// The connection of that epoch, while it lasts.
    controller: Option<ConnectionId>,
    /// When the lease ends; `None` while no row depends on it.
    lease_end: Option<Time>,
    /// The question that a worker has not answered.
    asked: Option<Asked>,
    commands: Vec<(u32, Command)>,
    lines: Vec<(Level, &'static str, Vec<Field>)>,
    counters: ControlCounters,
}

/// Whose question it is and what follows from the answer.
struct Asked {
    connection: ConnectionId,
    exchange: u64,
    what: Question,
}

enum Question {
    Apply { plan: Plan, generation: u64, room: u64 },
    Count { missing: u32, sum: Snapshot },
    Send { room: u64, generation: u64 },
}

impl Control {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            table: Table::new(setup.listeners.clone(), setup.workers),
            setup,
            board: Board::default(),
            connections: BTreeMap::new(),
            epoch: 0,
            controller: None,
            lease_end: None,
            asked: None,
            commands: Vec::new(),
            lines: Vec::new(),
            counters: ControlCounters::default(),
        }
    }

    /// Somebody connected. We greet first; so do they.
    pub(crate) fn open(&mut self, now: Time, id: ConnectionId) {
        let mut connection = Connection::new(now);
        connection.send(0, Body::Hello(self.hello(now)));
        self.connections.insert(id, connection);
    }

    /// The socket ended, or `is_over` said so.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.counters.frames_sent += connection.frames_sent;
        }
        if self.controller == Some(id) {
            self.controller = None;
            self.line(Level::Warning, "controller_left", vec![]);
        }
        self.forget_told();
    }

    /// Bytes came.
    pub(crate) fn handle_bytes(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.reader.push(bytes);
        }
        self.proceed(now);
    }

    /// Bytes left: there may be room for more, and for the next request.
    pub(crate) fn handle_written(&mut self, now: Time, id: ConnectionId, bytes: usize) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.wrote(bytes);
        }
        self.proceed(now);
    }

    /// Something happened in a worker.
    pub(crate) fn handle_event(&mut self, now: Time, event: Event) {
        match event {
            Event::Applied(agreed) => self.handle_applied(agreed),
            Event::Sent(agreed) => self.handle_sent(agreed),
            Event::Counted(counted) => self.handle_counted(&counted),
            Event::Ended(last) => self.handle_ended(&last),
        }
        self.proceed(now);
    }

    /// Workers learnt something. Facts of rows that are gone meanwhile are forgotten; events are
    /// handled before facts, so a new row is never unknown here.
    pub(crate) fn handle_facts(&mut self, now: Time, news: impl IntoIterator<Item = core::Facts>) {
        for news in news {
            if self.table.contains(news.row) {
                self.board.put(facts(&news));
            }
        }
        self.proceed(now);
    }

    /// A time that `poll_timeout` named has come.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let late = |connection: &Connection| connection.deadline.is_some_and(|end| end <= now);
        let late: Vec<_> =
            self.connections.iter().filter(|(_, c)| late(c)).map(|(id, _)| *id).collect();
        for id in late {
            self.close(id);
        }
        if self.asked.is_none() {
            self.end_memos(now);
            self.end_lease(now);
        }
        self.proceed(now);
    }

    /// When `handle_timeout` wants to be called. While a worker has not answered, rows wait: the
    /// answer decides first.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let rows = [self.lease_end, self.table.next_memo_end()].into_iter().flatten();
        let rows = rows.filter(|_| self.asked.is_none());
        rows.chain(self.connections.values().filter_map(|connection| connection.deadline)).min()
    }

    /// Commands to pass on, each with its worker.
    pub(crate) fn take_commands(&mut self) -> Vec<(u32, Command)> {
        std::mem::take(&mut self.commands)
    }

    /// A connection; `None` once it was closed from this side.
    pub(crate) fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    fn hello(&self, now: Time) -> proto::Hello {
        proto::Hello {
            schema: SCHEMA,
            build: self.setup.build.clone(),
            boot_id: self.setup.boot_id.to_vec(),
            epoch: self.epoch,
            fingerprints: self.setup.fingerprints.clone(),
            capabilities: CAPABILITIES.map(i32::from).to_vec(),
            listeners: self.setup.listeners.clone(),
            workers: self.setup.workers,
            lease_ns: self.setup.lease.as_nanos() as u64,
            now_ns: now.0,
        }
    }

    /// Takes requests that wait, then fills what has room.
    fn proceed(&mut self, now: Time) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        for id in ids {
            self.take_requests(now, id);
        }
        for (id, connection) in &mut self.connections {
            connection.fill_dump();
            if self.controller == Some(*id) {
                connection.fill_facts(&self.board);
            }
        }
        self.forget_told();
    }

    /// Last facts of ended rows are kept until the controller has been told, and whoever has read a
    /// Dump and may become the controller.
    fn forget_told(&mut self) {
        let follows = |id: &ConnectionId, connection: &Connection| {
            let may_count = connection.epoch.is_some_and(|epoch| epoch > self.epoch);
            self.controller == Some(*id) || (connection.follows && may_count)
        };
        let followers = self.connections.iter().filter(|(id, c)| follows(id, c));
        let told = followers.map(|(_, connection)| connection.told).min();
        self.board.forget_ended(told.unwrap_or_else(|| self.board.stamp()));
    }
}
