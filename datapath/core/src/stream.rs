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
use crate::rows::{Codec, MediaKind, RowId, StreamRow};

/// SSRCs that one stream may latch; a browser uses three encodings and may change each once in a
/// while. The oldest gives way once it is silent.
pub(crate) const MOST_SOURCES: usize = 8;
/// A source that was silent this long gives way to another of the same stream. Lower: two sources
/// that overlap while a browser changes over flap. Higher: the picture stands still that long.
const GIVES_WAY: Duration = Duration::from_millis(300);
/// Without a packet for this long a stream or leg no longer flows.
pub(crate) const FLOWING: Duration = Duration::from_secs(1);

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

/// Whether a source's packets go to the legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwarding {
    No,
    AsBefore,
    /// From this packet on, in another source's place.
    Instead,
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
    /// Of the newest packet.
    pub(crate) payload_type: u8,
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
            payload_type: 0,
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

    /// The codec of a payload type, and whether the type is that codec's RTX.
    pub(crate) fn codec_of(&self, payload_type: u8) -> Option<(&Codec, bool)> {
        let codecs = &self.row.codecs;
        let media = codecs.iter().find(|codec| codec.payload_type == payload_type);
        let rtx = || codecs.iter().find(|codec| codec.rtx_payload_type == Some(payload_type));
        media.map(|codec| (codec, false)).or_else(|| rtx().map(|codec| (codec, true)))
    }

    pub(crate) fn source_mut(&mut self, ssrc: u32) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.ssrc == ssrc)
    }

    pub(crate) fn source(&self, ssrc: u32) -> Option<&Source> {
        self.sources.iter().find(|source| source.ssrc == ssrc)
    }

    /// Whether a packet of that SSRC is news: its source is new or has slept.
    pub(crate) fn is_awakened_by(&self, now: Time, ssrc: u32) -> bool {
        self.source(ssrc).is_none_or(|source| now.saturating_since(source.newest) >= FLOWING)
    }

    /// The source of that SSRC, made if it is new; `None` when there are too many that flow.
    pub(crate) fn source_or_new(
        &mut self,
        now: Time,
        ssrc: u32,
        rid: &str,
        clock_hz: u32,
    ) -> Option<&mut Source> {
        if let Some(at) = self.sources.iter().position(|source| source.ssrc == ssrc) {
            return self.sources.get_mut(at);
        }
        if self.sources.len() == MOST_SOURCES {
            let sources = self.sources.iter().enumerate();
            let (oldest, source) = sources.min_by_key(|(_, source)| source.newest)?;
            if now.saturating_since(source.newest) < FLOWING {
                return None; // memory is not taken anew with each packet
            }
            self.sources.remove(oldest);
        }
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
        self.sources.last_mut()
    }

    /// Whether packets of this source go to the legs: one source at a time. A packet that is not the
    /// newest of its source does not make it the one.
    pub(crate) fn forwards(&mut self, now: Time, ssrc: u32, newest: bool) -> Forwarding {
        if self.forwarded == Some(ssrc) {
            return Forwarding::AsBefore;
        }
        let before = self.forwarded.and_then(|before| self.source(before));
        if !newest || before.is_some_and(|it| now.saturating_since(it.newest) < GIVES_WAY) {
            return Forwarding::No;
        }
        match self.forwarded.replace(ssrc) {
            Some(_) => Forwarding::Instead,
            None => Forwarding::AsBefore,
        }
    }

    /// The SSRC that repairs the encoding of a RID.
    pub(crate) fn ssrc_of_rid(&self, rid: &str) -> Option<u32> {
        self.sources.iter().find(|source| &*source.rid == rid).map(|source| source.ssrc)
    }

    /// What an SSRC repairs of which nothing is known but the packet it sends again (RFC 4588 section
    /// 5.3): the only source, or the one that misses it.
    pub(crate) fn ssrc_missing(&self, original: u16) -> Option<u32> {
        if let [source] = &self.sources[..] {
            return Some(source.ssrc);
        }
        let misses = |source: &&Source| source.nack.is_missing(source.sequence.guess(original));
        let mut missing = self.sources.iter().filter(misses);
        let source = missing.next()?;
        missing.next().is_none().then_some(source.ssrc)
    }

    /// Facts as they stand now, if they changed.
    pub(crate) fn refresh_facts(&mut self, now: Time) -> bool {
        let newest = self.sources.iter().map(|source| source.newest).max();
        let flows = |newest: Time| now.saturating_since(newest) < FLOWING;
        let facts = StreamFacts {
            flowing: newest.is_some_and(flows),
            first_packet: self.facts.first_packet.or(newest),
            payload_type: self.payload_type,
            encodings: self
                .sources
                .iter()
                .map(|source| EncodingFacts {
                    rid: source.rid.clone(),
                    ssrc: source.ssrc,
                    flowing: flows(source.newest),
                })
                .collect(),
        };
        if facts == self.facts {
            return false;
        }
        self.facts = facts;
        true
    }
}
