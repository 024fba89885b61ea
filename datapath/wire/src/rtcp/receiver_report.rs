//! Receiver reports: how sources arrive at somebody who does not send. RFC 3550 section 6.4.2.

use super::{ReportBlocks, packet_type, write_packet};
use crate::bytes::u32_at;

/// A receiver report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    /// On what; may be empty.
    pub blocks: ReportBlocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let blocks = ReportBlocks::parse(count, body.get(4..)?)?;
        Some(Self { ssrc: u32_at(body, 0)?, blocks })
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, self.blocks.count(), packet_type::RECEIVER_REPORT, |out| {
            out.extend_from_slice(&self.ssrc.to_be_bytes());
            self.blocks.write(out);
        });
    }
}
