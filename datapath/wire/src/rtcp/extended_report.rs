//! Extended reports: here the two blocks with which a receiver that never sends learns its round
//! trip time. RFC 3611 sections 2, 4.4 and 4.5. Other blocks are passed over.

use super::{Entries, packet_type, write_packet};
use crate::bytes::{u8_at, u16_at, u32_at, u64_at};

const REFERENCE_TIME: u8 = 4;
const DLRR: u8 = 5;

/// An extended report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    body: &'a [u8],
}

/// One block of an extended report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// Section 4.4: the receiver's own NTP time.
    ReferenceTime(u64),
    /// Section 4.5: answers to reference times; see [`DelaySinceReference::from_bytes`].
    Delays(Entries<'a, 12>),
    /// Any other type, given here.
    Other(u8),
}

/// A sub-block of DLRR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelaySinceReference {
    /// Whose reference time is answered.
    pub ssrc: u32,
    /// LRR: the middle 32 bits of that reference time.
    pub last_reference: u32,
    /// DLRR, in 65536ths of a second.
    pub delay: u32,
}

impl DelaySinceReference {
    /// Reads one sub-block.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        let [s0, s1, s2, s3, l0, l1, l2, l3, d0, d1, d2, d3] = bytes;
        Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            last_reference: u32::from_be_bytes([l0, l1, l2, l3]),
            delay: u32::from_be_bytes([d0, d1, d2, d3]),
        }
    }
}

impl<'a> ExtendedReport<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let report = Self { ssrc: u32_at(body, 0)?, body };
        let mut blocks = report.blocks();
        blocks.by_ref().for_each(drop);
        blocks.rest.is_empty().then_some(report)
    }

    /// The blocks in it.
    #[must_use]
    pub fn blocks(&self) -> ExtendedBlocks<'a> {
        ExtendedBlocks { rest: self.body.get(4..).unwrap_or_default() }
    }

    /// Appends a report with one answer to a reference time, as a sender gives it to a receiver.
    pub fn write_delay(out: &mut Vec<u8>, ssrc: u32, answer: DelaySinceReference) {
        write_packet(out, 0, packet_type::EXTENDED_REPORT, |out| {
            out.extend_from_slice(&ssrc.to_be_bytes());
            out.extend_from_slice(&[DLRR, 0, 0, 3]);
            out.extend_from_slice(&answer.ssrc.to_be_bytes());
            out.extend_from_slice(&answer.last_reference.to_be_bytes());
            out.extend_from_slice(&answer.delay.to_be_bytes());
        });
    }

    /// Appends a report with our reference time.
    pub fn write_reference_time(out: &mut Vec<u8>, ssrc: u32, ntp: u64) {
        write_packet(out, 0, packet_type::EXTENDED_REPORT, |out| {
            out.extend_from_slice(&ssrc.to_be_bytes());
            out.extend_from_slice(&[REFERENCE_TIME, 0, 0, 2]);
            out.extend_from_slice(&ntp.to_be_bytes());
        });
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, 0, packet_type::EXTENDED_REPORT, |out| {
            out.extend_from_slice(self.body);
        });
    }
}

/// Iterator over the blocks of an extended report.
#[derive(Clone, Debug)]
pub struct ExtendedBlocks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ExtendedBlocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let kind = u8_at(self.rest, 0)?;
        let words = usize::from(u16_at(self.rest, 2)?);
        let (block, rest) = self.rest.split_at_checked(4 * (words + 1))?;
        let contents = block.get(4..)?;
        let block = match kind {
            REFERENCE_TIME => Block::ReferenceTime(u64_at(contents, 0)?),
            DLRR => Block::Delays(Entries::all_of(contents)?),
            other => Block::Other(other),
        };
        self.rest = rest;
        Some(block)
    }
}
