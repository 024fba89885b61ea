//! A worker: one thread, its sockets and its `Machine`. It takes datagrams in batches, lets the
//! machine say what leaves, and sleeps; it never waits for the control plane. All that is costly per
//! packet is the machine's and the kernel's.
//!
//! A datagram that the kernel does not take at once is dropped and counted, not kept: by the time
//! the send buffer (4 MiB) has room again it is late, NACK repairs media, and STUN and DTLS repeat
//! themselves.

pub(crate) mod counters;
pub(crate) mod mailbox;
mod outgoing;
mod pace;

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use datapath_core::facts::FactsKind;
use datapath_core::{Machine, Time};

use crate::contract::facts::listener_row;
use crate::log::{Level, Log};
use crate::system::clock;
use crate::system::receive::{BATCH, Received, Slab};
use crate::system::wait::Wait;
use counters::{Snapshot, SocketCounters};
use mailbox::{Command, Event, Mailbox, Upward};
use outgoing::{Outgoing, Trains};
use pace::Pace;

/// Batches that one socket may bring before the others and what must leave have their turn. Higher
/// saves work under overload; lower bounds how long a flooded socket delays the rest.
const BATCHES_PER_TURN: usize = 4;
/// A timer of the machine fires no more often than this. Lower is more exact pacing; higher saves
/// wake-ups. It also bounds what a timer that is never satisfied can cost.
const TIMER_GRAIN: Duration = Duration::from_micros(250);

/// Everything that one worker thread owns.
pub(crate) struct Worker {
    machine: Machine,
    sockets: Vec<UdpSocket>,
    outgoing: Outgoing,
    /// Per socket, whether it may hold datagrams.
    ready: Vec<bool>,
    /// Per socket, how many datagrams the kernel said it discarded.
    discarded: Vec<u32>,
    mailbox: Arc<Mailbox>,
    news: Upward,
    slab: Slab,
    pace: Pace,
    wait: Wait,
    counters: SocketCounters,
    log: Log,
}

/// Whether the loop goes on.
#[derive(PartialEq, Eq)]
enum Course {
    Go,
    Stop,
}

impl Worker {
    pub(crate) fn new(
        machine: Machine,
        sockets: Vec<UdpSocket>,
        mailbox: Arc<Mailbox>,
        log: Log,
    ) -> Self {
        Self {
            machine,
            outgoing: Outgoing::new(&sockets),
            ready: vec![true; sockets.len()],
            discarded: vec![0; sockets.len()],
            sockets,
            mailbox,
            news: Upward::default(),
            slab: Slab::new(),
            pace: Pace::new(clock::now()),
            wait: Wait::default(),
            counters: SocketCounters::default(),
            log,
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        loop {
            let now = clock::now();
            let course = self.handle_commands(now);
            let (packets, more) = self.drain(now);
            self.pace.drained(now, packets);
            if self.machine.poll_timeout().is_some_and(|time| time <= now) {
                self.machine.handle_timeout(now);
            }
            self.machine.release(now);
            self.transmit();
            self.tell();
            if course == Course::Stop {
                return;
            }
            if !more {
                self.sleep(now);
            }
        }
    }

    fn handle_commands(&mut self, now: Time) -> Course {
        let mut course = Course::Go;
        for command in self.mailbox.take_commands() {
            match command {
                Command::Apply(change) => {
                    let agreed = self.machine.apply(now, change);
                    self.news.events.push(Event::Applied(agreed));
                }
                Command::Send { room, to, payload } => {
                    let agreed = self.machine.send_data(now, room, &to, payload);
                    self.news.events.push(Event::Sent(agreed));
                }
                Command::Count => {
                    let snapshot = self.snapshot();
                    self.news.events.push(Event::Counted(snapshot));
                }
                Command::EndAll => self.machine.end_all(now),
                Command::Stop => {
                    self.machine.end_all(now);
                    course = Course::Stop;
                }
            }
        }
        course
    }

    /// Takes what the ready sockets hold: how many datagrams, and whether more may wait.
    fn drain(&mut self, now: Time) -> (usize, bool) {
        let mut packets = 0;
        for listener in 0..self.sockets.len() {
            for _ in 0..BATCHES_PER_TURN {
                if !self.ready[listener] {
                    break;
                }
                let batch = self.receive(now, listener);
                self.ready[listener] = batch == BATCH;
                packets += batch;
            }
        }
        (packets, self.ready.contains(&true))
    }

    fn receive(&mut self, now: Time, listener: usize) -> usize {
        // An error of one call is an earlier datagram's (ICMP) or passes; the next call tells.
        let batch = self.slab.receive(self.sockets[listener].as_raw_fd()).unwrap_or(0);
        if batch == 0 {
            return 0;
        }
        self.counters.receive_calls += 1;
        self.counters.datagrams_received += batch as u64;
        if let Some(total) = self.slab.discarded(batch - 1) {
            let before = std::mem::replace(&mut self.discarded[listener], total);
            self.counters.receive_buffer_full += u64::from(total.wrapping_sub(before));
        }
        for place in 0..batch {
            match self.slab.datagram(place) {
                Some(Received::Datagram(remote, bytes)) => {
                    self.counters.bytes_received += bytes.len() as u64;
                    self.machine.handle_datagram(now, listener as u16, remote, bytes);
                }
                Some(Received::Oversized) => self.counters.oversized += 1,
                None => {}
            }
        }
        batch
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.machine.poll_transmit() {
            let listener = transmit.listener;
            if self.outgoing.send(&transmit, &mut self.counters) == Trains::GivenUp {
                let fields = vec![("listener", listener_row(listener).to_string())];
                self.log.line(Level::Warning, "trains_given_up", fields);
            }
        }
    }

    fn tell(&mut self) {
        while let Some(facts) = self.machine.poll_facts() {
            if facts.kind == FactsKind::Ended {
                self.news.events.push(Event::Ended(facts));
            } else {
                self.news.facts.insert(facts.row, facts);
            }
        }
        self.mailbox.tell(&mut self.news);
    }

    /// Sleeps until a command comes, the machine's timer is due, or, unless a tick is being waited
    /// out, a datagram comes.
    fn sleep(&mut self, drained: Time) {
        let tick = self.pace.next_drain(drained);
        let timer = self.machine.poll_timeout().map(|time| time.max(drained.plus(TIMER_GRAIN)));
        self.wait.clear();
        let command = self.wait.add(self.mailbox.worker_wake.fd(), true, false);
        if tick.is_none() {
            for socket in &self.sockets {
                self.wait.add(socket.as_raw_fd(), true, false);
            }
        }
        let until = [tick, timer].into_iter().flatten().min();
        let timeout = until.map(|time| time.saturating_since(clock::now()));
        self.counters.wakeups += 1;
        if let Err(error) = self.wait.sleep(timeout) {
            // Only a bad descriptor or no memory: nothing here can go on.
            panic!("waiting failed: {}", error.kind());
        }
        if self.wait.readable(command) {
            self.mailbox.worker_wake.clear();
        }
        for (index, ready) in self.ready.iter_mut().enumerate() {
            // During a tick nobody asked.
            *ready = tick.is_some() || self.wait.readable(command + 1 + index);
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.counters.add_to(&mut snapshot);
        let counters = self.machine.counters();
        snapshot.counters.extend(counters.totals());
        snapshot.drops.extend(counters.drops());
        snapshot.levels.extend(self.machine.levels());
        snapshot
    }
}
