//! The contract as conversations: bytes in, bytes out, on a fake clock, with a worker that agrees
//! when the test says so.

mod applying;
mod epochs;
mod lease;
mod telling;

use std::time::Duration;

use datapath_core::Time;
use datapath_core::rows::Refusal;

use super::*;
use crate::contract::framing::{self, FrameReader};
use crate::contract::proto::{Apply, Dump, Frame, Hello, Memo, Row, row::Kind};
use crate::sandbox::Locked;

const LEASE: Duration = Duration::from_secs(60);

/// The machine, its clock, and what each connection has received.
struct Scene {
    control: Control,
    now: Time,
    readers: BTreeMap<ConnectionId, FrameReader>,
}

impl Scene {
    fn new() -> Self {
        let listener = Row {
            id: 1,
            kind: Some(Kind::Listener(proto::Listener {
                address: "127.0.0.1:7880".into(),
                kind: proto::listener::Kind::Udp.into(),
            })),
            ..Row::default()
        };
        let setup = Setup {
            boot_id: [9; 16],
            build: "test".into(),
            fingerprints: vec![],
            listeners: vec![listener],
            workers: 1,
            lease: LEASE,
            locked: Locked { landlock_abi: 7, seccomp: true },
        };
        Self { control: Control::new(setup), now: Time(1_000_000_000), readers: BTreeMap::new() }
    }

    /// Connects and greets with an epoch; returns the datapath's Hello.
    fn greet(&mut self, id: ConnectionId, epoch: u64) -> Hello {
        self.control.open(self.now, id);
        self.readers.insert(id, FrameReader::default());
        let Some(Body::Hello(hello)) = self.answer(id).body else { panic!("it greets first") };
        self.send(id, 0, hello_of(epoch));
        hello
    }

    /// Connects, greets and counts.
    fn control_with(&mut self, id: ConnectionId, epoch: u64) {
        self.greet(id, epoch);
        self.send(id, 1, apply(epoch, 0, vec![], vec![]));
        assert!(matches!(self.answer(id).body, Some(Body::Applied(_))));
    }

    fn send(&mut self, id: ConnectionId, exchange: u64, body: Body) {
        let mut bytes = Vec::new();
        framing::write(&Frame { exchange, body: Some(body) }, &mut bytes);
        self.control.handle_bytes(self.now, id, &bytes);
    }

    /// Reads all that was written to a connection; the reader keeps up.
    fn read(&mut self, id: ConnectionId) {
        let Some(reader) = self.readers.get_mut(&id) else {
            return;
        };
        while let Some(connection) = self.control.connection(id) {
            let bytes = connection.unsent().to_vec();
            if bytes.is_empty() {
                return;
            }
            reader.push(&bytes);
            self.control.handle_written(self.now, id, bytes.len());
        }
    }

    /// The next frame, if one came.
    fn poll(&mut self, id: ConnectionId) -> Option<Frame> {
        self.read(id);
        self.readers.get_mut(&id)?.next_frame().expect("whole frames")
    }

    fn answer(&mut self, id: ConnectionId) -> Frame {
        self.poll(id).expect("an answer")
    }

    fn refusal(&mut self, id: ConnectionId) -> (u64, proto::refused::Reason) {
        match self.answer(id).body {
            Some(Body::Refused(refused)) => (refused.row, refused.reason()),
            _ => panic!("no refusal"),
        }
    }

    /// Sends an Apply that the worker agrees with or not; returns the answer.
    fn apply(&mut self, id: ConnectionId, body: Body, agreed: Result<(), Refusal>) -> Option<Body> {
        self.send(id, 5, body);
        let asked = self.control.take_commands();
        if asked.iter().any(|(_, command)| matches!(command, Command::Apply(_))) {
            self.control.handle_event(self.now, Event::Applied(agreed));
        }
        self.answer(id).body
    }

    fn dump(&mut self, id: ConnectionId) -> Dump {
        self.send(id, 6, Body::DumpRequest(proto::DumpRequest {}));
        let mut whole = Dump::default();
        loop {
            let Some(Body::Dump(part)) = self.answer(id).body else { panic!("a part") };
            whole.epoch = part.epoch;
            whole.rows.extend(part.rows);
            whole.facts.extend(part.facts);
            if !part.more {
                return whole;
            }
        }
    }

    fn row_ids(&mut self, id: ConnectionId) -> Vec<u64> {
        self.dump(id).rows.iter().map(|row| row.id).collect()
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now.plus(span);
        while let Some(next) = self.control.poll_timeout().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.control.handle_timeout(self.now);
        }
        self.now = end;
    }
}

fn hello_of(epoch: u64) -> Body {
    Body::Hello(Hello { schema: SCHEMA, epoch, ..Hello::default() })
}

fn apply(epoch: u64, room: u64, puts: Vec<Row>, deletes: Vec<u64>) -> Body {
    Body::Apply(Apply { epoch, generation: 7, room, puts, deletes, more: false })
}

fn memo(id: u64, room: u64) -> Row {
    let memo = Memo { scope: "used".into(), value: vec![1, 2], ..Memo::default() };
    Row { id, room, worker: 0, kind: Some(Kind::Memo(memo)) }
}

fn transport(id: u64, room: u64) -> Row {
    let ice = proto::IceCredentials {
        ufrag: format!("00t{id}"),
        password: "a-password-is-22-chars".replace('-', "x"),
        remote_ufrag: String::new(),
    };
    let transport = proto::Transport { ice: Some(ice), ..proto::Transport::default() };
    Row { id, room, worker: 0, kind: Some(Kind::Transport(transport)) }
}

fn opus() -> proto::Codec {
    proto::Codec { name: "opus".into(), payload_type: 111, clock_hz: 48_000, ..Default::default() }
}

fn stream(id: u64, room: u64, transport: u64) -> Row {
    let stream = proto::Stream {
        transport,
        mid: "0".into(),
        kind: proto::MediaKind::Audio.into(),
        codecs: vec![opus()],
        ..proto::Stream::default()
    };
    Row { id, room, worker: 0, kind: Some(Kind::Stream(stream)) }
}

fn leg(id: u64, room: u64, stream: u64, transport: u64) -> Row {
    let ssrc = id as u32;
    let leg = proto::Leg { stream, transport, ssrc, codecs: vec![opus()], ..Default::default() };
    Row { id, room, worker: 0, kind: Some(Kind::Leg(leg)) }
}

/// Two transports, a stream on the first, a leg on the second.
fn call(room: u64) -> Vec<Row> {
    vec![transport(10, room), transport(11, room), stream(12, room, 10), leg(13, room, 12, 11)]
}
