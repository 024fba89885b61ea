//! The control plane's side of the datapath: the contract as a machine. It is told bytes of
//! connections, answers and facts of workers, and the time; it gives bytes for connections, commands
//! for workers and lines for the log. It owns no socket and no thread: `run` does.
//!
//! One question at a time: while a worker has not answered, further requests wait in their
//! connections. A worker answers within a drain tick, so this costs little and spares the table
//! from ever being ahead of the packets.

mod board;
mod connection;
mod counters;
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

use crate::contract::facts::{ended, facts};
use crate::contract::proto::{self, frame::Body};
use crate::contract::{CAPABILITIES, Refusal, SCHEMA};
use crate::log::{Field, Level, Line};
use crate::table::{EndedRow, Plan, Table};
use crate::worker::counters::Snapshot;
use crate::worker::mailbox::{Command, Reply};
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
    Apply {
        plan: Plan,
        generation: u64,
        room: u64,
    },
    Count {
        missing: u32,
        sum: Snapshot,
    },
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
            self.board.forget_ended();
            self.line(Level::Warning, "controller_left", vec![]);
        }
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

    /// A worker answered.
    pub(crate) fn handle_reply(&mut self, now: Time, reply: Reply) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        match (asked.what, reply) {
            (
                Question::Apply {
                    plan,
                    generation,
                    room,
                },
                Reply::Applied(Ok(())),
            ) => {
                self.commit(plan);
                self.answer_applied(asked.connection, asked.exchange, room, generation);
            }
            (Question::Apply { .. }, Reply::Applied(Err(refusal))) => {
                self.refuse(asked.connection, asked.exchange, refusal.into());
            }
            (Question::Count { missing, mut sum }, Reply::Counted(counted)) => {
                sum.merge(&counted);
                let what = Question::Count {
                    missing: missing - 1,
                    sum,
                };
                self.asked = Some(Asked { what, ..asked });
                self.answer_counted();
            }
            // An answer to another question: workers answer in the order of the commands, so there
            // is none. The question still stands.
            (what, _) => self.asked = Some(Asked { what, ..asked }),
        }
        self.proceed(now);
    }

    /// Workers learnt something. Facts of rows that the controller has deleted meanwhile are
    /// forgotten; replies are handled before facts, so a new row is never unknown here.
    pub(crate) fn handle_facts(&mut self, now: Time, news: impl IntoIterator<Item = core::Facts>) {
        for news in news {
            if !self.table.contains(news.row) {
                continue;
            }
            if news.kind == core::FactsKind::Ended {
                self.forget(news.row);
                self.counters.rows_ended += 1;
                if self.controller.is_none() {
                    continue;
                }
            }
            self.board.put(facts(&news));
        }
        self.proceed(now);
    }

    /// A time that `poll_timeout` named has come.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let late = |connection: &Connection| connection.deadline.is_some_and(|end| end <= now);
        let late: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, c)| late(c))
            .map(|(id, _)| *id)
            .collect();
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
        let rows = [self.lease_end, self.table.next_memo_end()]
            .into_iter()
            .flatten();
        let rows = rows.filter(|_| self.asked.is_none());
        rows.chain(
            self.connections
                .values()
                .filter_map(|connection| connection.deadline),
        )
        .min()
    }

    /// Commands to pass on, each with its worker.
    pub(crate) fn take_commands(&mut self) -> Vec<(u32, Command)> {
        std::mem::take(&mut self.commands)
    }

    /// Events to log.
    pub(crate) fn take_lines(&mut self) -> Vec<(Level, &'static str, Vec<Field>)> {
        std::mem::take(&mut self.lines)
    }

    /// A connection; `None` once it was closed from this side.
    pub(crate) fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    /// The controller reads the log too, as long as it reads.
    pub(crate) fn handle_line(&mut self, line: &Line) {
        let Some(controller) = self.controller.and_then(|id| self.connections.get_mut(&id)) else {
            return;
        };
        let body = Body::Log(proto::LogLine {
            at_ns: line.at.0,
            level: level(line.level).into(),
            event: line.event.into(),
            fields: line
                .fields
                .iter()
                .map(|(k, v)| ((*k).into(), v.clone()))
                .collect(),
        });
        if !controller.offer(body) {
            self.counters.log_lines_lost += 1;
        }
    }

    /// Lines that found no room on their way here.
    pub(crate) const fn count_lost_lines(&mut self, lost: u64) {
        self.counters.log_lines_lost += lost;
    }

    /// Somebody was turned away at the socket.
    pub(crate) fn count_turned_away(&mut self, why: &'static str) {
        self.counters.connections_refused += 1;
        self.line(
            Level::Warning,
            "connection_refused",
            vec![("reason", why.into())],
        );
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

    /// The table takes what the worker agreed to.
    fn commit(&mut self, plan: Plan) {
        for id in self.table.commit(plan) {
            self.board.remove(id);
        }
    }

    /// A row ended by itself, and what hangs on it with it.
    fn forget(&mut self, row: u64) {
        for id in self.table.remove(row) {
            self.board.remove(id);
        }
    }

    fn end_memos(&mut self, now: Time) {
        for row in self.table.end_memos(now) {
            self.counters.rows_ended += 1;
            self.tell_ended(row, 0, proto::ended::Reason::NotAfter);
        }
    }

    fn end_lease(&mut self, now: Time) {
        if self.lease_end.is_none_or(|end| end > now) {
            return;
        }
        self.lease_end = None;
        self.counters.lease_expiries += 1;
        let transports = self.table.end_lease();
        self.line(
            Level::Error,
            "lease_ended",
            vec![("transports", transports.len().to_string())],
        );
        let workers = 0..self.setup.workers;
        self.commands
            .extend(workers.map(|worker| (worker, Command::EndAll)));
        let revisions: Vec<_> = transports
            .iter()
            .map(|row| self.board.revision(row.id))
            .collect();
        self.board.clear();
        for (row, revision) in transports.into_iter().zip(revisions) {
            self.tell_ended(row, revision, proto::ended::Reason::Lease);
        }
    }

    fn tell_ended(&mut self, row: EndedRow, revision: u64, reason: proto::ended::Reason) {
        if self.controller.is_some() {
            self.board.put(proto::Facts {
                row: row.id,
                revision: revision + 1,
                room: row.room,
                kind: Some(proto::facts::Kind::Ended(ended(reason))),
            });
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
                connection.fill_facts(&mut self.board);
            }
        }
    }

    fn refuse(&mut self, id: ConnectionId, exchange: u64, refusal: Refusal) {
        self.counters.refused += 1;
        let fields = vec![
            ("reason", refusal.reason.as_str_name().to_ascii_lowercase()),
            ("detail", refusal.detail.to_string()),
        ];
        self.line(Level::Warning, "request_refused", fields);
        self.answer(id, exchange, Body::Refused(refusal.into_proto()));
    }

    fn answer(&mut self, id: ConnectionId, exchange: u64, body: Body) {
        // The connection may have ended while a worker was asked.
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.send(exchange, body);
        }
    }

    fn line(&mut self, level: Level, event: &'static str, fields: Vec<Field>) {
        self.lines.push((level, event, fields));
    }
}

const fn level(level: Level) -> proto::log_line::Level {
    match level {
        Level::Debug => proto::log_line::Level::Debug,
        Level::Info => proto::log_line::Level::Info,
        Level::Warning => proto::log_line::Level::Warning,
        Level::Error => proto::log_line::Level::Error,
    }
}
