//! Receiver estimated maximum bitrate. draft-alvestrand-rmcat-remb-03 section 2.2.
//!
//! An application layer feedback message (RFC 4585 section 6.4) that says so in its first word.

use super::{Entries, format, packet_type, write_packet, write_ssrcs};
use crate::bytes::{array_at, u8_at, u24_at, u32_at};

const IDENTIFIER: [u8; 4] = *b"REMB";
const MANTISSA_BITS: u32 = 18;
/// Most SSRCs that the count can say.
const SSRCS_MAX: usize = 255;

/// An estimate of what the receiver can take in total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remb<'a> {
    /// Who estimates.
    pub sender_ssrc: u32,
    /// Bits per second; what exceeds 64 bits is read as [`Remb::BPS_MAX`].
    pub bps: u64,
    /// The sources that it holds for.
    pub ssrcs: Entries<'a, 4>,
}

impl<'a> Remb<'a> {
    /// The highest estimate that is read or written: no sender has means to exceed it.
    pub const BPS_MAX: u64 = 0x3_FFFF << 46;

    /// Whether an application layer feedback message is a REMB.
    pub(super) fn is_in(body: &[u8]) -> bool {
        array_at(body, 8) == Some(&IDENTIFIER)
    }

    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let coded = u24_at(body, 13)?;
        let ssrcs = Entries::first_of(body.get(16..)?, u8_at(body, 12)?)?;
        let (exponent, mantissa) = (coded >> MANTISSA_BITS, u64::from(coded & 0x3_FFFF));
        let bps = if mantissa == 0 || mantissa.leading_zeros() >= exponent {
            mantissa << exponent
        } else {
            Self::BPS_MAX
        };
        Some(Self { sender_ssrc: u32_at(body, 0)?, bps, ssrcs })
    }

    /// Appends a packet with this estimate for these sources, at most 255 of them. The estimate is
    /// rounded down to 18 significant bits.
    pub fn write_estimate(out: &mut Vec<u8>, sender_ssrc: u32, bps: u64, ssrcs: &[u32]) {
        let ssrcs = ssrcs.get(..SSRCS_MAX).unwrap_or(ssrcs);
        write_packet(out, format::APPLICATION, packet_type::PAYLOAD_FEEDBACK, |out| {
            write_head(out, sender_ssrc, bps, ssrcs.len() as u8);
            for ssrc in ssrcs {
                out.extend_from_slice(&ssrc.to_be_bytes());
            }
        });
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, format::APPLICATION, packet_type::PAYLOAD_FEEDBACK, |out| {
            // The count came out of eight bits.
            write_head(out, self.sender_ssrc, self.bps, self.ssrcs.len() as u8);
            out.extend_from_slice(self.ssrcs.as_bytes());
        });
    }
}

fn write_head(out: &mut Vec<u8>, sender_ssrc: u32, bps: u64, count: u8) {
    write_ssrcs(out, sender_ssrc, 0);
    out.extend_from_slice(&IDENTIFIER);
    let [_, a, b, c] = code(bps).to_be_bytes();
    out.extend_from_slice(&[count, a, b, c]);
}

/// Six bits of exponent, eighteen of mantissa.
fn code(bps: u64) -> u32 {
    let bits = u64::BITS - bps.leading_zeros();
    let exponent = bits.saturating_sub(MANTISSA_BITS); // at most 46
    exponent << MANTISSA_BITS | (bps >> exponent) as u32
}
