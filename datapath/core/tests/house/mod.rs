//! A machine, participants that call through it, and a clock that only the test moves.
//!
//! Datagrams go to and fro at once; what gets lost the test decides.

// A test module's items are public to its tests, not each of which uses all; it looks for one
// variant among many; and it is the shell here, so it may read the clock once.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods
)]

mod peer;
mod rows;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use datapath_core::dtls::{Clock, Identity};
use datapath_core::facts::{Facts, FactsKind, TransportFacts};
use datapath_core::feedback::ntp::Ntp;
use datapath_core::rows::{Change, Refusal, Row, RowId, RowKind};
use datapath_core::{Config, Machine, Time};
use datapath_wire::classify::{Class, classify};
use datapath_wire::rtp::Header;

pub use peer::{Checking, Heard, Peer, check_of, header};
pub use rows::*;

static IDENTITY: LazyLock<Arc<Identity>> =
    LazyLock::new(|| Arc::new(Identity::generate().expect("this machine has randomness")));

fn count_up(bytes: &mut [u8]) {
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = at as u8 + 1;
    }
}

/// A datagram that the machine sent, without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub to: SocketAddr,
    pub class: Class,
    pub bytes: usize,
}

pub struct House {
    pub machine: Machine,
    pub now: Time,
    pub peers: Vec<Peer>,
    /// Everything that was sent; who wants to look clears it first.
    pub sent: Vec<Sent>,
    /// Datagrams to addresses that are no peer's.
    pub astray: usize,
    instant: Instant,
}

const START: Time = Time(1_000_000_000);

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl House {
    pub fn new() -> Self {
        let instant = Instant::now();
        let machine = Machine::new(Config {
            identity: IDENTITY.clone(),
            clock: Clock::new(instant, START),
            ntp_at_zero: Ntp(0),
            random: count_up,
        });
        Self { machine, now: START, peers: Vec::new(), sent: Vec::new(), astray: 0, instant }
    }

    pub fn apply(&mut self, puts: Vec<(RowId, RowKind)>, deletes: Vec<RowId>) {
        self.try_apply(puts, deletes).expect("these rows stand");
    }

    pub fn try_apply(
        &mut self,
        puts: Vec<(RowId, RowKind)>,
        deletes: Vec<RowId>,
    ) -> Result<(), Refusal> {
        let puts = puts.into_iter().map(|(id, kind)| Row { id, kind }).collect();
        let outcome = self.machine.apply(self.now, Change { room: ROOM, puts, deletes });
        self.settle();
        outcome
    }

    /// Puts a transport and a peer for it, which has not said anything. Returns the peer's index.
    pub fn add_peer(&mut self, transport: RowId) -> usize {
        let ufrag = format!("00u{transport}");
        self.apply(vec![(transport, RowKind::Transport(transport_row(&ufrag)))], vec![]);
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + transport as u16));
        self.peers.push(Peer::new(address, ufrag, self.instant()));
        self.peers.len() - 1
    }

    /// A peer whose ICE and DTLS are up.
    pub fn connect_peer(&mut self, transport: RowId) -> usize {
        let index = self.add_peer(transport);
        self.check(index);
        self.handshake(index);
        assert!(self.peers[index].srtp.is_some(), "the handshake is done");
        index
    }

    /// The peer sends a connectivity check.
    pub fn check(&mut self, index: usize) {
        let peer = &self.peers[index];
        self.check_from(peer.address, &Checking::of(&peer.ufrag));
    }

    /// A connectivity check, from anywhere.
    pub fn check_from(&mut self, from: SocketAddr, checking: &Checking) {
        self.datagram(from, checking.datagram());
    }

    /// Starts the peer's DTLS and lets it run to its end.
    pub fn handshake(&mut self, index: usize) {
        let instant = self.instant();
        self.peers[index].engine.handle_timeout(instant).expect("a client may start");
        self.pump_once(index);
        self.settle();
    }

    /// Any datagram, from anywhere.
    pub fn datagram(&mut self, from: SocketAddr, mut bytes: Vec<u8>) {
        self.machine.handle_datagram(self.now, 0, from, &mut bytes);
        self.settle();
    }

    /// The peer sends an RTP packet with these extension elements.
    pub fn rtp(&mut self, index: usize, header: Header, elements: &[(u8, &[u8])], payload: &[u8]) {
        let datagram = self.sealed(index, header, elements, payload);
        let from = self.peers[index].address;
        self.datagram(from, datagram);
    }

    /// What the peer would send.
    pub fn sealed(
        &mut self,
        index: usize,
        header: Header,
        elements: &[(u8, &[u8])],
        payload: &[u8],
    ) -> Vec<u8> {
        self.peers[index].sealed(header, header.sequence_number.into(), elements, payload)
    }

    /// The peer sends a compound.
    pub fn rtcp(&mut self, index: usize, compound: Vec<u8>) {
        let datagram = self.peers[index].sealed_rtcp(compound);
        let from = self.peers[index].address;
        self.datagram(from, datagram);
    }

    /// Lets time pass in steps of 1 ms.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now.plus(span);
        while self.now < end {
            self.now = self.now.plus(ms(1));
            if self.machine.poll_timeout().is_some_and(|at| at <= self.now) {
                self.machine.handle_timeout(self.now);
                self.settle();
            }
        }
    }

    pub fn drops(&self, reason: &str) -> u64 {
        self.machine.counters().drops().find(|(name, _)| *name == reason).expect("a known reason").1
    }

    pub fn facts(&mut self) -> Vec<Facts> {
        std::iter::from_fn(|| self.machine.poll_facts()).collect()
    }

    pub fn transport_facts(&mut self, transport: RowId) -> TransportFacts {
        let newest = self.facts().into_iter().rev().find_map(|facts| match facts.kind {
            FactsKind::Transport(told) if facts.row == transport => Some(told),
            _ => None,
        });
        newest.expect("facts of this transport")
    }

    /// Carries everything that the machine sends to its peers, and the peers' answers back.
    pub fn settle(&mut self) {
        loop {
            self.machine.release(self.now);
            let mut sent = Vec::new();
            while let Some(transmit) = self.machine.poll_transmit() {
                let datagrams = transmit.bytes.chunks(transmit.segment_bytes);
                sent.extend(datagrams.map(|datagram| (transmit.remote, datagram.to_vec())));
            }
            #[cfg(debug_assertions)]
            self.machine.audit();
            if sent.is_empty() {
                return;
            }
            for (to, datagram) in sent {
                self.sent.push(Sent { to, class: classify(&datagram), bytes: datagram.len() });
                match self.peers.iter().position(|peer| peer.address == to) {
                    Some(index) => self.peers[index].receive(datagram),
                    None => self.astray += 1,
                }
            }
            for index in 0..self.peers.len() {
                self.pump_once(index);
            }
        }
    }

    fn instant(&self) -> Instant {
        self.instant + self.now.saturating_since(START)
    }

    fn pump_once(&mut self, index: usize) {
        let from = self.peers[index].address;
        for mut datagram in self.peers[index].poll() {
            self.machine.handle_datagram(self.now, 0, from, &mut datagram);
        }
    }
}
