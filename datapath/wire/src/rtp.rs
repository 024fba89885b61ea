//! RTP packets: where the fields, the CSRCs, the header extension and the payload are.
//!
//! RFC 3550 section 5.1 and 5.3.1. A [`Packet`] is offsets and numbers only, so that it stays valid
//! while the bytes are decrypted in place. It does not look inside the extension block
//! ([`crate::extension`]) and cannot know the padding before decryption ([`Packet::padding_bytes`]).

use crate::bytes::{u8_at, u16_at, u32_at};
use crate::extension;

/// Length of the header up to the CSRC list.
pub const FIXED_HEADER_BYTES: usize = 12;

const VERSION: u8 = 2;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const MARKER_BIT: u8 = 0x80;

/// Why bytes are not an RTP packet. The sender's fault in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Shorter than the header says.
    Truncated,
    /// The version field is not 2.
    Version,
    /// The padding count is zero or larger than the payload.
    Padding,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the packet ends inside its RTP header",
            Self::Version => "the RTP version is not 2",
            Self::Padding => "the padding count does not fit the payload",
        })
    }
}

impl std::error::Error for Error {}

/// Where a header extension block is: RFC 3550 section 5.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// "Defined by profile": the form of the elements, see [`extension::elements`].
    pub profile: u16,
    /// Where the block's data begins, after its four-byte header, from the start of the packet.
    pub offset: usize,
    /// Length of the data in bytes, a multiple of four.
    pub bytes: usize,
}

/// The fields of an RTP header, and offsets into the packet it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// M.
    pub marker: bool,
    /// PT, 0 to 127.
    pub payload_type: u8,
    /// Sequence number as sent; see [`crate::sequence`].
    pub sequence_number: u16,
    /// Timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the payload begins: fixed header, CSRCs and extension block.
    pub header_bytes: usize,
    /// CC, 0 to 15.
    pub csrc_count: u8,
    /// The extension block, if the X bit is set.
    pub extension: Option<Extension>,
    /// P: the last byte of the (decrypted) packet counts padding.
    pub has_padding: bool,
}

impl Packet {
    /// Parses the header; the payload may still be encrypted.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Version`].
    pub fn parse(packet: &[u8]) -> Result<Self, Error> {
        let first = u8_at(packet, 0).ok_or(Error::Truncated)?;
        if first >> 6 != VERSION {
            return Err(Error::Version);
        }
        let second = u8_at(packet, 1).ok_or(Error::Truncated)?;
        let csrc_count = first & 0x0F;
        let after_csrcs = FIXED_HEADER_BYTES + 4 * usize::from(csrc_count);
        let extension = match first & EXTENSION_BIT {
            0 => None,
            _ => Some(parse_extension(packet, after_csrcs).ok_or(Error::Truncated)?),
        };
        let header_bytes = extension.map_or(after_csrcs, |block| block.offset + block.bytes);
        if packet.len() < header_bytes {
            return Err(Error::Truncated);
        }
        Ok(Self {
            marker: second & MARKER_BIT != 0,
            payload_type: second & !MARKER_BIT,
            sequence_number: u16_at(packet, 2).ok_or(Error::Truncated)?,
            timestamp: u32_at(packet, 4).ok_or(Error::Truncated)?,
            ssrc: u32_at(packet, 8).ok_or(Error::Truncated)?,
            header_bytes,
            csrc_count,
            extension,
            has_padding: first & PADDING_BIT != 0,
        })
    }

    /// The padding of the decrypted packet in bytes, its count byte included; 0 without the P bit.
    /// `packet` ends where the decrypted payload ends (no authentication tag).
    ///
    /// # Errors
    /// [`Error::Padding`] if the count is zero or exceeds the payload.
    pub fn padding_bytes(&self, packet: &[u8]) -> Result<usize, Error> {
        if !self.has_padding {
            return Ok(0);
        }
        let payload = packet.get(self.header_bytes..).ok_or(Error::Truncated)?;
        match usize::from(*payload.last().ok_or(Error::Padding)?) {
            0 => Err(Error::Padding),
            count if count > payload.len() => Err(Error::Padding),
            count => Ok(count),
        }
    }

    /// What follows the header in `packet`, padding included. Empty if `packet` is shorter than
    /// the one that was parsed.
    #[must_use]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.header_bytes..).unwrap_or_default()
    }

    /// The CSRC list of `packet`, four bytes each.
    #[must_use]
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> &'a [[u8; 4]] {
        let end = FIXED_HEADER_BYTES + 4 * usize::from(self.csrc_count);
        let list = packet.get(FIXED_HEADER_BYTES..end).unwrap_or_default();
        list.as_chunks().0
    }

    /// The extension elements of `packet`; none without an extension block.
    #[must_use]
    pub fn elements<'a>(&self, packet: &'a [u8]) -> extension::Elements<'a> {
        let (profile, block) = self.extension.map_or((0, &[][..]), |at| {
            let end = at.offset.saturating_add(at.bytes);
            (at.profile, packet.get(at.offset..end).unwrap_or_default())
        });
        extension::elements(profile, block)
    }
}

/// RFC 3550 section 5.3.1: profile and length in 32-bit words, then the data.
fn parse_extension(packet: &[u8], at: usize) -> Option<Extension> {
    let profile = u16_at(packet, at)?;
    let words = u16_at(packet, at + 2)?;
    Some(Extension { profile, offset: at + 4, bytes: 4 * usize::from(words) })
}

/// A header to be written: what [`Packet`] reads, without the lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// M.
    pub marker: bool,
    /// PT; only its lower seven bits are written.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence_number: u16,
    /// Timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// X: an extension block follows the CSRCs; see [`extension::Writer`].
    pub has_extension: bool,
    /// P.
    pub has_padding: bool,
}

impl Header {
    /// Writes the fixed header and at most 15 CSRCs to the start of `out` and returns their length;
    /// `None`, and nothing written, when `out` is too short or the CSRCs too many.
    #[must_use]
    pub fn write(&self, csrcs: &[[u8; 4]], out: &mut [u8]) -> Option<usize> {
        let count = u8::try_from(csrcs.len()).ok().filter(|count| *count <= 15)?;
        let header_bytes = FIXED_HEADER_BYTES + csrcs.as_flattened().len();
        let (fixed, list) = out.get_mut(..header_bytes)?.split_first_chunk_mut()?;
        *fixed = self.fixed(count);
        list.copy_from_slice(csrcs.as_flattened());
        Some(header_bytes)
    }

    fn fixed(&self, csrc_count: u8) -> [u8; FIXED_HEADER_BYTES] {
        let padding = if self.has_padding { PADDING_BIT } else { 0 };
        let extension = if self.has_extension { EXTENSION_BIT } else { 0 };
        let marker = if self.marker { MARKER_BIT } else { 0 };
        let [s0, s1] = self.sequence_number.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        let first = VERSION << 6 | padding | extension | csrc_count;
        let second = marker | self.payload_type & !MARKER_BIT;
        [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]
    }
}
