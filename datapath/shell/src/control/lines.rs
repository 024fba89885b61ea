//! What the control machine has to say to people: its own events, and everybody's lines on their way
//! up to the controller.

use super::{Control, Level};
use crate::contract::proto::{self, frame::Body};
use crate::log::{Field, Line};

impl Control {
    /// The controller reads the log too, as long as it reads.
    pub(crate) fn handle_line(&mut self, line: &Line) {
        let Some(controller) = self.controller.and_then(|id| self.connections.get_mut(&id)) else {
            return;
        };
        let body = Body::Log(proto::LogLine {
            at_ns: line.at.0,
            level: level(line.level).into(),
            event: line.event.into(),
            fields: line.fields.iter().map(|(k, v)| ((*k).into(), v.clone())).collect(),
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
        self.line(Level::Warning, "connection_refused", vec![("reason", why.into())]);
    }

    /// Events to log.
    pub(crate) fn take_lines(&mut self) -> Vec<(Level, &'static str, Vec<Field>)> {
        std::mem::take(&mut self.lines)
    }

    pub(super) fn line(&mut self, level: Level, event: &'static str, fields: Vec<Field>) {
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
