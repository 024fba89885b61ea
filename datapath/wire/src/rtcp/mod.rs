//! RTCP: compound packets and a file per packet type.
//!
//! RFC 3550 section 6, RFC 4585 section 6, RFC 5104, RFC 3611. [`packets`] takes reduced-size
//! packets as they come (RFC 5506: no report needs to lead) and stops at the first packet that is
//! malformed. Every type is a view that borrows what is repeated in it, and can write itself; the
//! types that we send can be made from plain values too. When to send what is not decided here.

mod bye;
mod entries;
mod extended_report;
mod full_intra;
mod nack;
mod picture_loss;
mod receiver_report;
mod remb;
mod report_block;
mod sdes;
mod sender_report;
pub mod transport_cc;

pub use bye::Bye;
pub use entries::Entries;
pub use extended_report::{Block, DelaySinceReference, ExtendedBlocks, ExtendedReport};
pub use full_intra::{FullIntra, IntraRequest};
pub use nack::Nack;
pub use picture_loss::PictureLoss;
pub use receiver_report::ReceiverReport;
pub use remb::Remb;
pub use report_block::{ReportBlock, ReportBlocks};
pub use sdes::{Item, Sdes};
pub use sender_report::SenderReport;
pub use transport_cc::TransportCc;

use crate::bytes::{u8_at, u16_at};

/// Length of the header that all packets share.
pub const HEADER_BYTES: usize = 4;

/// Packet types: RFC 3550 section 12.1, RFC 4585 section 6.1, RFC 3611 section 2.
mod packet_type {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const SDES: u8 = 202;
    pub(super) const BYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
    pub(super) const EXTENDED_REPORT: u8 = 207;
}

/// Feedback message types (FMT).
mod format {
    /// Transport layer, RFC 4585 section 6.2.1.
    pub(super) const NACK: u8 = 1;
    /// Transport layer, draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
    pub(super) const TRANSPORT_CC: u8 = 15;
    /// Payload-specific, RFC 4585 section 6.3.1.
    pub(super) const PICTURE_LOSS: u8 = 1;
    /// Payload-specific, RFC 5104 section 4.3.1.
    pub(super) const FULL_INTRA: u8 = 4;
    /// Payload-specific, RFC 4585 section 6.4.
    pub(super) const APPLICATION: u8 = 15;
}

/// Why bytes are not an RTCP packet. The sender's fault in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Shorter than a header, or than the header says.
    Truncated,
    /// The version field is not 2.
    Version,
    /// The padding count is zero, no multiple of what it must be, or larger than the packet.
    Padding,
    /// The body does not fit the packet type, given here.
    Body(u8),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("an RTCP packet goes beyond the end"),
            Self::Version => f.write_str("the RTCP version is not 2"),
            Self::Padding => f.write_str("the RTCP padding does not fit"),
            Self::Body(packet_type) => write!(f, "an RTCP packet of type {packet_type} is damaged"),
        }
    }
}

impl std::error::Error for Error {}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rtcp<'a> {
    /// RFC 3550 section 6.4.1.
    SenderReport(SenderReport<'a>),
    /// RFC 3550 section 6.4.2.
    ReceiverReport(ReceiverReport<'a>),
    /// RFC 3550 section 6.5.
    Sdes(Sdes<'a>),
    /// RFC 3550 section 6.6.
    Bye(Bye<'a>),
    /// RFC 4585 section 6.2.1.
    Nack(Nack<'a>),
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
    TransportCc(TransportCc<'a>),
    /// RFC 4585 section 6.3.1.
    PictureLoss(PictureLoss),
    /// RFC 5104 section 4.3.1.
    FullIntra(FullIntra<'a>),
    /// draft-alvestrand-rmcat-remb-03.
    Remb(Remb<'a>),
    /// RFC 3611.
    ExtendedReport(ExtendedReport<'a>),
    /// Anything else with a valid header.
    Other(Other<'a>),
}

/// A packet of a type that has no view here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other<'a> {
    /// PT.
    pub packet_type: u8,
    /// The five bits that are a count, a subtype or a format, by packet type.
    pub count: u8,
    /// What follows the header, without padding; a multiple of four bytes.
    pub body: &'a [u8],
}

impl<'a> Rtcp<'a> {
    /// Gives the body to the parser of its type.
    fn from_parts(parts: Other<'a>) -> Result<Self, Error> {
        let Other { packet_type, count, body } = parts;
        let view = match (packet_type, count) {
            (packet_type::SENDER_REPORT, _) => {
                SenderReport::parse(count, body).map(Self::SenderReport)
            }
            (packet_type::RECEIVER_REPORT, _) => {
                ReceiverReport::parse(count, body).map(Self::ReceiverReport)
            }
            (packet_type::SDES, _) => Sdes::parse(count, body).map(Self::Sdes),
            (packet_type::BYE, _) => Bye::parse(count, body).map(Self::Bye),
            (packet_type::TRANSPORT_FEEDBACK, format::NACK) => Nack::parse(body).map(Self::Nack),
            (packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC) => {
                TransportCc::parse(body).map(Self::TransportCc)
            }
            (packet_type::PAYLOAD_FEEDBACK, format::PICTURE_LOSS) => {
                PictureLoss::parse(body).map(Self::PictureLoss)
            }
            (packet_type::PAYLOAD_FEEDBACK, format::FULL_INTRA) => {
                FullIntra::parse(body).map(Self::FullIntra)
            }
            (packet_type::PAYLOAD_FEEDBACK, format::APPLICATION) if Remb::is_in(body) => {
                Remb::parse(body).map(Self::Remb)
            }
            (packet_type::EXTENDED_REPORT, _) => {
                ExtendedReport::parse(body).map(Self::ExtendedReport)
            }
            _ => Some(Self::Other(parts)),
        };
        view.ok_or(Error::Body(packet_type))
    }

    /// Appends the packet to `out`, without padding.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::SenderReport(packet) => packet.write(out),
            Self::ReceiverReport(packet) => packet.write(out),
            Self::Sdes(packet) => packet.write(out),
            Self::Bye(packet) => packet.write(out),
            Self::Nack(packet) => packet.write(out),
            Self::TransportCc(packet) => packet.write(out),
            Self::PictureLoss(packet) => packet.write(out),
            Self::FullIntra(packet) => packet.write(out),
            Self::Remb(packet) => packet.write(out),
            Self::ExtendedReport(packet) => packet.write(out),
            Self::Other(packet) => write_packet(out, packet.count, packet.packet_type, |out| {
                out.extend_from_slice(packet.body);
            }),
        }
    }
}

/// The packets of a compound, decrypted and without SRTCP trailer.
#[must_use]
pub const fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// Iterator over the packets of a compound; the first error is the last item.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Packets<'a> {
    /// Cuts one packet off the front.
    fn cut(&mut self) -> Result<Other<'a>, Error> {
        let first = u8_at(self.rest, 0).ok_or(Error::Truncated)?;
        if first >> 6 != 2 {
            return Err(Error::Version);
        }
        let packet_type = u8_at(self.rest, 1).ok_or(Error::Truncated)?;
        let words = usize::from(u16_at(self.rest, 2).ok_or(Error::Truncated)?);
        let packet = self.rest.split_at_checked(4 * (words + 1)).ok_or(Error::Truncated)?;
        let (packet, rest) = packet;
        self.rest = rest;
        let body = packet.get(HEADER_BYTES..).unwrap_or_default();
        let count = first & 0x1F;
        let body = match first & 0x20 == 0 {
            true => body,
            false => strip_padding(body, padding_unit(packet_type, count))?,
        };
        Ok(Other { packet_type, count, body })
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Rtcp<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.cut().and_then(Rtcp::from_parts);
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

/// RFC 3550 section 6.4.1 has padding in words. Transport-wide feedback, whose body ends at any byte,
/// is filled up to a word; libwebrtc says so with the P bit and a count of one to three.
const fn padding_unit(packet_type: u8, count: u8) -> usize {
    match (packet_type, count) {
        (packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC) => 1,
        _ => 4,
    }
}

/// The last byte counts the padding, itself included, a multiple of `unit`.
fn strip_padding(body: &[u8], unit: usize) -> Result<&[u8], Error> {
    let count = usize::from(*body.last().ok_or(Error::Padding)?);
    let kept = body.len().checked_sub(count).ok_or(Error::Padding)?;
    match count % unit == 0 && count > 0 {
        true => Ok(body.get(..kept).unwrap_or_default()),
        false => Err(Error::Padding),
    }
}

/// Appends a packet: header, what `body` appends, zeros up to 32 bits, and then the length.
/// Callers bound their bodies far below the 256 KiB that the length field can say.
fn write_packet(out: &mut Vec<u8>, count: u8, packet_type: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count & 0x1F, packet_type, 0, 0]);
    body(out);
    let written = out.len() - start;
    out.resize(start + written.next_multiple_of(4), 0);
    let words = u16::try_from((out.len() - start) / 4 - 1);
    debug_assert!(words.is_ok(), "an RTCP packet of {written} bytes");
    let field = out.iter_mut().skip(start + 2);
    field.zip(words.unwrap_or(u16::MAX).to_be_bytes()).for_each(|(to, from)| *to = from);
}

/// Appends the two SSRCs that begin every feedback message, RFC 4585 section 6.1.
fn write_ssrcs(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32) {
    out.extend_from_slice(&sender_ssrc.to_be_bytes());
    out.extend_from_slice(&media_ssrc.to_be_bytes());
}
