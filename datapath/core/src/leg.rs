//! One subscriber's copy of a stream: which packets go out under which numbers.

use crate::Time;
use crate::facts::LegFacts;
use crate::renumber::Renumber;
use crate::rows::{Codec, LegRow, RowId};

/// How many retransmissions are remembered so as not to send the same one twice within a round trip.
const RECENT: usize = 32;

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
    /// By index of the stream's codecs; `None`: the subscriber does not have it.
    outgoing: Vec<Option<Outgoing>>,
    /// SSRC of the source that is forwarded.
    pub(crate) source: Option<u32>,
    renumber: Renumber,
    /// A pause ended and nothing was sent since.
    restarted: bool,
    /// Added to the source's timestamps.
    pub(crate) timestamp_offset: u32,
    newest_timestamp: u32,
    newest_sent: Time,
    rtx_sequence: u64,
    recent_rtx: [(u64, Time); RECENT],
    recent_at: usize,
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
            restarted: false,
            timestamp_offset: 0,
            newest_timestamp: 0,
            newest_sent: Time::default(),
            rtx_sequence: first,
            recent_rtx: [(0, Time::default()); RECENT],
            recent_at: 0,
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
            .map(|codec| {
                let same = |other: &&Codec| {
                    other.name.eq_ignore_ascii_case(&codec.name) && other.clock_hz == codec.clock_hz
                };
                let exact =
                    self.row.codecs.iter().filter(same).find(|other| other.fmtp == codec.fmtp);
                exact.or_else(|| self.row.codecs.iter().find(same)).map(|other| Outgoing {
                    payload_type: other.payload_type,
                    rtx_payload_type: other.rtx_payload_type,
                    clock_hz: other.clock_hz,
                })
            })
            .collect();
    }

    pub(crate) fn outgoing(&self, codec: u8) -> Option<Outgoing> {
        self.outgoing.get(usize::from(codec)).copied().flatten()
    }

    /// After a pause the next packet follows the last one sent.
    pub(crate) const fn restart(&mut self) {
        self.restarted = true;
    }

    /// Decides on a packet of `source`: `true` when it goes into the queue.
    pub(crate) fn takes(
        &mut self,
        now: Time,
        source: u32,
        sequence: u64,
        timestamp: u32,
        clock_hz: u32,
    ) -> bool {
        if self.row.paused {
            return false;
        }
        if self.source != Some(source) {
            self.change_source(now, source, timestamp, clock_hz);
            self.renumber.start(source, sequence);
        } else if self.restarted {
            self.renumber.start(source, sequence);
        }
        self.restarted = false;
        self.renumber.forward(source, sequence).is_some_and(|_| {
            self.newest_timestamp = timestamp.wrapping_add(self.timestamp_offset);
            self.newest_sent = now;
            true
        })
    }

    /// A packet of the source that nobody gets.
    pub(crate) fn skip(&mut self, source: u32, sequence: u64) {
        if self.source == Some(source) {
            self.renumber.skip(source, sequence);
        }
    }

    /// The leg's number of a queued packet.
    pub(crate) fn number(&mut self, source: u32, sequence: u64) -> Option<u64> {
        self.renumber.forward(source, sequence)
    }

    /// The next number of the retransmission SSRC.
    pub(crate) const fn next_rtx_number(&mut self) -> u64 {
        self.rtx_sequence += 1;
        self.rtx_sequence
    }

    /// What a NACK of the subscriber asks for: the source and its number; `None` when it was never
    /// sent or was sent again less than `spacing_ns` ago.
    pub(crate) fn asked(&mut self, now: Time, low: u16, spacing_ns: u64) -> Option<(u32, u64)> {
        let number = self.renumber.extend(low)?;
        let found = self.renumber.back(number)?;
        if self.recent_rtx.iter().any(|(other, at)| *other == number && now.0 < at.0 + spacing_ns) {
            return None;
        }
        self.recent_rtx[self.recent_at % RECENT] = (number, now);
        self.recent_at += 1;
        Some(found)
    }

    /// Timestamps go on from the newest sent plus the time that passed since.
    fn change_source(&mut self, now: Time, source: u32, timestamp: u32, clock_hz: u32) {
        if self.source.is_some() {
            let passed_ns = now.saturating_since(self.newest_sent).as_nanos();
            let passed = (passed_ns * u128::from(clock_hz) / 1_000_000_000) as u32;
            let next = self.newest_timestamp.wrapping_add(passed.max(1));
            self.timestamp_offset = next.wrapping_sub(timestamp);
        }
        self.source = Some(source);
    }
}
