//! The machine itself: its tables, its timers, its facts. What it does with a datagram is in
//! `ingress`, what leaves it in `egress`, edits of the table in `apply`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::Time;
use crate::counters::Counters;
use crate::data::{DataChannel, DataRoom};
use crate::dtls::{Clock, Identity};
use crate::egress::Outbox;
use crate::facts::{Changed, Facts, FactsKind};
use crate::feedback::ntp::{Ntp, NtpClock};
use crate::leg::Leg;
use crate::path::Address;
use crate::rows::RowId;
use crate::slots::Slots;
use crate::stream::Stream;
use crate::transport::Transport;

/// The least time from one service of a transport to the next, whoever asks: no timer can keep a
/// worker busy.
pub(crate) const LEAST_WAIT: Duration = Duration::from_micros(100);

/// What a machine is told once.
#[derive(Clone)]
pub struct Config {
    /// Our DTLS certificate.
    pub identity: Arc<Identity>,
    /// One moment as `Time` and as `Instant`, which DTLS wants.
    pub clock: Clock,
    /// NTP time at `Time(0)`, for sender reports.
    pub ntp_at_zero: Ntp,
    /// Fills with unpredictable bytes (SSRCs, first sequence numbers).
    pub random: fn(&mut [u8]),
}

/// Which table a row is in, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Transport(u32),
    Stream(u32),
    Leg(u32),
    DataChannel(u32),
}

/// One worker's packet machine. See the crate's first page for how to drive it.
pub struct Machine {
    pub(crate) config: Config,
    pub(crate) ntp: NtpClock,
    pub(crate) transports: Slots<Transport>,
    pub(crate) streams: Slots<Stream>,
    pub(crate) legs: Slots<Leg>,
    pub(crate) channels: Slots<DataChannel>,
    /// Rooms that have a data channel, by number.
    pub(crate) data_rooms: HashMap<u64, DataRoom>,
    /// Transports whose SCTP has something to send.
    pub(crate) data_touched: Vec<u32>,
    pub(crate) ids: HashMap<RowId, Entity>,
    pub(crate) ufrags: HashMap<Box<str>, u32>,
    /// Which transport was validly checked from an address.
    pub(crate) addresses: HashMap<Address, u32>,
    pub(crate) outbox: Outbox,
    pub(crate) counters: Counters,
    /// When the transport of an index is to be served: one entry for each that is armed.
    pub(crate) timers: BTreeSet<(Time, u32)>,
    pub(crate) changed: Changed,
    ended: VecDeque<Facts>,
    /// Scratch space: sequence numbers to ask for.
    pub(crate) asked: Vec<u16>,
    /// Scratch space: what DTLS writes into.
    pub(crate) record: Vec<u8>,
}

impl Machine {
    /// An empty machine.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            ntp: NtpClock::new(config.ntp_at_zero),
            config,
            transports: Slots::default(),
            streams: Slots::default(),
            legs: Slots::default(),
            channels: Slots::default(),
            data_rooms: HashMap::new(),
            data_touched: Vec::new(),
            ids: HashMap::new(),
            ufrags: HashMap::new(),
            addresses: HashMap::new(),
            outbox: Outbox::default(),
            counters: Counters::default(),
            timers: BTreeSet::new(),
            changed: Changed::default(),
            ended: VecDeque::new(),
            asked: Vec::new(),
            record: Vec::new(),
        }
    }

    /// What was counted since start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many there are now, by name.
    #[must_use]
    pub fn levels(&self) -> [(&'static str, u64); 8] {
        let count = |number: usize| number as u64;
        let up = self.transports.iter().filter(|transport| transport.srtp.is_some()).count();
        let associations = self.transports.iter().filter(|transport| transport.sctp.is_some());
        let replay = self.data_rooms.values().map(|room| count(room.replay.bytes()));
        let sources = self.streams.iter().flat_map(|stream| &stream.sources);
        [
            ("transports", count(self.transports.len())),
            ("transports_connected", count(up)),
            ("streams", count(self.streams.len())),
            ("legs", count(self.legs.len())),
            ("data_channels", count(self.channels.len())),
            ("sctp_associations", count(associations.count())),
            ("data_replay_bytes", replay.sum()),
            ("history_bytes", sources.map(|source| count(source.history.footprint_bytes())).sum()),
        ]
    }

    /// When `handle_timeout` is due, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((_, index)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.pop_first();
            let Some(transport) = self.transports.get_mut(index) else { continue };
            transport.armed = None;
            if let Some(next) = self.serve(now, index) {
                self.wake(index, next.max(now.plus(LEAST_WAIT)));
            }
        }
    }

    /// Sees to it that a transport is served no later than `at`.
    pub(crate) fn wake(&mut self, index: u32, at: Time) {
        let Some(transport) = self.transports.get_mut(index) else { return };
        if transport.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        if let Some(later) = transport.armed.replace(at) {
            self.timers.remove(&(later, index));
        }
        self.timers.insert((at, index));
    }

    /// Takes a transport's timer away.
    pub(crate) fn disarm(&mut self, index: u32) {
        let armed = self.transports.get_mut(index).and_then(|transport| transport.armed.take());
        if let Some(at) = armed {
            self.timers.remove(&(at, index));
        }
    }

    /// The next row whose facts changed, with the newest of them.
    pub fn poll_facts(&mut self) -> Option<Facts> {
        while let Some(id) = self.changed.pop() {
            if let Some(facts) = self.facts_of(id) {
                return Some(facts);
            }
        }
        self.ended.pop_front()
    }

    /// A row ended by itself.
    pub(crate) fn tell_ended(&mut self, row: RowId, room: u64, revision: u64) {
        self.ended.push_back(Facts { row, room, revision, kind: FactsKind::Ended });
    }

    fn facts_of(&self, id: RowId) -> Option<Facts> {
        let (room, revision, kind) = match self.ids.get(&id)? {
            Entity::Transport(index) => {
                let it = self.transports.get(*index)?;
                (it.room, it.revision, FactsKind::Transport(it.facts.clone()))
            }
            Entity::Stream(index) => {
                let it = self.streams.get(*index)?;
                (it.room, it.revision, FactsKind::Stream(it.facts.clone()))
            }
            Entity::Leg(index) => {
                let it = self.legs.get(*index)?;
                (it.room, it.revision, FactsKind::Leg(it.facts.clone()))
            }
            // Nothing is told of a data channel.
            Entity::DataChannel(_) => return None,
        };
        Some(Facts { row: id, room, revision, kind })
    }

    pub(crate) fn room_of(&self, entity: Entity) -> Option<u64> {
        match entity {
            Entity::Transport(index) => self.transports.get(index).map(|it| it.room),
            Entity::Stream(index) => self.streams.get(index).map(|it| it.room),
            Entity::Leg(index) => self.legs.get(index).map(|it| it.room),
            Entity::DataChannel(index) => self.channels.get(index).map(|it| it.room),
        }
    }

    pub(crate) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.config.random)(&mut bytes);
        bytes
    }

    /// A first extended sequence number in 1..2^15 (RFC 3550 section 5.1, RFC 3711 section 3.3.1).
    pub(crate) fn random_first_sequence(&self) -> u64 {
        u64::from(u16::from_le_bytes(self.random_bytes()) >> 1).max(1)
    }

    /// Publishes a transport's facts if they changed.
    pub(crate) fn refresh_transport_facts(&mut self, now: Time, index: u32) {
        if let Some(transport) = self.transports.get_mut(index)
            && transport.refresh_facts(now)
        {
            transport.revision += 1;
            self.changed.note(transport.id);
        }
    }

    /// Publishes a stream's facts if they changed.
    pub(crate) fn refresh_stream_facts(&mut self, now: Time, index: u32) {
        if let Some(stream) = self.streams.get_mut(index)
            && stream.refresh_facts(now)
        {
            stream.revision += 1;
            self.changed.note(stream.id);
        }
    }
}
