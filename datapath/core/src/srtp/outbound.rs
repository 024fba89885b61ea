//! What we write: encrypt, authenticate, never use an index twice. RFC 3711 section 3.3.
//!
//! The caller owns the numbering of each SSRC, rollover counter included. This file only makes sure
//! that a mistake there costs a packet and not the key.

use std::fmt;

use super::keys::MasterKey;
use super::replay::{Freshness, Window};
use super::session::Session;
use super::sources::Sources;
use super::{
    Profile, RTCP_HEADER_BYTES, RTP_MIN_HEADER_BYTES, RTP_SSRC_OFFSET, SealError, be_u16, be_u32,
};

/// 1024 packets: how far a packet may fall behind its successors on the way out of us. A packet that a
/// publisher had to send again is a second late at most, and leaves under the number that was left
/// for it. Lower refuses it; higher costs memory per SSRC.
const WINDOW_WORDS: usize = 17;
/// RFC 3711 section 9.2: at most 2^31 SRTCP packets under one key.
const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;

/// Our half of a transport.
pub struct Outbound {
    profile: Profile,
    rtp: Session,
    rtcp: Session,
    sources: Sources<WINDOW_WORDS>,
    next_rtcp_index: u32,
}

impl Outbound {
    /// From the keys that we write with: `keys.server` at a DTLS server.
    #[must_use]
    pub fn new(local: &MasterKey) -> Self {
        Self {
            profile: local.profile(),
            rtp: Session::rtp(local),
            rtcp: Session::rtcp(local),
            sources: Sources::new(),
            next_rtcp_index: 0,
        }
    }

    /// The profile in use; tells how much room a tag needs.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The highest index sealed for an SSRC: a leg that is made again under it goes on above.
    #[must_use]
    pub fn highest_index(&mut self, ssrc: u32) -> Option<u64> {
        self.sources.find(ssrc).map(|window| window.highest())
    }

    /// Seals an RTP packet in place. The last `profile().tag_bytes()` of `packet` are room for the
    /// tag; `header_bytes` counts CSRCs and the header extension.
    ///
    /// `index` is the 48-bit extended sequence number of the packet's SSRC; its lower 16 bits are
    /// the header's sequence number. An SSRC starts below 2^15: its receiver takes the first packet
    /// that arrives to be of rollover counter 0 (RFC 3711 section 3.3.1), and that need not be the
    /// first one sent. From there the index grows, or falls behind by less than 1024, and goes on
    /// where it ended when a leg is removed and made again under the same SSRC.
    ///
    /// # Errors
    /// [`SealError`]; the packet is then unchanged and must not be sent.
    pub fn seal_rtp(
        &mut self,
        packet: &mut [u8],
        header_bytes: usize,
        index: u64,
    ) -> Result<(), SealError> {
        let room = header_bytes.checked_add(self.profile.tag_bytes());
        let fits = header_bytes >= RTP_MIN_HEADER_BYTES && room.is_some_and(|n| n <= packet.len());
        if !fits || be_u16(packet, 2) != Some(index as u16) {
            return Err(SealError::Malformed);
        }
        if index >> 48 != 0 {
            return Err(SealError::KeyExhausted);
        }
        let ssrc = be_u32(packet, RTP_SSRC_OFFSET).ok_or(SealError::Malformed)?;
        match self.sources.find(ssrc) {
            Some(window) if window.check(index) == Freshness::Fresh => window.mark(index),
            Some(_) => return Err(SealError::IndexSpent),
            None => self.sources.add(ssrc, Window::starting_at(index)),
        }
        self.rtp.seal_rtp(packet, header_bytes, ssrc, index);
        Ok(())
    }

    /// Seals an RTCP compound packet: encrypts it in place and appends tag and index, which is
    /// `profile().rtcp_overhead_bytes()` more.
    ///
    /// # Errors
    /// [`SealError`]; the packet is then unchanged and must not be sent.
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SealError> {
        if packet.len() < RTCP_HEADER_BYTES {
            return Err(SealError::Malformed);
        }
        let ssrc = be_u32(packet, 4).ok_or(SealError::Malformed)?;
        if self.next_rtcp_index > MAX_RTCP_INDEX {
            return Err(SealError::KeyExhausted);
        }
        packet.resize(packet.len() + self.profile.rtcp_overhead_bytes(), 0);
        self.rtcp.seal_rtcp(packet, ssrc, self.next_rtcp_index);
        self.next_rtcp_index += 1;
        Ok(())
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}
