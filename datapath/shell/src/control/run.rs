//! The control thread: one loop around `Control` that owns the control socket, the connections, the
//! workers' mailboxes and the signals. It decides nothing.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use super::{ConnectionId, Control, MAX_CONNECTIONS, socket};
use crate::log::{self, Log};
use crate::system::signals::StopSignals;
use crate::system::wait::Wait;
use crate::system::{clock, wake::Wake};
use crate::worker::mailbox::{Command, Mailbox};

/// Bytes of one read.
const READ_BYTES: usize = 64 << 10;

/// Everything that the control thread owns.
pub(crate) struct ControlLoop {
    pub(crate) control: Control,
    pub(crate) listener: UnixListener,
    pub(crate) mailboxes: Vec<Arc<Mailbox>>,
    pub(crate) log: Log,
    /// Workers and the log signal it.
    pub(crate) wake: Arc<Wake>,
    pub(crate) signals: StopSignals,
}

/// Connections by id, and the id of the next.
#[derive(Default)]
struct Streams {
    open: BTreeMap<ConnectionId, UnixStream>,
    next: ConnectionId,
}

impl ControlLoop {
    /// Runs until a signal ends it; workers are told to stop, not waited for.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut streams = Streams::default();
        let mut wait = Wait::default();
        loop {
            self.settle(&mut streams);
            let places = self.prepare(&mut wait, &streams);
            let now = clock::now();
            let timeout = self.control.poll_timeout().map(|time| time.saturating_since(now));
            wait.sleep(timeout)?;
            if self.signals.received() {
                break;
            }
            if wait.readable(0) {
                self.wake.clear();
            }
            self.handle_workers();
            self.handle_streams(&wait, &places, &mut streams);
            self.accept(&mut streams);
            let now = clock::now();
            if self.control.poll_timeout().is_some_and(|time| time <= now) {
                self.control.handle_timeout(now);
            }
        }
        for mailbox in &self.mailboxes {
            mailbox.command(Command::Stop);
        }
        Ok(())
    }

    /// Passes on what the machine wants done: commands, bytes, closes, lines.
    fn settle(&mut self, streams: &mut Streams) {
        for (worker, command) in self.control.take_commands() {
            // The table admits only rows of workers that exist.
            self.mailboxes[worker as usize].command(command);
        }
        self.write_lines();
        let ids: Vec<_> = streams.open.keys().copied().collect();
        for id in ids {
            self.write(streams, id);
        }
    }

    fn write_lines(&mut self) {
        for (level, event, fields) in self.control.take_lines() {
            self.log.line(level, event, fields);
        }
        let (lines, mut lost) = self.log.take();
        for line in lines {
            lost += u64::from(!log::write(&line));
            self.control.handle_line(&line);
        }
        self.control.count_lost_lines(lost);
    }

    /// Writes until the socket is full or nothing is left, and drops what is over.
    fn write(&mut self, streams: &mut Streams, id: ConnectionId) {
        let Some(stream) = streams.open.get_mut(&id) else {
            return;
        };
        let alive = loop {
            let Some(connection) = self.control.connection(id) else {
                break false;
            };
            if connection.is_over() {
                break false;
            }
            if connection.unsent().is_empty() {
                break true;
            }
            match stream.write(connection.unsent()) {
                Ok(bytes) => self.control.handle_written(clock::now(), id, bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        if !alive {
            self.close(streams, id);
        }
    }

    fn prepare(&self, wait: &mut Wait, streams: &Streams) -> Vec<(usize, ConnectionId)> {
        wait.clear();
        wait.add(self.wake.fd(), true, false);
        wait.add(self.signals.fd(), true, false);
        wait.add(self.listener.as_raw_fd(), true, false);
        let add = |(id, stream): (&ConnectionId, &UnixStream)| {
            let connection = self.control.connection(*id)?;
            let write = !connection.unsent().is_empty();
            Some((wait.add(stream.as_raw_fd(), connection.wants_bytes(), write), *id))
        };
        streams.open.iter().filter_map(add).collect()
    }

    /// Events before facts: see `worker::mailbox::Upward`.
    fn handle_workers(&mut self) {
        for mailbox in &self.mailboxes {
            let upward = mailbox.take_upward();
            let now = clock::now();
            for event in upward.events {
                self.control.handle_event(now, event);
            }
            self.control.handle_facts(now, upward.facts.into_values());
        }
    }

    fn handle_streams(
        &mut self,
        wait: &Wait,
        places: &[(usize, ConnectionId)],
        streams: &mut Streams,
    ) {
        let mut bytes = [0; READ_BYTES];
        for (place, id) in places.iter().filter(|(place, _)| wait.readable(*place)) {
            debug_assert!(*place > 2, "the first places are not connections'");
            let Some(stream) = streams.open.get_mut(id) else {
                continue;
            };
            match stream.read(&mut bytes) {
                Ok(0) => self.close(streams, *id),
                Ok(count) => self.control.handle_bytes(clock::now(), *id, &bytes[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => self.close(streams, *id),
            }
        }
    }

    fn accept(&mut self, streams: &mut Streams) {
        while let Some(accepted) = socket::accept(&self.listener) {
            match accepted {
                Ok(_) if streams.open.len() >= MAX_CONNECTIONS => {
                    self.control.count_turned_away("too_many");
                }
                Ok(stream) => {
                    streams.next += 1;
                    streams.open.insert(streams.next, stream);
                    self.control.open(clock::now(), streams.next);
                }
                Err(why) => {
                    self.control.count_turned_away(why);
                    // A failure that lasts (no descriptor left) must not keep the loop here.
                    return;
                }
            }
        }
    }

    fn close(&mut self, streams: &mut Streams, id: ConnectionId) {
        streams.open.remove(&id);
        self.control.close(id);
    }
}
