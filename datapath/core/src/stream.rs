//! A published stream and the sources (SSRCs) that carry it.
//!
//! SSRCs are latched: by the row where signalling knows them, else by the MID and RID extensions of
//! the first authentic packet (RFC 8843 section 9.2), else by a payload type that only this stream
//! of the transport has.

use std::collections::HashMap;
use std::time::Duration;

use datapath_wire::sequence::Extender;

use crate::Time;
use crate::facts::{EncodingFacts, StreamFacts};
use crate::feedback::key_frame::KeyFrameThrottle;
use crate::feedback::nack::{AUDIO_AGE, NackGenerator, VIDEO_AGE};
use crate::feedback::receive::Reception;
use crate::feedback::sender_report::StreamClock;
use crate::history::{AUDIO, History, VIDEO};
use crate::rows::{MediaKind, RowId, StreamRow};

/// SSRCs that one stream may latch; a browser uses three encodings and may change each once in a
/// while. The oldest gives way.
pub(crate) const MOST_SOURCES: usize = 8;
/// A source that was silent this long gives way to another of the same stream. Lower: two sources
/// that overlap while a browser changes over flap. Higher: the picture stands still that long.
const GIVES_WAY: Duration = Duration::from_millis(300);
/// Without a packet for this long a stream no longer flows.
const FLOWING: Duration = Duration::from_secs(1);

/// Whose packets carry an SSRC on a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Index of the stream.
    pub(crate) stream: u32,
    /// SSRC of the media that it carries or repairs.
    pub(crate) media_ssrc: u32,
    /// It carries retransmissions (RFC 4588).
    pub(crate) rtx: bool,
}

/// One SSRC of a stream, received.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) ssrc: u32,
    pub(crate) rid: Box<str>,
    pub(crate) sequence: Extender,
    pub(crate) history: History,
    pub(crate) reception: Reception,
    pub(crate) clock: StreamClock,
    pub(crate) nack: NackGenerator,
    pub(crate) newest: Time,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: RowId,
    pub(crate) room: u64,
    /// Index of the publisher's transport.
    pub(crate) transport: u32,
    pub(crate) row: StreamRow,
    pub(crate) sources: Vec<Source>,
    /// SSRC of the source that legs are sent.
    pub(crate) forwarded: Option<u32>,
    /// Indices of the legs that copy it.
    pub(crate) legs: Vec<u32>,
    pub(crate) key_frame: KeyFrameThrottle,
    pub(crate) facts: StreamFacts,
    pub(crate) revision: u64,
}

impl Stream {
    pub(crate) fn new(id: RowId, room: u64, transport: u32, row: StreamRow) -> Self {
        Self {
            id,
            room,
            transport,
            row,
            sources: Vec::new(),
            forwarded: None,
            legs: Vec::new(),
            key_frame: KeyFrameThrottle::new(),
            facts: StreamFacts::default(),
            revision: 0,
        }
    }

    /// Ties the SSRCs that the row names to this stream.
    pub(crate) fn latch_known(&self, index: u32, origins: &mut HashMap<u32, Origin>) {
        for encoding in &self.row.encodings {
            if encoding.ssrc != 0 {
                origins.insert(
                    encoding.ssrc,
                    Origin { stream: index, media_ssrc: encoding.ssrc, rtx: false },
                );
            }
            if encoding.ssrc != 0 && encoding.rtx_ssrc != 0 {
                origins.insert(
                    encoding.rtx_ssrc,
                    Origin { stream: index, media_ssrc: encoding.ssrc, rtx: true },
                );
            }
        }
    }

    /// The codec (its index) of a payload type, and whether the type is that codec's RTX.
    pub(crate) fn codec_of(&self, payload_type: u8) -> Option<(u8, bool)> {
        let media = self.row.codecs.iter().position(|codec| codec.payload_type == payload_type);
        let rtx = || {
            self.row.codecs.iter().position(|codec| codec.rtx_payload_type == Some(payload_type))
        };
        match media {
            Some(at) => Some((at as u8, false)),
            None => rtx().map(|at| (at as u8, true)),
        }
    }

    pub(crate) fn source_mut(&mut self, ssrc: u32) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.ssrc == ssrc)
    }

    pub(crate) fn source(&self, ssrc: u32) -> Option<&Source> {
        self.sources.iter().find(|source| source.ssrc == ssrc)
    }

    /// The source of that SSRC, made if it is new.
    pub(crate) fn source_or_new(
        &mut self,
        now: Time,
        ssrc: u32,
        rid: &str,
        codec: u8,
    ) -> &mut Source {
        if let Some(at) = self.sources.iter().position(|source| source.ssrc == ssrc) {
            return &mut self.sources[at];
        }
        if self.sources.len() == MOST_SOURCES {
            let oldest = self.sources.iter().enumerate().min_by_key(|(_, source)| source.newest);
            let oldest = oldest.map_or(0, |(at, _)| at);
            self.sources.remove(oldest);
        }
        let clock_hz =
            self.row.codecs.get(usize::from(codec)).map_or(90_000, |codec| codec.clock_hz);
        let (shape, age) = match self.row.kind {
            MediaKind::Audio => (AUDIO, AUDIO_AGE),
            MediaKind::Video => (VIDEO, VIDEO_AGE),
        };
        self.sources.push(Source {
            ssrc,
            rid: rid.into(),
            sequence: Extender::new(),
            history: History::new(shape, now),
            reception: Reception::new(clock_hz),
            clock: StreamClock::new(clock_hz),
            nack: NackGenerator::new(age),
            newest: now,
        });
        let at = self.sources.len() - 1;
        &mut self.sources[at]
    }

    /// Whether packets of this source go to the legs: one source at a time.
    pub(crate) fn forwards(&mut self, now: Time, ssrc: u32) -> bool {
        if self.forwarded == Some(ssrc) {
            return true;
        }
        let before = self.forwarded.and_then(|before| self.source(before));
        if before.is_some_and(|before| now.saturating_since(before.newest) < GIVES_WAY) {
            return false;
        }
        self.forwarded = Some(ssrc);
        true
    }

    /// The SSRC that repairs the encoding of a RID.
    pub(crate) fn ssrc_of_rid(&self, rid: &str) -> Option<u32> {
        self.sources.iter().find(|source| &*source.rid == rid).map(|source| source.ssrc)
    }

    /// Facts as they stand now, if they changed.
    pub(crate) fn refresh_facts(&mut self, now: Time, payload_type: Option<u8>) -> bool {
        let newest = self.sources.iter().map(|source| source.newest).max();
        let facts = StreamFacts {
            flowing: newest.is_some_and(|newest| now.saturating_since(newest) < FLOWING),
            first_packet: self.facts.first_packet.or(newest),
            payload_type: payload_type.unwrap_or(self.facts.payload_type),
            encodings: self
                .sources
                .iter()
                .map(|source| EncodingFacts { rid: source.rid.clone(), ssrc: source.ssrc })
                .collect(),
        };
        if facts == self.facts {
            return false;
        }
        self.facts = facts;
        true
    }
}
