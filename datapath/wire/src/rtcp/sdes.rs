//! Source descriptions: the CNAME that ties the sources of one sender together. RFC 3550
//! section 6.5. Other items are walked over; the gateway has no use for names of people here.

use super::{packet_type, write_packet};
use crate::bytes::{padded_to_4, u8_at, u32_at};

const CNAME: u8 = 1;
/// Most bytes that an item's length can say.
const TEXT_BYTES_MAX: usize = 255;

/// A source description packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sdes<'a> {
    count: u8,
    body: &'a [u8],
}

/// One item of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The source described.
    pub ssrc: u32,
    /// Item type, 1 is CNAME.
    pub kind: u8,
    /// Its text; UTF-8 by the RFC, unchecked.
    pub text: &'a [u8],
}

impl<'a> Sdes<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut at = 0;
        for _ in 0..count {
            at = chunk_end(body, at)?;
        }
        Some(Self { count, body })
    }

    /// The items of all chunks.
    #[must_use]
    pub const fn items(&self) -> Items<'a> {
        Items { chunks_left: self.count, body: self.body, ssrc: None, at: 0 }
    }

    /// The CNAME of a source, if it is UTF-8.
    #[must_use]
    pub fn cname(&self, ssrc: u32) -> Option<&'a str> {
        let mut items = self.items();
        let cname = items.find(|item| item.ssrc == ssrc && item.kind == CNAME)?;
        std::str::from_utf8(cname.text).ok()
    }

    /// Appends a packet with one chunk that carries only a CNAME, cut at 255 bytes.
    pub fn write_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
        let cut = cname.floor_char_boundary(TEXT_BYTES_MAX);
        let cname = cname.as_bytes().get(..cut).unwrap_or_default();
        write_packet(out, 1, packet_type::SDES, |out| {
            out.extend_from_slice(&ssrc.to_be_bytes());
            out.extend_from_slice(&[CNAME, cname.len() as u8]); // at most 255: cut above
            out.extend_from_slice(cname);
            out.push(0); // the end of the items; the packet's own padding completes the word
        });
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, self.count, packet_type::SDES, |out| out.extend_from_slice(self.body));
    }
}

/// Iterator over the items of an SDES packet.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    chunks_left: u8,
    body: &'a [u8],
    /// Of the chunk that `at` is in; `None` between chunks.
    ssrc: Option<u32>,
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            let Some(ssrc) = self.ssrc else {
                self.chunks_left = self.chunks_left.checked_sub(1)?;
                self.ssrc = Some(u32_at(self.body, self.at)?);
                self.at += 4;
                continue;
            };
            if let Some((kind, text, end)) = item_at(self.body, self.at)? {
                self.at = end;
                return Some(Item { ssrc, kind, text });
            }
            self.at = padded_to_4(self.at + 1);
            self.ssrc = None;
        }
    }
}

/// The item at `at` and where it ends; `Some(None)` at the zero that ends a chunk; `None` if the
/// body ends first.
#[allow(clippy::type_complexity, reason = "two ways to end, both named above")]
fn item_at(body: &[u8], at: usize) -> Option<Option<(u8, &[u8], usize)>> {
    let kind = u8_at(body, at)?;
    if kind == 0 {
        return Some(None);
    }
    let end = at + 2 + usize::from(u8_at(body, at + 1)?);
    Some(Some((kind, body.get(at + 2..end)?, end)))
}

/// Where the chunk that begins at `at` ends.
fn chunk_end(body: &[u8], at: usize) -> Option<usize> {
    u32_at(body, at)?;
    let mut at = at + 4;
    while let Some((_, _, end)) = item_at(body, at)? {
        at = end;
    }
    let end = padded_to_4(at + 1);
    (end <= body.len()).then_some(end)
}
