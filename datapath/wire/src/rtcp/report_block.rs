//! Report blocks of SR and RR: how well one source arrives. RFC 3550 section 6.4.1.

use super::Entries;

/// Most blocks that one report can carry.
const BLOCKS_MAX: usize = 31;
const BLOCK_BYTES: usize = 24;

/// One block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that is reported on.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative with duplicates. Clamped to 24 bits when written.
    pub cumulative_lost: i32,
    /// Cycles in the upper 16 bits, highest sequence number in the lower.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// LSR: the middle 32 bits of the last sender report's NTP time, 0 without one.
    pub last_sender_report: u32,
    /// DLSR, in 65536ths of a second, 0 without a sender report.
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    /// Reads one block.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; BLOCK_BYTES]) -> Self {
        let [s0, s1, s2, s3, fraction_lost, c0, c1, c2, rest @ ..] = bytes;
        let [h0, h1, h2, h3, j0, j1, j2, j3, l0, l1, l2, l3, d0, d1, d2, d3] = rest;
        Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            fraction_lost,
            cumulative_lost: i32::from_be_bytes([c0, c1, c2, 0]) >> 8,
            highest_sequence: u32::from_be_bytes([h0, h1, h2, h3]),
            jitter: u32::from_be_bytes([j0, j1, j2, j3]),
            last_sender_report: u32::from_be_bytes([l0, l1, l2, l3]),
            delay_since_last_sender_report: u32::from_be_bytes([d0, d1, d2, d3]),
        }
    }

    /// The block as it is sent.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; BLOCK_BYTES] {
        let [s0, s1, s2, s3] = self.ssrc.to_be_bytes();
        let [_, c0, c1, c2] = self.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF).to_be_bytes();
        let [h0, h1, h2, h3] = self.highest_sequence.to_be_bytes();
        let [j0, j1, j2, j3] = self.jitter.to_be_bytes();
        let [l0, l1, l2, l3] = self.last_sender_report.to_be_bytes();
        let [d0, d1, d2, d3] = self.delay_since_last_sender_report.to_be_bytes();
        [
            s0,
            s1,
            s2,
            s3,
            self.fraction_lost,
            c0,
            c1,
            c2,
            h0,
            h1,
            h2,
            h3, //
            j0,
            j1,
            j2,
            j3,
            l0,
            l1,
            l2,
            l3,
            d0,
            d1,
            d2,
            d3,
        ]
    }
}

/// The blocks of a report: borrowed from a packet, or values to be written.
#[derive(Clone, Copy, Debug)]
pub struct ReportBlocks<'a>(Source<'a>);

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Received(Entries<'a, BLOCK_BYTES>),
    Values(&'a [ReportBlock]),
}

impl<'a> ReportBlocks<'a> {
    /// Blocks to be written: the first 31, which is what a report can say. More sources need
    /// another report (RFC 3550 section 6.4).
    #[must_use]
    pub fn of(blocks: &'a [ReportBlock]) -> Self {
        Self(Source::Values(blocks.get(..BLOCKS_MAX).unwrap_or(blocks)))
    }

    /// The first `count` blocks of a received report; profile-specific extensions follow them and
    /// are ignored.
    pub(super) fn parse(count: u8, bytes: &'a [u8]) -> Option<Self> {
        Entries::first_of(bytes, count).map(|entries| Self(Source::Received(entries)))
    }

    /// How many there are, at most 31.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.0 {
            Source::Received(entries) => entries.len(),
            Source::Values(blocks) => blocks.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The blocks.
    pub fn iter(&self) -> impl Iterator<Item = ReportBlock> + Clone + use<'a> {
        let (received, values) = match self.0 {
            Source::Received(entries) => (Some(entries.iter()), None),
            Source::Values(blocks) => (None, Some(blocks.iter().copied())),
        };
        let received = received.into_iter().flatten().map(ReportBlock::from_bytes);
        received.chain(values.into_iter().flatten())
    }

    /// The count field: at most 31 by construction.
    pub(super) const fn count(&self) -> u8 {
        self.len() as u8
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for block in self.iter() {
            out.extend_from_slice(&block.to_bytes());
        }
    }
}

impl PartialEq for ReportBlocks<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ReportBlocks<'_> {}
