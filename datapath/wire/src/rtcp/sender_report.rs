//! Sender reports: what a source has sent, and which wall clock time its timestamps stand for.
//! RFC 3550 section 6.4.1.

use super::{ReportBlocks, packet_type, write_packet};
use crate::bytes::{u32_at, u64_at};

/// A sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// The source that sends.
    pub ssrc: u32,
    /// NTP timestamp: seconds since 1900 in the upper half, their fraction in the lower.
    pub ntp: u64,
    /// The RTP timestamp of the same instant.
    pub rtp_timestamp: u32,
    /// Packets sent, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent without padding, modulo 2^32.
    pub octets: u32,
    /// What it receives.
    pub blocks: ReportBlocks<'a>,
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        Some(Self {
            ssrc: u32_at(body, 0)?,
            ntp: u64_at(body, 4)?,
            rtp_timestamp: u32_at(body, 12)?,
            packets: u32_at(body, 16)?,
            octets: u32_at(body, 20)?,
            blocks: ReportBlocks::parse(count, body.get(24..)?)?,
        })
    }

    /// The middle 32 bits of the NTP time, as receivers return it in LSR.
    #[must_use]
    pub const fn middle_ntp(&self) -> u32 {
        (self.ntp >> 16) as u32
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, self.blocks.count(), packet_type::SENDER_REPORT, |out| {
            out.extend_from_slice(&self.ssrc.to_be_bytes());
            out.extend_from_slice(&self.ntp.to_be_bytes());
            out.extend_from_slice(&self.rtp_timestamp.to_be_bytes());
            out.extend_from_slice(&self.packets.to_be_bytes());
            out.extend_from_slice(&self.octets.to_be_bytes());
            self.blocks.write(out);
        });
    }
}
