//! Full intra request: a decoder refresh point is needed. RFC 5104 section 4.3.1.

use super::{Entries, format, packet_type, write_packet, write_ssrcs};
use crate::bytes::u32_at;

/// A full intra request. The media SSRC of the common header is unused (zero); each entry names
/// its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullIntra<'a> {
    /// Who asks.
    pub sender_ssrc: u32,
    entries: Entries<'a, 8>,
}

/// What is asked of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntraRequest {
    /// Of whom.
    pub ssrc: u32,
    /// Grows by one with each new request; a repetition keeps it.
    pub sequence_number: u8,
}

impl<'a> FullIntra<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let entries = Entries::all_of(body.get(8..)?)?;
        Some(Self { sender_ssrc: u32_at(body, 0)?, entries })
    }

    /// The requests in it.
    pub fn requests(&self) -> impl ExactSizeIterator<Item = IntraRequest> + Clone + use<'a> {
        self.entries.iter().map(|[s0, s1, s2, s3, sequence_number, ..]| IntraRequest {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            sequence_number,
        })
    }

    /// Appends a packet with one request.
    pub fn write_request(out: &mut Vec<u8>, sender_ssrc: u32, request: IntraRequest) {
        write_packet(out, format::FULL_INTRA, packet_type::PAYLOAD_FEEDBACK, |out| {
            write_ssrcs(out, sender_ssrc, 0);
            out.extend_from_slice(&request.ssrc.to_be_bytes());
            out.extend_from_slice(&[request.sequence_number, 0, 0, 0]);
        });
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, format::FULL_INTRA, packet_type::PAYLOAD_FEEDBACK, |out| {
            write_ssrcs(out, self.sender_ssrc, 0);
            out.extend_from_slice(self.entries.as_bytes());
        });
    }
}
