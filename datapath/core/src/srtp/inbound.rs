//! What the remote writes: authenticate, decrypt, refuse replays. RFC 3711 section 3.3.
//!
//! State about a source begins with its first authentic packet, never before. Order differs from
//! the RFC's in one point: a replayed index is authenticated before it is refused, because only an
//! authentic duplicate may be reported as one. A forged one costs no more than any other forgery.

use std::fmt;

use super::keys::MasterKey;
use super::replay::{Freshness, Window, estimate_index};
use super::session::Session;
use super::sources::Sources;
use super::{
    OpenError, RTCP_ENCRYPTED, RTCP_HEADER_BYTES, RTCP_TRAILER_BYTES, RTP_MIN_HEADER_BYTES,
    RTP_SSRC_OFFSET, be_u16, be_u32,
};

/// SSRCs that one remote may use over the life of a transport, for RTP and again for RTCP. A
/// simulcast camera takes up to 7. Each costs about 150 bytes; forgetting one would allow its
/// packets to be replayed, so none is.
const MAX_SOURCES: usize = 256;
/// 1024 packets: more than a second of the fastest video. A lower value refuses late packets of a
/// burst, a higher one costs memory per SSRC.
const RTP_WINDOW_WORDS: usize = 17;
/// 128 packets: tens of seconds of RTCP.
const RTCP_WINDOW_WORDS: usize = 3;

/// An opened RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Header and payload: the packet without its tag.
    pub bytes: usize,
    /// Rollover counter and sequence number, 48 bits.
    pub index: u64,
}

/// The remote's half of a transport.
///
/// Every RTP packet of the transport must pass through [`Inbound::open_rtp`], wanted or not:
/// a source whose packets are kept away for half a turn of its sequence number is lost for good.
pub struct Inbound {
    rtp: Session,
    rtcp: Session,
    rtp_sources: Sources<RTP_WINDOW_WORDS>,
    rtcp_sources: Sources<RTCP_WINDOW_WORDS>,
}

impl Inbound {
    /// From the keys that the remote writes with: `keys.client` at a DTLS server.
    #[must_use]
    pub fn new(remote: &MasterKey) -> Self {
        Self {
            rtp: Session::rtp(remote),
            rtcp: Session::rtcp(remote),
            rtp_sources: Sources::new(),
            rtcp_sources: Sources::new(),
        }
    }

    /// Opens an SRTP packet in place. `header_bytes` counts CSRCs and the header extension.
    ///
    /// # Errors
    /// [`OpenError`]; the packet's bytes behind the header are then unspecified.
    pub fn open_rtp(
        &mut self,
        packet: &mut [u8],
        header_bytes: usize,
    ) -> Result<Opened, OpenError> {
        if header_bytes < RTP_MIN_HEADER_BYTES {
            return Err(OpenError::Malformed);
        }
        let bytes = packet.len().checked_sub(self.rtp.tag_bytes());
        let bytes = bytes.filter(|bytes| *bytes >= header_bytes).ok_or(OpenError::Malformed)?;
        let sequence_number = be_u16(packet, 2).ok_or(OpenError::Malformed)?;
        let ssrc = be_u32(packet, RTP_SSRC_OFFSET).ok_or(OpenError::Malformed)?;

        let source = self.rtp_sources.find(ssrc);
        // RFC 3711 section 3.3.1: the first packet of a source is taken to be of ROC 0.
        let mut index = u64::from(sequence_number);
        if let Some(window) = source {
            index = estimate_index(window.highest(), sequence_number).ok_or(OpenError::TooOld)?;
            if window.check(index) == Freshness::TooOld {
                return Err(OpenError::TooOld);
            }
        }
        self.rtp.open_rtp(packet, header_bytes, ssrc, index).map_err(|_| OpenError::Unauthentic)?;
        remember(&mut self.rtp_sources, ssrc, index)?;
        Ok(Opened { bytes, index })
    }

    /// Opens an SRTCP packet in place and returns the length of the compound packet in it.
    ///
    /// # Errors
    /// [`OpenError`]; the packet's bytes are then unspecified.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, OpenError> {
        let bytes = packet.len().checked_sub(self.rtcp.tag_bytes() + RTCP_TRAILER_BYTES);
        let bytes =
            bytes.filter(|bytes| *bytes >= RTCP_HEADER_BYTES).ok_or(OpenError::Malformed)?;
        let ssrc = be_u32(packet, 4).ok_or(OpenError::Malformed)?;
        let word = self.rtcp.rtcp_index_offset(packet.len());
        let word = word.and_then(|offset| be_u32(packet, offset)).ok_or(OpenError::Malformed)?;
        if word & RTCP_ENCRYPTED == 0 {
            return Err(OpenError::Unencrypted);
        }
        let index = word & !RTCP_ENCRYPTED;
        let freshness = self.rtcp_sources.find(ssrc);
        let freshness = freshness.map_or(Freshness::Fresh, |window| window.check(index.into()));
        if freshness == Freshness::TooOld {
            return Err(OpenError::TooOld);
        }
        self.rtcp.open_rtcp(packet, ssrc, index).map_err(|_| OpenError::Unauthentic)?;
        remember(&mut self.rtcp_sources, ssrc, index.into())?;
        Ok(bytes)
    }
}

/// Remembers the index of an authentic packet, and its source if that is new.
fn remember<const WORDS: usize>(
    sources: &mut Sources<WORDS>,
    ssrc: u32,
    index: u64,
) -> Result<(), OpenError> {
    let full = sources.len() >= MAX_SOURCES;
    match sources.find(ssrc) {
        Some(window) => match window.check(index) {
            Freshness::Fresh => window.mark(index),
            Freshness::Used => return Err(OpenError::Replayed { index }),
            Freshness::TooOld => return Err(OpenError::TooOld),
        },
        None if full => return Err(OpenError::TooManySources),
        None => sources.add(ssrc, Window::starting_at(index)),
    }
    Ok(())
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Inbound {
    /// How many sources are remembered, for RTP and for RTCP.
    pub(super) const fn sources(&self) -> (usize, usize) {
        (self.rtp_sources.len(), self.rtcp_sources.len())
    }
}
