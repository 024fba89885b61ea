//! What a controller may ask and when: greeting, epochs, the lease, and the verbs that are built.
//! The rules are those of the contract's essay.

use datapath_core::Time;

use super::parts::{Dumping, Gathering};
use super::{Asked, ConnectionId, Control, Question};
use crate::contract::proto::{self, frame::Body};
use crate::contract::rows;
use crate::contract::{Reason, Refusal, SCHEMA};
use crate::log::Level;
use crate::worker::counters::Snapshot;
use crate::worker::mailbox::Command;

impl Control {
    /// Takes requests of one connection as long as no worker is asked.
    pub(super) fn take_requests(&mut self, now: Time, id: ConnectionId) {
        while self.asked.is_none() {
            let Some(connection) = self.connections.get_mut(&id) else {
                return;
            };
            if !connection.takes_requests() {
                return;
            }
            match connection.reader.next_frame() {
                Ok(Some(frame)) => {
                    self.counters.frames_received += 1;
                    self.handle_frame(now, id, frame);
                }
                Ok(None) => return,
                Err(error) => {
                    connection.end(now);
                    let fields = vec![("reason", error.name().into())];
                    self.line(Level::Error, "connection_closed", fields);
                    return;
                }
            }
        }
    }

    fn handle_frame(&mut self, now: Time, id: ConnectionId, frame: proto::Frame) {
        if self.controller == Some(id) {
            self.renew_lease(now);
        }
        let exchange = frame.exchange;
        let done = match frame.body {
            Some(Body::Hello(hello)) => self.greet(now, id, &hello),
            body => self.check_epoch(now, id).and_then(|epoch| match body {
                Some(Body::Apply(part)) => self.gather(now, id, exchange, epoch, part),
                Some(Body::CountersRequest(request)) => self.count(id, exchange, &request),
                Some(Body::DumpRequest(_)) => {
                    self.dump(id, exchange);
                    Ok(())
                }
                Some(Body::Send(send)) => self.send(id, exchange, send),
                Some(
                    Body::Hello(_)
                    | Body::Applied(_)
                    | Body::Refused(_)
                    | Body::Upcall(_)
                    | Body::Counters(_)
                    | Body::Dump(_)
                    | Body::Log(_),
                ) => Err(malformed("only the datapath sends frames of this kind")),
                None => Err(unsupported("a frame of no kind that this datapath knows")),
            }),
        };
        if let Err(refusal) = done {
            self.refuse(id, exchange, refusal);
        }
    }

    /// The other side's Hello: once, of a schema that we speak, with an epoch above the one that
    /// counts. Otherwise the connection ends after the refusal.
    fn greet(&mut self, now: Time, id: ConnectionId, hello: &proto::Hello) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        if connection.epoch.is_some() {
            return Err(malformed("Hello comes once"));
        }
        if hello.schema != SCHEMA {
            connection.end(now);
            return Err(unsupported("Hello names a schema that this datapath does not speak"));
        }
        connection.epoch = Some(hello.epoch);
        connection.deadline = None;
        if hello.epoch <= self.epoch { Err(stale()) } else { Ok(()) }
    }

    /// The connection's epoch, unless a newer controller counts or it has not greeted.
    fn check_epoch(&mut self, now: Time, id: ConnectionId) -> Result<u64, Refusal> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Err(stale());
        };
        match connection.epoch {
            None => {
                connection.end(now);
                Err(malformed("Hello is the first frame"))
            }
            Some(epoch) if epoch <= self.epoch && self.controller != Some(id) => {
                connection.gathering = None;
                Err(stale())
            }
            Some(epoch) => Ok(epoch),
        }
    }

    /// A part of an Apply. The first Apply of a newer epoch makes its connection the controller.
    fn gather(
        &mut self,
        now: Time,
        id: ConnectionId,
        exchange: u64,
        epoch: u64,
        part: proto::Apply,
    ) -> Result<(), Refusal> {
        if part.epoch < epoch {
            return Err(stale());
        }
        if part.epoch > epoch {
            return Err(malformed("the Apply's epoch is not that of the connection's Hello"));
        }
        self.take_over(now, id, epoch);
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        let more = part.more;
        let gathering = match connection.gathering.take() {
            None => Gathering::new(exchange, part),
            Some(mut gathering) => {
                gathering.add(exchange, part);
                gathering
            }
        };
        if more {
            connection.gathering = Some(gathering);
            return Ok(());
        }
        self.apply(id, exchange, gathering.finish()?)
    }

    fn take_over(&mut self, now: Time, id: ConnectionId, epoch: u64) {
        if self.controller == Some(id) {
            return;
        }
        self.controller = Some(id);
        self.epoch = epoch;
        self.renew_lease(now);
        self.line(Level::Info, "controller_counts", vec![("epoch", epoch.to_string())]);
    }

    fn renew_lease(&mut self, now: Time) {
        self.lease_end = Some(now.plus(self.setup.lease));
    }

    fn apply(
        &mut self,
        id: ConnectionId,
        exchange: u64,
        apply: proto::Apply,
    ) -> Result<(), Refusal> {
        self.counters.applies += 1;
        let (room, generation) = (apply.room, apply.generation);
        let mut plan = self.table.plan(room, apply.puts, &apply.deletes)?;
        let Some(change) = plan.change.take() else {
            self.commit(plan);
            self.answer_applied(id, exchange, room, generation);
            return Ok(());
        };
        self.commands.push((plan.worker, Command::Apply(change)));
        let what = Question::Apply { plan, generation, room };
        self.asked = Some(Asked { connection: id, exchange, what });
        Ok(())
    }

    /// What the controller made is sent by the worker of its room. Nothing but a data message is: a
    /// TURN answer would name a listener, and no relay is built.
    fn send(&mut self, id: ConnectionId, exchange: u64, send: proto::Send) -> Result<(), Refusal> {
        if self.controller != Some(id) {
            let detail = "only a controller that counts sends: it begins with an Apply";
            return Err(Refusal::request(Reason::NoController, detail));
        }
        if !send.to.is_empty() {
            return Err(unsupported("TURN is not in this datapath's capabilities"));
        }
        let to = rows::destination(&send)?;
        let Some(worker) = self.table.worker_of(send.room) else {
            let detail = "the room has no row";
            return Err(Refusal::row(send.row, Reason::UnknownReference, detail));
        };
        self.counters.sends += 1;
        self.commands.push((worker, Command::Send { room: send.room, to, payload: send.payload }));
        let what = Question::Send { room: send.room, generation: send.after_generation };
        self.asked = Some(Asked { connection: id, exchange, what });
        Ok(())
    }

    fn count(
        &mut self,
        id: ConnectionId,
        exchange: u64,
        request: &proto::CountersRequest,
    ) -> Result<(), Refusal> {
        if request.room != 0 {
            return Err(unsupported("counters of one room are not built; ask for room 0"));
        }
        let missing = self.setup.workers;
        self.commands.extend((0..missing).map(|worker| (worker, Command::Count)));
        let what = Question::Count { missing, sum: Snapshot::default() };
        self.asked = Some(Asked { connection: id, exchange, what });
        Ok(())
    }

    fn dump(&mut self, id: ConnectionId, exchange: u64) {
        let (rows, facts) = (self.table.rows(), self.board.standing());
        let stamp = self.board.stamp();
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.dumping = Some(Dumping::new(exchange, self.epoch, rows, facts));
            connection.follows = true;
            // A controller has been told what is not in `told` yet beside the Dump, not in it.
            if self.controller != Some(id) {
                connection.told = stamp;
            }
        }
    }
}

fn malformed(detail: &'static str) -> Refusal {
    Refusal::request(Reason::Malformed, detail)
}

fn unsupported(detail: &'static str) -> Refusal {
    Refusal::request(Reason::Unsupported, detail)
}

fn stale() -> Refusal {
    Refusal::request(Reason::StaleEpoch, "a newer controller counts; read Hello and Dump again")
}
