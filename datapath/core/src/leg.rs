//! One subscriber's copy of a stream: which packets go out under which numbers.

use crate::Time;
use crate::facts::LegFacts;
use crate::history::Meta;
use crate::renumber::{Numbered, Original, Renumber};
use crate::rows::{Codec, LegRow, RowId};
use crate::stream::FLOWING;

/// How many retransmissions are remembered so as not to send the same one twice within a round trip.
const RECENT: usize = 32;
/// Retransmissions that a leg may be owed: each packet sent earns one. Lower: a burst of loss is not
/// repaired whole. Higher: a subscriber who asks for the same packets over and over costs more.
const MOST_CREDIT: u16 = 512;

/// What a codec of the stream is called on the subscriber's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    pub(crate) clock_hz: u32,
}

#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: RowId,
    pub(crate) room: u64,
    /// Index of the stream.
    pub(crate) stream: u32,
    /// Index of the subscriber's transport.
    pub(crate) transport: u32,
    pub(crate) row: LegRow,
    /// By the publisher's payload type; what is not in it the subscriber does not have.
    outgoing: Vec<(u8, Outgoing)>,
    /// SSRC of the source that is forwarded.
    pub(crate) source: Option<u32>,
    renumber: Renumber,
    /// Packets were kept back that would have been sent; the next one follows the last one sent.
    interrupted: bool,
    /// Added to the timestamps of `source`.
    pub(crate) timestamp_offset: u32,
    newest_timestamp: u32,
    newest_sent: Time,
    /// When a packet left, be it new or sent again.
    left: Time,
    rtx_sequence: u64,
    recent_rtx: [(u64, Time); RECENT],
    recent_at: usize,
    /// How many retransmissions may leave.
    credit: u16,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    /// `packets` when the last sender report left.
    pub(crate) packets_reported: u32,
    /// The subscriber's reports name our SSRC: the MID extension is no longer needed.
    pub(crate) ssrc_known: bool,
    pub(crate) facts: LegFacts,
    pub(crate) revision: u64,
}

impl Leg {
    /// `first` is the extended number that its first packet will have, below 2^15 so that no
    /// receiver sees a wrap before it has seen packets (RFC 3711 section 3.3.1).
    pub(crate) fn new(
        id: RowId,
        room: u64,
        stream: u32,
        transport: u32,
        row: LegRow,
        first: u64,
    ) -> Self {
        Self {
            id,
            room,
            stream,
            transport,
            row,
            outgoing: Vec::new(),
            source: None,
            renumber: Renumber::new(first),
            interrupted: false,
            timestamp_offset: 0,
            newest_timestamp: 0,
            newest_sent: Time::default(),
            left: Time::default(),
            rtx_sequence: first,
            recent_rtx: [(0, Time::default()); RECENT],
            recent_at: 0,
            credit: 0,
            packets: 0,
            octets: 0,
            packets_reported: 0,
            ssrc_known: false,
            facts: LegFacts::default(),
            revision: 0,
        }
    }

    /// Finds the subscriber's payload type for each of the stream's codecs, by name, clock and
    /// profile: codecs of one name with different profiles are different codecs.
    pub(crate) fn match_codecs(&mut self, codecs: &[Codec]) {
        self.outgoing = codecs
            .iter()
            .filter_map(|codec| {
                let same = |other: &&Codec| {
                    other.name.eq_ignore_ascii_case(&codec.name) && other.clock_hz == codec.clock_hz
                };
                let exact =
                    self.row.codecs.iter().filter(same).find(|other| other.fmtp == codec.fmtp);
                let ours = exact.or_else(|| self.row.codecs.iter().find(same))?;
                let outgoing = Outgoing {
                    payload_type: ours.payload_type,
                    rtx_payload_type: ours.rtx_payload_type,
                    clock_hz: ours.clock_hz,
                };
                Some((codec.payload_type, outgoing))
            })
            .collect();
    }

    /// What the publisher's payload type is here.
    pub(crate) fn outgoing(&self, payload_type: u8) -> Option<Outgoing> {
        self.outgoing.iter().find(|(theirs, _)| *theirs == payload_type).map(|(_, ours)| *ours)
    }

    /// A packet that others get was kept back: a pause, or nowhere to send it.
    pub(crate) const fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Decides on a packet of `source`: the number and time under which it leaves. `newest`: no later
    /// one of its source came before it; a late one or a repair begins nothing.
    pub(crate) fn takes(
        &mut self,
        now: Time,
        source: u32,
        meta: &Meta,
        newest: bool,
    ) -> Option<Numbered> {
        if self.row.paused {
            self.interrupted |= newest;
            return None;
        }
        if self.source != Some(source) || self.interrupted {
            if !newest {
                return self.renumber.fill(source, meta.sequence);
            }
            if self.source != Some(source) {
                self.change_source(now, source, meta);
            }
            self.renumber.start(source, meta.sequence, self.timestamp_offset);
            self.interrupted = false;
        }
        let numbered = self.renumber.forward(source, meta.sequence)?;
        if self.renumber.is_highest(numbered.number) {
            self.newest_timestamp = meta.timestamp.wrapping_add(numbered.timestamp_offset);
            self.newest_sent = now;
        }
        Some(numbered)
    }

    /// A packet of the source that this leg does not get leaves no gap in its numbers.
    pub(crate) fn skip(&mut self, source: u32, sequence: u64) {
        if self.source == Some(source) && !self.row.paused && !self.interrupted {
            self.renumber.skip(source, sequence);
        }
    }

    /// A packet leaves; says whether that changed the facts.
    pub(crate) fn begins_to_flow(&mut self, now: Time) -> bool {
        self.left = now;
        if self.facts.flowing {
            return false;
        }
        self.facts.flowing = true;
        self.facts.first_packet.get_or_insert(now);
        self.revision += 1;
        true
    }

    /// Whether the leg flowed and does no longer, which changed the facts.
    pub(crate) fn ceased_to_flow(&mut self, now: Time) -> bool {
        if !self.facts.flowing || now.saturating_since(self.left) < FLOWING {
            return false;
        }
        self.facts.flowing = false;
        self.revision += 1;
        true
    }

    /// Counts a packet that left.
    pub(crate) const fn count_sent(&mut self, payload_bytes: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload_bytes as u32);
        if self.credit < MOST_CREDIT {
            self.credit += 1;
        }
    }

    /// The next number of the retransmission SSRC.
    pub(crate) const fn next_rtx_number(&mut self) -> u64 {
        self.rtx_sequence += 1;
        self.rtx_sequence
    }

    /// What a NACK of the subscriber asks for, under its full number; `None` when it was sent again
    /// less than `spacing_ns` ago, or was never due.
    pub(crate) fn asked(
        &mut self,
        now: Time,
        low: u16,
        spacing_ns: u64,
    ) -> Option<(u64, Original)> {
        let number = self.renumber.extend(low)?;
        let original = self.renumber.back(number)?;
        let recently =
            |(other, at): &(u64, Time)| *other == number && now.0 < at.0.saturating_add(spacing_ns);
        if self.recent_rtx.iter().any(recently) {
            return None;
        }
        self.recent_rtx[self.recent_at % RECENT] = (number, now);
        self.recent_at += 1;
        Some((number, original))
    }

    /// Whether one more retransmission may leave; it is then counted as gone.
    pub(crate) const fn spend(&mut self) -> bool {
        let can = self.credit > 0;
        self.credit = self.credit.saturating_sub(1);
        can
    }

    /// Timestamps go on from the newest sent plus the time that passed since.
    fn change_source(&mut self, now: Time, source: u32, meta: &Meta) {
        if self.source.is_some() {
            let clock_hz = self.outgoing(meta.payload_type).map_or(0, |it| it.clock_hz);
            let passed_ns = now.saturating_since(self.newest_sent).as_nanos();
            let passed = (passed_ns * u128::from(clock_hz) / 1_000_000_000) as u32;
            let next = self.newest_timestamp.wrapping_add(passed.max(1));
            self.timestamp_offset = next.wrapping_sub(meta.timestamp);
        }
        self.source = Some(source);
    }
}
