//! Answers: to a question once its worker has answered, and to requests at once.

use datapath_core::rows;

use super::{Asked, ConnectionId, Control, Question};
use crate::contract::Refusal;
use crate::contract::proto::{self, frame::Body};
use crate::log::Level;
use crate::table::Plan;
use crate::worker::counters::Snapshot;

impl Control {
    /// A worker made an edit true, or would not.
    pub(super) fn handle_applied(&mut self, agreed: Result<(), rows::Refusal>) {
        let Some(Asked { connection, exchange, what }) = self.asked.take() else {
            return;
        };
        let Question::Apply { plan, generation, room } = what else {
            // Workers answer in the order of the commands, so this is no answer; the question stands.
            self.asked = Some(Asked { connection, exchange, what });
            return;
        };
        match agreed {
            Ok(()) => {
                self.commit(plan);
                self.answer_applied(connection, exchange, room, generation);
            }
            Err(refusal) => self.refuse(connection, exchange, refusal.into()),
        }
    }

    /// A worker has sent what the controller made, or would not.
    pub(super) fn handle_sent(&mut self, agreed: Result<(), rows::Refusal>) {
        let Some(Asked { connection, exchange, what }) = self.asked.take() else {
            return;
        };
        let Question::Send { room, generation } = what else {
            // Workers answer in the order of the commands, so this is no answer; the question stands.
            self.asked = Some(Asked { connection, exchange, what });
            return;
        };
        match agreed {
            Ok(()) => self.answer_applied(connection, exchange, room, generation),
            Err(refusal) => self.refuse(connection, exchange, refusal.into()),
        }
    }

    /// A worker said its numbers; the answer is the sum of all workers'.
    pub(super) fn handle_counted(&mut self, counted: &Snapshot) {
        let Some(Asked { what: Question::Count { missing, sum }, .. }) = &mut self.asked else {
            return;
        };
        sum.merge(counted);
        *missing -= 1;
        if *missing > 0 {
            return;
        }
        let sum = std::mem::take(sum);
        let counters = self.count_all(&sum);
        if let Some(asked) = self.asked.take() {
            self.answer(asked.connection, asked.exchange, Body::Counters(counters));
        }
    }

    /// The table takes what the worker agreed to.
    pub(super) fn commit(&mut self, plan: Plan) {
        for id in self.table.commit(plan) {
            self.board.remove(id);
        }
    }

    pub(super) fn answer_applied(
        &mut self,
        id: ConnectionId,
        exchange: u64,
        room: u64,
        generation: u64,
    ) {
        self.answer(id, exchange, Body::Applied(proto::Applied { room, generation }));
    }

    pub(super) fn refuse(&mut self, id: ConnectionId, exchange: u64, refusal: Refusal) {
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
}
