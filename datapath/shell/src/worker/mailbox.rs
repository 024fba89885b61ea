//! What passes between the control thread and one worker: commands down, events and facts up. Both
//! sides hold the lock only to move values; an eventfd tells the other side that something waits.
//!
//! Commands are few by construction (the control thread asks one question at a time), and facts are
//! one slot per row, so nothing here needs a bound of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datapath_core::data::SendTo;
use datapath_core::facts::Facts;
use datapath_core::rows::{Change, Refusal};

use super::counters::Snapshot;
use crate::system::wake::Wake;

/// What a worker is told to do. It answers the first three.
pub(crate) enum Command {
    /// Edit the machine's rows.
    Apply(Change),
    /// Send a data message that the control plane made.
    Send { room: u64, to: SendTo, payload: Vec<u8> },
    /// Say what was counted.
    Count,
    /// The lease ended: close every transport, forget every row.
    EndAll,
    /// Close every transport, send what is left and end.
    Stop,
}

/// What happened in a worker, in the order in which it happened.
pub(crate) enum Event {
    /// The answer to `Apply`.
    Applied(Result<(), Refusal>),
    /// The answer to `Send`.
    Sent(Result<(), Refusal>),
    /// The answer to `Count`.
    Counted(Snapshot),
    /// A row ended by itself; these are its last facts.
    Ended(Facts),
}

/// Events and the newest facts per row, taken together: a row's facts are never seen before the
/// event that made the row.
#[derive(Default)]
pub(crate) struct Upward {
    pub(crate) events: Vec<Event>,
    pub(crate) facts: HashMap<u64, Facts>,
}

impl Upward {
    /// Nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.facts.is_empty()
    }
}

/// The two directions of one worker.
pub(crate) struct Mailbox {
    commands: Mutex<VecDeque<Command>>,
    upward: Mutex<Upward>,
    /// Wakes the worker.
    pub(crate) worker_wake: Wake,
    /// Wakes the control thread; shared by all workers.
    control_wake: Arc<Wake>,
}

impl Mailbox {
    pub(crate) fn new(worker_wake: Wake, control_wake: Arc<Wake>) -> Self {
        Self { commands: Mutex::default(), upward: Mutex::default(), worker_wake, control_wake }
    }

    /// Control thread: one more command.
    pub(crate) fn command(&self, command: Command) {
        lock(&self.commands).push_back(command);
        self.worker_wake.signal();
    }

    /// Worker: all commands that wait.
    pub(crate) fn take_commands(&self) -> VecDeque<Command> {
        std::mem::take(&mut lock(&self.commands))
    }

    /// Worker: events and facts; what is newer about a row replaces what was not yet taken.
    pub(crate) fn tell(&self, news: &mut Upward) {
        if news.is_empty() {
            return;
        }
        let mut upward = lock(&self.upward);
        upward.events.append(&mut news.events);
        upward.facts.extend(news.facts.drain());
        drop(upward);
        self.control_wake.signal();
    }

    /// Control thread: everything told since it last took.
    pub(crate) fn take_upward(&self) -> Upward {
        std::mem::take(&mut lock(&self.upward))
    }
}

/// A panic ends the process, so a lock is never found poisoned.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
