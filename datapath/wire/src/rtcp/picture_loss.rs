//! Picture loss indication: the receiver needs a key frame. RFC 4585 section 6.3.1.

use super::{format, packet_type, write_packet, write_ssrcs};
use crate::bytes::u32_at;

/// A picture loss indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLoss {
    /// Who asks.
    pub sender_ssrc: u32,
    /// Of whom.
    pub media_ssrc: u32,
}

impl PictureLoss {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        Some(Self { sender_ssrc: u32_at(body, 0)?, media_ssrc: u32_at(body, 4)? })
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, format::PICTURE_LOSS, packet_type::PAYLOAD_FEEDBACK, |out| {
            write_ssrcs(out, self.sender_ssrc, self.media_ssrc);
        });
    }
}
