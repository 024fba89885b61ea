//! VP8 payload descriptor, and what the first bytes of a frame say.
//!
//! RFC 7741 sections 4.2 and 4.3. With end-to-end encryption the first bytes of a frame stay
//! readable (ten of a key frame, three of another), which is all that is read here.

use crate::bytes::{array_at, u8_at, u16_at};

/// The descriptor of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// N: no other frame depends on this one.
    pub non_reference: bool,
    /// S: the payload begins a partition.
    pub starts_partition: bool,
    /// PID: index of the partition, 0 to 7.
    pub partition: u8,
    /// I, M: PictureID.
    pub picture_id: Option<PictureId>,
    /// L: TL0PICIDX.
    pub tl0_picture_index: Option<u8>,
    /// T: TID and Y.
    pub temporal: Option<Temporal>,
    /// K: KEYIDX, 0 to 31.
    pub key_index: Option<u8>,
    /// Length of the descriptor; the VP8 payload follows.
    pub bytes: usize,
}

/// A picture number, which wraps at 2^7 or 2^15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureId {
    /// Seven bits.
    Short(u8),
    /// Fifteen bits.
    Long(u16),
}

/// The temporal layer of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Temporal {
    /// TID, 0 (the base) to 3.
    pub layer: u8,
    /// Y: depends on the base layer only, so that receivers may switch up to it.
    pub layer_sync: bool,
}

impl Descriptor {
    /// Parses the descriptor at the start of an RTP payload. `None` if the payload ends in it.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = u8_at(payload, 0)?;
        let mut at = 1;
        let extended = if first & 0x80 == 0 { 0 } else { next(payload, &mut at)? };
        let picture_id = match extended & 0x80 {
            0 => None,
            _ => Some(PictureId::parse(payload, &mut at)?),
        };
        let tl0_picture_index = match extended & 0x40 {
            0 => None,
            _ => Some(next(payload, &mut at)?),
        };
        let (has_temporal, has_key_index) = (extended & 0x20 != 0, extended & 0x10 != 0);
        let shared = if has_temporal || has_key_index { next(payload, &mut at)? } else { 0 };
        let temporal = Temporal { layer: shared >> 6, layer_sync: shared & 0x20 != 0 };
        Some(Self {
            non_reference: first & 0x20 != 0,
            starts_partition: first & 0x10 != 0,
            partition: first & 0x07,
            picture_id,
            tl0_picture_index,
            temporal: has_temporal.then_some(temporal),
            key_index: has_key_index.then_some(shared & 0x1F),
            bytes: at,
        })
    }

    /// Whether the packet is the first of a frame: the start of partition 0.
    #[must_use]
    pub const fn starts_frame(&self) -> bool {
        self.starts_partition && self.partition == 0
    }

    /// Whether the packet begins a key frame: the P bit (inverted) of the payload header, RFC 7741
    /// section 4.3. `payload` is the RTP payload that was parsed.
    #[must_use]
    pub fn starts_key_frame(&self, payload: &[u8]) -> bool {
        let first = u8_at(payload, self.bytes);
        self.starts_frame() && first.is_some_and(|byte| byte & 0x01 == 0)
    }

    /// Width and height in pixels if the packet begins a key frame, RFC 6386 section 9.1.
    #[must_use]
    pub fn key_frame_size(&self, payload: &[u8]) -> Option<(u16, u16)> {
        let frame = payload.get(self.bytes..)?;
        let start_code = array_at(frame, 3)? == &[0x9D, 0x01, 0x2A];
        if !self.starts_key_frame(payload) || !start_code {
            return None;
        }
        // Little-endian, the upper two bits are a scale.
        let width = u16_at(frame, 6)?.swap_bytes() & 0x3FFF;
        let height = u16_at(frame, 8)?.swap_bytes() & 0x3FFF;
        Some((width, height))
    }

    /// Rewrites the picture id and TL0PICIDX in place, in the widths they have; those that are
    /// absent stay absent. `payload` is the one that was parsed. `false`, and nothing written, if
    /// it is not.
    #[must_use]
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_picture_index: u8) -> bool {
        if Self::parse(payload) != Some(*self) {
            return false;
        }
        let [high, low] = picture_id.to_be_bytes();
        let (coded, width) = match self.picture_id {
            None => ([0, 0], 0),
            Some(PictureId::Short(_)) => ([low & 0x7F, 0], 1),
            Some(PictureId::Long(_)) => ([0x80 | high, low], 2),
        };
        let index = self.tl0_picture_index.map(|_| tl0_picture_index);
        let fields = coded.into_iter().take(width).chain(index);
        payload.iter_mut().skip(2).zip(fields).for_each(|(to, from)| *to = from);
        true
    }
}

impl PictureId {
    /// Its number.
    #[must_use]
    pub const fn value(self) -> u16 {
        match self {
            Self::Short(value) => value as u16,
            Self::Long(value) => value,
        }
    }

    fn parse(payload: &[u8], at: &mut usize) -> Option<Self> {
        let first = next(payload, at)?;
        match first & 0x80 {
            0 => Some(Self::Short(first)),
            _ => Some(Self::Long(u16::from_be_bytes([first & 0x7F, next(payload, at)?]))),
        }
    }
}

fn next(payload: &[u8], at: &mut usize) -> Option<u8> {
    let byte = u8_at(payload, *at)?;
    *at += 1;
    Some(byte)
}
