//! Takes the input's steps, and looks after each whether all that must hold does.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use datapath_core::Time;
use datapath_core::rows::{Change, Row, RowId, RowKind};
use datapath_wire::classify::{Class, classify};

use crate::bytes::Bytes;
use crate::house::{Checking, House, ROOM, ms};
use crate::table::{Standing, Table};
use crate::{packets, rows};

/// Ids are not used again: a place in the table gets its next id when its row is gone.
const PLACES: usize = 12;
const PEERS_MOST: usize = 3;
const LOST_NS: u64 = 30_000_000_000;
/// What is counted when something of ours does not leave; several a datagram.
const OF_EGRESS: [&str; 4] = ["overwritten", "nack_unanswered", "unsealed", "no_path"];

pub struct Driver {
    house: House,
    table: Table,
    places: [RowId; PLACES],
    next_id: RowId,
    /// Row ids of peers' transports, by index of the peer.
    peers: Vec<RowId>,
    /// The next packet index, by peer and SSRC.
    numbers: HashMap<(usize, u32), u64>,
    seen: Vec<(SocketAddr, Vec<u8>)>,
}

/// What a step made lawful.
#[derive(Default)]
struct Lawful {
    /// The answer to an authenticated check goes here.
    answer: Option<SocketAddr>,
    /// Addresses that were checked before the step.
    checked: HashSet<SocketAddr>,
}

impl Driver {
    pub fn new() -> Self {
        Self {
            house: House::new(),
            table: Table::default(),
            places: std::array::from_fn(|place| 10 + place as RowId),
            next_id: 100,
            peers: Vec::new(),
            numbers: HashMap::new(),
            seen: Vec::new(),
        }
    }

    pub fn step(&mut self, bytes: &mut Bytes<'_>) {
        let mut lawful = Lawful { answer: None, checked: self.checked() };
        self.house.sent.clear();
        match bytes.below(12) {
            0 | 1 => self.change(bytes),
            2 => self.connect(),
            3 => self.media(bytes),
            4 => self.control(bytes),
            5 => self.check(bytes, &mut lawful),
            6 => self.garbage(bytes),
            7 => self.replay(bytes),
            8 => self.time(bytes),
            9 => self.check_peers(),
            10 => self.media(bytes),
            _ if bytes.rare() => self.end_all(),
            _ => self.change(bytes),
        }
        lawful.checked.extend(self.checked());
        self.judge(&lawful);
    }

    /// Addresses from which a check was valid within 30 s.
    fn checked(&self) -> HashSet<SocketAddr> {
        let now = self.house.now.0;
        let young = self.table.checked.iter().filter(|(_, at)| now - at.0 < LOST_NS);
        young.map(|(address, _)| *address).collect()
    }

    fn judge(&mut self, lawful: &Lawful) {
        self.house.settle();
        for sent in &self.house.sent {
            if sent.class == Class::Stun {
                let answered = lawful.answer == Some(sent.to) || self.is_peer(sent.to);
                assert!(answered, "an answer without a right check");
            } else {
                assert!(lawful.checked.contains(&sent.to), "sent where nobody was checked");
            }
        }
        for facts in self.house.facts() {
            self.table.told(&facts);
        }
        self.house.machine.audit();
        let levels: HashMap<_, _> = self.house.machine.levels().into_iter().collect();
        let is_transport = |row: &Standing| matches!(row, Standing::Transport(_));
        assert_eq!(levels["transports"], self.table.count(is_transport));
        assert_eq!(levels["streams"], self.table.count(|row| matches!(row, Standing::Stream(_))));
        assert_eq!(levels["legs"], self.table.count(|row| matches!(row, Standing::Leg(..))));
    }

    fn is_peer(&self, address: SocketAddr) -> bool {
        self.house.peers.iter().any(|peer| peer.address == address)
    }

    /// A row id for a place, a new one when the row of the place is gone.
    fn id_at(&mut self, place: usize, gone: bool) -> RowId {
        if gone && !self.table.rows.contains_key(&self.places[place]) {
            self.places[place] = self.next_id;
            self.next_id += 1;
        }
        self.places[place]
    }

    fn any_id(&mut self, bytes: &mut Bytes<'_>) -> RowId {
        let place = bytes.below(PLACES + PEERS_MOST);
        match place.checked_sub(PLACES) {
            Some(peer) => self.peers.get(peer).copied().unwrap_or(1),
            None => self.places[place],
        }
    }

    fn peer_id(&mut self, bytes: &mut Bytes<'_>) -> RowId {
        if bytes.rare() || self.peers.is_empty() {
            return self.any_id(bytes);
        }
        self.peers[bytes.below(self.peers.len())]
    }

    fn put(&mut self, bytes: &mut Bytes<'_>) -> Row {
        if bytes.rare() && !self.peers.is_empty() {
            // What signalling may change of a transport that is connected.
            let peer = bytes.below(self.peers.len());
            let ice = crate::house::credentials(&self.house.peers[peer].ufrag);
            let id = self.peers[peer];
            let row = rows::transport_with(bytes, ice);
            return Row { id, kind: RowKind::Transport(row) };
        }
        let place = bytes.below(PLACES);
        let id = self.id_at(place, true);
        // A place is for one kind, unless the input wants to see that refused.
        let kind = if bytes.rare() { bytes.below(3) } else { place % 3 };
        let kind = match kind {
            0 => RowKind::Transport(rows::transport(bytes, self.house.now)),
            1 => {
                let transport = self.peer_id(bytes);
                RowKind::Stream(rows::stream(bytes, transport))
            }
            _ => {
                let stream = self.places[3 * bytes.below(4) + 1];
                let stream = if bytes.rare() { self.any_id(bytes) } else { stream };
                let transport = self.peer_id(bytes);
                RowKind::Leg(rows::leg(bytes, stream, transport))
            }
        };
        Row { id, kind }
    }

    fn change(&mut self, bytes: &mut Bytes<'_>) {
        let puts: Vec<Row> = (0..bytes.below(4)).map(|_| self.put(bytes)).collect();
        let deletes: Vec<RowId> =
            if bytes.rare() { vec![self.any_id(bytes), self.any_id(bytes)] } else { vec![] };
        let room = if bytes.rare() { ROOM + 1 } else { ROOM };
        // An id that is deleted does not come back.
        if puts.iter().any(|row| deletes.contains(&row.id)) {
            return;
        }
        let kinds: Vec<_> = puts.iter().map(|row| (row.id, row.kind.clone())).collect();
        let before = self.house.machine.levels();
        let change = Change { room, puts, deletes: deletes.clone() };
        match self.house.machine.apply(self.house.now, change) {
            Ok(()) => {
                deletes.into_iter().for_each(|id| self.table.delete(id));
                kinds.iter().for_each(|(id, kind)| self.table.put(*id, kind));
            }
            Err(_) => assert_eq!(self.house.machine.levels(), before, "nothing of it holds"),
        }
    }

    fn connect(&mut self) {
        if self.peers.len() == PEERS_MOST {
            return;
        }
        let id = 1 + self.peers.len() as RowId;
        let ufrag = format!("00u{id}");
        if self.table.is_right(&ufrag, &crate::house::password(&ufrag)) {
            return; // a row of the input's has it
        }
        let index = self.house.connect_peer(id);
        let peer = &self.house.peers[index];
        let row = crate::house::transport_row(&peer.ufrag);
        self.table.put(id, &RowKind::Transport(row));
        self.table.checked.insert(peer.address, self.house.now);
        self.peers.push(id);
    }

    /// A datagram, and what it may have become.
    fn datagram(&mut self, from: SocketAddr, mut datagram: Vec<u8>) {
        let class = classify(&datagram);
        let before = self.counted();
        self.house.machine.handle_datagram(self.house.now, 0, from, &mut datagram);
        let after = self.counted();
        let (dropped, taken) = (after.0 - before.0, after.1 - before.1);
        assert!(dropped <= 1 && taken <= 1, "one reason, one purpose");
        assert!(dropped + taken > 0 || class == Class::Dtls, "no datagram goes uncounted");
    }

    /// Datagrams dropped, and those that were of use.
    fn counted(&self) -> (u64, u64) {
        let counters = self.house.machine.counters();
        let drops = counters.drops().filter(|(name, _)| !OF_EGRESS.contains(name));
        let of_use = counters.checks_answered + counters.rtp_received + counters.rtcp_received;
        (drops.map(|(_, count)| count).sum(), of_use)
    }

    fn media(&mut self, bytes: &mut Bytes<'_>) {
        let Some(peer) = self.any_peer(bytes) else { return };
        let packets::Rtp { mut header, elements, payload } = packets::rtp(bytes);
        let next = self.numbers.entry((peer, header.ssrc)).or_insert(1);
        let ahead = if bytes.rare() { bytes.word() } else { u16::from(bytes.byte() >> 5) };
        let index = *next + u64::from(ahead);
        *next = index + 1;
        header.sequence_number = index as u16;
        let elements: Vec<(u8, &[u8])> =
            elements.iter().map(|(id, data)| (*id, &data[..])).collect();
        let datagram = self.house.peers[peer].sealed(header, index, &elements, &payload);
        self.remember(self.house.peers[peer].address, datagram);
    }

    fn control(&mut self, bytes: &mut Bytes<'_>) {
        let Some(peer) = self.any_peer(bytes) else { return };
        let compound = packets::rtcp(bytes);
        let datagram = self.house.peers[peer].sealed_rtcp(compound);
        self.remember(self.house.peers[peer].address, datagram);
    }

    fn any_peer(&self, bytes: &mut Bytes<'_>) -> Option<usize> {
        (!self.peers.is_empty()).then(|| bytes.below(self.peers.len()))
    }

    fn remember(&mut self, from: SocketAddr, datagram: Vec<u8>) {
        self.seen.push((from, datagram.clone()));
        self.datagram(from, datagram);
    }

    fn check(&mut self, bytes: &mut Bytes<'_>, lawful: &mut Lawful) {
        let checking = Checking {
            priority: bytes.one_of(&[100, 50, 200]),
            use_candidate: bytes.flag(),
            nomination: bytes.rare().then(|| bytes.byte().into()),
            ..Checking::of(bytes.one_of(&rows::UFRAGS))
        };
        let password = if bytes.rare() { "a password that nobody has" } else { &checking.password };
        let checking = Checking { password: password.into(), ..checking };
        let from = self.stranger(bytes);
        let mut datagram = checking.datagram();
        let spoiled = bytes.rare();
        if spoiled {
            let place = bytes.below(datagram.len());
            datagram[place] ^= bytes.byte() | 1;
        }
        let right = self.table.is_right(&checking.ufrag, &checking.password);
        if right && !spoiled {
            lawful.answer = Some(from);
            // It may be refused as one path too many: then nothing goes there, which is lawful.
            self.table.checked.insert(from, self.house.now);
        }
        self.datagram(from, datagram);
    }

    fn stranger(&self, bytes: &mut Bytes<'_>) -> SocketAddr {
        let port = 20_000 + u16::from(bytes.byte() % 20);
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn garbage(&mut self, bytes: &mut Bytes<'_>) {
        let from = match self.any_peer(bytes).filter(|_| bytes.flag()) {
            Some(peer) => self.house.peers[peer].address,
            None => self.stranger(bytes),
        };
        let datagram = packets::garbage(bytes);
        self.datagram(from, datagram);
    }

    fn replay(&mut self, bytes: &mut Bytes<'_>) {
        if self.seen.is_empty() {
            return;
        }
        let (from, datagram) = self.seen[bytes.below(self.seen.len())].clone();
        let from = if bytes.rare() { self.stranger(bytes) } else { from };
        self.datagram(from, datagram);
    }

    fn time(&mut self, bytes: &mut Bytes<'_>) {
        let span = match bytes.below(4) {
            0 => u64::from(bytes.byte()),
            1 => 10 * u64::from(bytes.byte()),
            2 => 200 * u64::from(bytes.byte()),
            _ => 1,
        };
        self.house.now = self.house.now.plus(ms(span));
        self.house.machine.handle_timeout(self.house.now);
        let next: Option<Time> = self.house.machine.poll_timeout();
        assert!(next.is_none_or(|at| at > self.house.now), "a timer that was served is due later");
    }

    /// Peers go on with their checks.
    fn check_peers(&mut self) {
        for peer in 0..self.peers.len() {
            if self.table.rows.contains_key(&self.peers[peer]) {
                let checking = Checking::of(&self.house.peers[peer].ufrag);
                let from = self.house.peers[peer].address;
                self.table.checked.insert(from, self.house.now);
                self.house.check_from(from, &checking);
            }
        }
    }

    fn end_all(&mut self) {
        self.house.machine.end_all(self.house.now);
        self.table.rows.clear();
    }
}
