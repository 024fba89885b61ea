//! Goodbye: sources that end. RFC 3550 section 6.6.

use super::{Entries, packet_type, write_packet};
use crate::bytes::u8_at;

/// Most sources that one packet can name.
const SOURCES_MAX: usize = 31;

/// A goodbye packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bye<'a> {
    /// The sources that end.
    pub sources: Entries<'a, 4>,
    /// Why, in the sender's words; unchecked bytes, at most 255.
    pub reason: Option<&'a [u8]>,
}

impl<'a> Bye<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let sources = Entries::first_of(body, count)?;
        let rest = body.get(sources.as_bytes().len()..)?;
        let reason = match u8_at(rest, 0) {
            Some(reason_bytes) => Some(rest.get(1..1 + usize::from(reason_bytes))?),
            None => None,
        };
        Some(Self { sources, reason })
    }

    /// Appends a packet that ends these sources, at most 31 of them, without a reason.
    pub fn write_sources(out: &mut Vec<u8>, sources: &[u32]) {
        let sources = sources.get(..SOURCES_MAX).unwrap_or(sources);
        write_packet(out, sources.len() as u8, packet_type::BYE, |out| {
            for ssrc in sources {
                out.extend_from_slice(&ssrc.to_be_bytes());
            }
        });
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Both lengths came out of a count of five bits and a length of eight.
        write_packet(out, self.sources.len() as u8, packet_type::BYE, |out| {
            out.extend_from_slice(self.sources.as_bytes());
            if let Some(reason) = self.reason.and_then(|it| it.get(..it.len().min(255))) {
                out.push(reason.len() as u8);
                out.extend_from_slice(reason);
            }
        });
    }
}
