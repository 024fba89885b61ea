//! One connection of the control socket: bytes in and out, and how far its controller has come. It
//! knows no other connection; which one counts is `Control`'s.

use std::time::Duration;

use datapath_core::Time;
use prost::Message;

use super::board::Board;
use super::parts::{Dumping, Gathering};
use crate::contract::framing::{self, FrameReader, MAX_FRAME_BYTES};
use crate::contract::proto::{Frame, Upcall, frame::Body};

/// Unsent bytes above which nothing is added that can wait. A higher value costs memory per
/// connection; it is less than a frame, so that a frame and a full part are its most.
const FULL_BYTES: usize = 256 << 10;
/// An Upcall is full once it holds this much.
const UPCALL_BYTES: usize = 128 << 10;
/// A connection that says nothing for so long makes room for another.
const GREETING_TIME: Duration = Duration::from_secs(5);
/// How long the last answer may take to be read before the connection is closed.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// Its state, as far as it alone knows.
pub(crate) struct Connection {
    pub(super) reader: FrameReader,
    out: Vec<u8>,
    sent: usize,
    /// From its Hello; `None` before.
    pub(super) epoch: Option<u64>,
    /// An Apply whose last part has not come.
    pub(super) gathering: Option<Gathering>,
    /// A Dump on its way.
    pub(super) dumping: Option<Dumping>,
    /// The stamp of the newest facts that it has been told.
    pub(super) told: u64,
    /// It has read a Dump, so it wants to be told of ends after it.
    pub(super) follows: bool,
    /// It is closed once what is unsent has left.
    ending: bool,
    /// It is closed at this time.
    pub(super) deadline: Option<Time>,
    /// Frames written.
    pub(super) frames_sent: u64,
}

impl Connection {
    pub(super) fn new(now: Time) -> Self {
        Self {
            reader: FrameReader::default(),
            out: Vec::new(),
            sent: 0,
            epoch: None,
            gathering: None,
            dumping: None,
            told: 0,
            follows: false,
            ending: false,
            deadline: Some(now.plus(GREETING_TIME)),
            frames_sent: 0,
        }
    }

    /// Should bytes be read from its socket? Not while a whole frame waits: one request at a time.
    pub(crate) fn wants_bytes(&self) -> bool {
        !self.ending && self.reader.waiting_bytes() <= MAX_FRAME_BYTES
    }

    /// Bytes to write.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    /// Its last answer has left: the socket is of no further use.
    pub(crate) fn is_over(&self) -> bool {
        self.ending && self.unsent().is_empty()
    }

    pub(super) fn wrote(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        } else if self.sent > FULL_BYTES {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// May its next request be looked at?
    pub(super) fn takes_requests(&self) -> bool {
        !self.ending && self.dumping.is_none() && !self.is_full()
    }

    /// No more requests are taken; what is unsent may still leave.
    pub(super) fn end(&mut self, now: Time) {
        self.ending = true;
        self.reader = FrameReader::default();
        self.gathering = None;
        self.dumping = None;
        self.deadline = Some(now.plus(FAREWELL_TIME));
    }

    pub(super) fn send(&mut self, exchange: u64, body: Body) {
        self.write(&Frame { exchange, body: Some(body) });
    }

    /// Sends what may be lost when the other side does not read.
    pub(super) fn offer(&mut self, body: Body) -> bool {
        let room = !self.is_full() && !self.ending;
        if room {
            self.send(0, body);
        }
        room
    }

    /// Sends parts of a Dump as long as there is room.
    pub(super) fn fill_dump(&mut self) {
        while !self.is_full() {
            let Some(dumping) = &mut self.dumping else {
                return;
            };
            let (frame, last) = dumping.next_part();
            if last {
                self.dumping = None;
            }
            self.write(&frame);
        }
    }

    /// Sends facts that it has not been told as long as there is room.
    pub(super) fn fill_facts(&mut self, board: &Board) {
        while self.dumping.is_none() && !self.is_full() {
            let mut upcall = Upcall::default();
            let mut bytes = 0;
            while bytes < UPCALL_BYTES {
                let Some((stamp, facts)) = board.after(self.told) else {
                    break;
                };
                bytes += facts.encoded_len();
                upcall.facts.push(facts.clone());
                self.told = stamp;
            }
            if upcall.facts.is_empty() {
                return;
            }
            self.send(0, Body::Upcall(upcall));
        }
    }

    fn is_full(&self) -> bool {
        self.out.len() - self.sent >= FULL_BYTES
    }

    fn write(&mut self, frame: &Frame) {
        framing::write(frame, &mut self.out);
        self.frames_sent += 1;
    }
}
