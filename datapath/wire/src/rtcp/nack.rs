//! Generic NACK: sequence numbers that a receiver misses. RFC 4585 section 6.2.1.
//!
//! An entry is a packet id and a bitmask of the sixteen numbers after it.

use super::{Entries, format, packet_type, write_packet, write_ssrcs};
use crate::bytes::u32_at;

/// Most entries that are written into one packet: 1 KiB, far from any path's MTU. More would ask
/// for more than 4000 packets at once.
const ENTRIES_MAX: usize = 253;

/// A generic NACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who asks.
    pub sender_ssrc: u32,
    /// Whose packets.
    pub media_ssrc: u32,
    /// Packet ids and bitmasks.
    pub entries: Entries<'a, 4>,
}

impl<'a> Nack<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        Some(Self {
            sender_ssrc: u32_at(body, 0)?,
            media_ssrc: u32_at(body, 4)?,
            entries: Entries::all_of(body.get(8..)?)?,
        })
    }

    /// The numbers asked for, as sent: up to 17 per entry, in the order of the entries, repeated if
    /// the sender repeats itself.
    pub fn sequence_numbers(&self) -> impl Iterator<Item = u16> + Clone + use<'a> {
        self.entries.iter().flat_map(numbers_of)
    }

    /// Appends a packet that asks for `lost`, which ascends (modulo 2^16). Stops after 253 entries;
    /// returns how many numbers it took, so that the rest can go into a further packet. Writes
    /// nothing for nothing.
    pub fn write_lost(
        out: &mut Vec<u8>,
        sender_ssrc: u32,
        media_ssrc: u32,
        lost: impl IntoIterator<Item = u16>,
    ) -> usize {
        let mut lost = lost.into_iter().peekable();
        if lost.peek().is_none() {
            return 0;
        }
        let mut taken = 0;
        write_packet(out, format::NACK, packet_type::TRANSPORT_FEEDBACK, |out| {
            write_ssrcs(out, sender_ssrc, media_ssrc);
            let entries = Packed(&mut lost).take(ENTRIES_MAX);
            for (packet_id, bitmask, numbers) in entries {
                out.extend_from_slice(&packet_id.to_be_bytes());
                out.extend_from_slice(&bitmask.to_be_bytes());
                taken += numbers;
            }
        });
        taken
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_packet(out, format::NACK, packet_type::TRANSPORT_FEEDBACK, |out| {
            write_ssrcs(out, self.sender_ssrc, self.media_ssrc);
            out.extend_from_slice(self.entries.as_bytes());
        });
    }
}

/// The numbers of one entry: its packet id, then those whose bit is set.
fn numbers_of(entry: [u8; 4]) -> impl Iterator<Item = u16> + Clone {
    let [p0, p1, b0, b1] = entry;
    let packet_id = u16::from_be_bytes([p0, p1]);
    let bitmask = u16::from_be_bytes([b0, b1]);
    let following = (0..16u16).filter(move |bit| bitmask >> bit & 1 == 1);
    std::iter::once(packet_id).chain(following.map(move |bit| packet_id.wrapping_add(bit + 1)))
}

/// Packs ascending numbers into entries: packet id, bitmask, and how many numbers they took.
struct Packed<'i, I: Iterator<Item = u16>>(&'i mut std::iter::Peekable<I>);

impl<I: Iterator<Item = u16>> Iterator for Packed<'_, I> {
    type Item = (u16, u16, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let packet_id = self.0.next()?;
        let (mut bitmask, mut taken) = (0, 1);
        let ahead = |number: &u16| number.wrapping_sub(packet_id);
        while let Some(number) = self.0.next_if(|number| (1..=16).contains(&ahead(number))) {
            bitmask |= 1 << (ahead(&number) - 1);
            taken += 1;
        }
        Some((packet_id, bitmask, taken))
    }
}
