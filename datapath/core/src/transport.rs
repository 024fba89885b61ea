//! One ICE and DTLS association: its paths, its keys, what it publishes and what it is sent.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::Time;
use crate::data::sctp::Sctp;
use crate::dtls::Dtls;
use crate::facts::{PathFacts, TransportFacts};
use crate::feedback::reports::{Cname, ReportSchedule};
use crate::feedback::sender_report::PublisherClock;
use crate::feedback::transport_cc::TransportCcRecorder;
use crate::path::Paths;
use crate::renumber::Numbered;
use crate::rows::{RowId, TransportRow};
use crate::srtp::{Inbound, Keys, Outbound};
use crate::stream::Origin;

/// A packet that waits for its release: a reference, not a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    /// Index of the leg.
    pub(crate) leg: u32,
    /// SSRC of the source whose history holds the packet.
    pub(crate) source: u32,
    /// Its number there.
    pub(crate) sequence: u64,
    /// Under which number and time it leaves.
    pub(crate) as_sent: Numbered,
    /// It leaves as a retransmission.
    pub(crate) rtx: bool,
}

/// Both halves of SRTP, once DTLS is done.
pub(crate) struct Srtp {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
}

impl Srtp {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self { inbound: Inbound::new(&keys.client), outbound: Outbound::new(&keys.server) }
    }
}

pub(crate) struct Transport {
    pub(crate) id: RowId,
    pub(crate) room: u64,
    pub(crate) row: TransportRow,
    pub(crate) paths: Paths,
    pub(crate) dtls: Dtls,
    pub(crate) srtp: Option<Box<Srtp>>,
    /// From the first datagram of SCTP on.
    pub(crate) sctp: Option<Box<Sctp>>,
    /// Indices of what it publishes.
    pub(crate) streams: Vec<u32>,
    /// Indices of what it is sent.
    pub(crate) legs: Vec<u32>,
    /// Indices of its data channels.
    pub(crate) channels: Vec<u32>,
    /// Whose packets an SSRC of the remote's carries.
    pub(crate) origins: HashMap<u32, Origin>,
    /// Which leg an SSRC of ours is.
    pub(crate) legs_by_ssrc: HashMap<u32, u32>,
    /// Packets that wait for release, in order.
    pub(crate) queue: VecDeque<Queued>,
    pub(crate) transport_sequence: u16,
    /// From the first packet with a transport-wide number on.
    pub(crate) recorder: Option<Box<TransportCcRecorder>>,
    pub(crate) clock: PublisherClock,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) reports: ReportSchedule,
    pub(crate) cname: Cname,
    /// SSRC under which reports and feedback leave.
    pub(crate) own_ssrc: u32,
    /// When it is to be served; `Machine::timers` has an entry for it.
    pub(crate) armed: Option<Time>,
    pub(crate) facts: TransportFacts,
    pub(crate) revision: u64,
}

impl Transport {
    pub(crate) fn new(
        id: RowId,
        room: u64,
        row: TransportRow,
        mut dtls: Dtls,
        now: Time,
        random: [u8; 24],
    ) -> Self {
        let (seed, rest) =
            (u64::from_le_bytes(random[..8].try_into().unwrap_or_default()), &random[8..]);
        let cname: [u8; 12] = rest[..12].try_into().unwrap_or_default();
        let own_ssrc = u32::from_le_bytes(rest[12..].try_into().unwrap_or_default()) | 1;
        let announced = row.remote_fingerprints.iter();
        dtls.set_fingerprints(announced.map(|print| (&*print.algorithm, &*print.value)));
        Self {
            id,
            room,
            row,
            paths: Paths::default(),
            dtls,
            srtp: None,
            sctp: None,
            streams: Vec::new(),
            legs: Vec::new(),
            channels: Vec::new(),
            origins: HashMap::new(),
            legs_by_ssrc: HashMap::new(),
            queue: VecDeque::new(),
            transport_sequence: 0,
            recorder: None,
            clock: PublisherClock::new(),
            round_trip: None,
            reports: ReportSchedule::new(seed, now),
            cname: Cname::new(cname),
            own_ssrc,
            armed: None,
            facts: TransportFacts { reach_since: now, ..TransportFacts::default() },
            revision: 0,
        }
    }

    /// Puts the row that signalling changed in place of the one before.
    pub(crate) fn set_row(&mut self, row: TransportRow) {
        let announced = row.remote_fingerprints.iter();
        self.dtls.set_fingerprints(announced.map(|print| (&*print.algorithm, &*print.value)));
        self.row = row;
    }

    /// Smooths a measurement of the round trip (RFC 6298 section 2.3).
    pub(crate) fn measured(&mut self, sample: Duration) {
        self.round_trip = Some(self.round_trip.map_or(sample, |before| (before * 7 + sample) / 8));
    }

    /// Whether media may be sent to it now.
    pub(crate) fn is_ready(&self, now: Time) -> bool {
        self.srtp.is_some() && self.paths.current(now).is_some()
    }

    /// Facts as they stand now, if they changed.
    pub(crate) fn refresh_facts(&mut self, now: Time) -> bool {
        let mut facts = self.facts.clone();
        let reach = self.paths.reach(now);
        if reach != facts.reach {
            (facts.reach, facts.reach_since) = (reach, now);
        }
        facts.path = self.paths.current(now).map(|address| PathFacts {
            listener: address.listener,
            ipv6: address.remote.is_ipv6(),
        });
        if facts == self.facts {
            return false;
        }
        self.facts = facts;
        true
    }
}
