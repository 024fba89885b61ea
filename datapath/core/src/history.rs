//! One received source's newest packets, opened once and kept once for all of its legs: what is
//! queued refers to it, and a NACK of any subscriber is served from it.
//!
//! Payloads lie in one ring of bytes; a slot per packet says where. Both rings grow while a lap
//! takes less than the time that packets shall be kept, up to a bound: the memory follows the
//! measured rate of the stream and nothing is allocated otherwise.

use std::time::Duration;

use crate::Time;

/// Most bytes one source may keep. Higher keeps packets of a fast stream for longer.
const MAX_BYTES: usize = 512 * 1024;
/// Most packets one source may keep.
const MAX_PACKETS: usize = 2048;
/// Most memory that one history takes.
#[cfg(debug_assertions)]
pub(crate) const MOST_BYTES: usize = MAX_BYTES + MAX_PACKETS * size_of::<Slot>();

/// How a history starts and how long it shall reach back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    bytes: usize,
    packets: usize,
    keep: Duration,
}

/// Video: enough for 1 s, so that a retransmission may still be asked after two round trips.
pub(crate) const VIDEO: Shape =
    Shape { bytes: 32 * 1024, packets: 64, keep: Duration::from_secs(1) };
/// Audio: later than 0.5 s nobody plays it.
pub(crate) const AUDIO: Shape =
    Shape { bytes: 2 * 1024, packets: 32, keep: Duration::from_millis(500) };

/// What a packet was, without its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Extended sequence number (the SRTP index).
    pub(crate) sequence: u64,
    /// As the publisher sent it.
    pub(crate) timestamp: u32,
    /// As the publisher sent it; of a retransmission, the original's.
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
}

/// A packet in the history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a> {
    pub(crate) meta: Meta,
    /// Header extension elements that travel with it, as `extensions::Carried` wrote them.
    pub(crate) carried: &'a [u8],
    pub(crate) payload: &'a [u8],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    meta: Meta,
    /// Position in the endless sequence of bytes; `% bytes.len()` is where it lies.
    position: u64,
    carried_bytes: u8,
    /// 0: the slot is empty.
    bytes: u16,
    /// When it was kept, modulo 2^32.
    kept_ms: u32,
}

/// Why a packet is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unkept {
    /// It is here already.
    Known,
    /// Newer ones took its place: it came too late.
    TooLate,
    /// No ring of ours holds it.
    TooLarge,
}

#[derive(Debug)]
pub(crate) struct History {
    shape: Shape,
    bytes: Box<[u8]>,
    slots: Box<[Slot]>,
    written: u64,
    /// When the packet at the start of the ring of bytes was kept.
    lap: Time,
}

impl History {
    pub(crate) fn new(shape: Shape, now: Time) -> Self {
        Self::with_room(shape, shape.bytes, shape.packets, now)
    }

    /// Both sizes are powers of two: positions are found by masking.
    fn with_room(shape: Shape, bytes: usize, packets: usize, lap: Time) -> Self {
        Self {
            shape,
            bytes: vec![0; bytes].into(),
            slots: vec![Slot::default(); packets].into(),
            written: 0,
            lap,
        }
    }

    /// Keeps a packet, whose payload is not empty.
    ///
    /// # Errors
    /// [`Unkept`]: nothing changed.
    pub(crate) fn push(
        &mut self,
        now: Time,
        meta: Meta,
        carried: &[u8],
        payload: &[u8],
    ) -> Result<(), Unkept> {
        let bytes = carried.len() + payload.len();
        if carried.len() > usize::from(u8::MAX) || bytes > MAX_BYTES / 2 {
            return Err(Unkept::TooLarge);
        }
        let slot = &self.slots[self.slot_index(meta.sequence)];
        if slot.bytes > 0 && slot.meta.sequence == meta.sequence {
            return Err(Unkept::Known);
        }
        if slot.bytes > 0 && slot.meta.sequence > meta.sequence {
            return Err(Unkept::TooLate);
        }
        while bytes > self.bytes.len() / 2 {
            self.grow(self.bytes.len() * 2, self.slots.len());
        }
        let kept_ms = now_ms(now);
        self.grow_if_lapping(now, bytes, meta.sequence);
        self.place(kept_ms, meta, carried, payload);
        Ok(())
    }

    /// The packet of that number, while it is kept.
    pub(crate) fn get(&self, sequence: u64) -> Option<Kept<'_>> {
        let slot = &self.slots[self.slot_index(sequence)];
        let kept = slot.bytes > 0
            && slot.meta.sequence == sequence
            && slot.position + self.bytes.len() as u64 >= self.written;
        if !kept {
            return None;
        }
        let start = self.offset(slot.position);
        let payload_at = start + usize::from(slot.carried_bytes);
        Some(Kept {
            meta: slot.meta,
            carried: self.bytes.get(start..payload_at)?,
            payload: self.bytes.get(payload_at..start + usize::from(slot.bytes))?,
        })
    }

    /// Bytes that this history occupies.
    pub(crate) fn footprint_bytes(&self) -> usize {
        self.bytes.len() + self.slots.len() * size_of::<Slot>()
    }

    fn slot_index(&self, sequence: u64) -> usize {
        sequence as usize & (self.slots.len() - 1)
    }

    fn offset(&self, position: u64) -> usize {
        position as usize & (self.bytes.len() - 1)
    }

    /// Copies the packet behind the newest, or to the start of the ring where the end has no room.
    fn place(&mut self, kept_ms: u32, meta: Meta, carried: &[u8], payload: &[u8]) {
        let bytes = carried.len() + payload.len();
        let left = self.bytes.len() - self.offset(self.written);
        if bytes > left {
            self.written += left as u64;
        }
        let start = self.offset(self.written);
        let payload_at = start + carried.len();
        self.bytes[start..payload_at].copy_from_slice(carried);
        self.bytes[payload_at..start + bytes].copy_from_slice(payload);
        let slot = self.slot_index(meta.sequence);
        self.slots[slot] = Slot {
            meta,
            position: self.written,
            carried_bytes: carried.len() as u8,
            bytes: bytes as u16,
            kept_ms,
        };
        self.written += bytes as u64;
    }

    /// What would be overwritten before its time makes the rings grow.
    fn grow_if_lapping(&mut self, now: Time, bytes: usize, sequence: u64) {
        let overwritten = &self.slots[self.slot_index(sequence)];
        let age_ms = now_ms(now).wrapping_sub(overwritten.kept_ms);
        let young = u128::from(age_ms) < self.shape.keep.as_millis();
        if overwritten.bytes > 0 && young && self.slots.len() < MAX_PACKETS {
            self.grow(self.bytes.len(), self.slots.len() * 2);
        }
        if bytes > self.bytes.len() - self.offset(self.written) {
            if now.saturating_since(self.lap) < self.shape.keep && self.bytes.len() < MAX_BYTES {
                self.grow(self.bytes.len() * 2, self.slots.len());
            } else {
                self.lap = now;
            }
        }
    }

    /// Moves what is kept into larger rings, oldest first.
    fn grow(&mut self, bytes: usize, packets: usize) {
        let mut larger = Self::with_room(self.shape, bytes, packets, self.lap);
        let mut oldest_first: Vec<&Slot> =
            self.slots.iter().filter(|slot| slot.bytes > 0).collect();
        oldest_first.sort_unstable_by_key(|slot| slot.position);
        for slot in oldest_first {
            if let Some(packet) = self.get(slot.meta.sequence) {
                larger.place(slot.kept_ms, packet.meta, packet.carried, packet.payload);
            }
        }
        *self = larger;
    }
}

const fn now_ms(now: Time) -> u32 {
    (now.0 / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meta(sequence: u64) -> Meta {
        Meta { sequence, ..Meta::default() }
    }

    fn ms(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    #[test]
    fn a_packet_comes_back_as_it_was_kept() {
        let mut history = History::new(AUDIO, ms(0));
        assert_eq!(history.push(ms(0), meta(7), &[1, 2], &[3, 4, 5]), Ok(()));
        let kept = history.get(7).expect("kept");
        assert_eq!((kept.carried, kept.payload), (&[1u8, 2][..], &[3u8, 4, 5][..]));
        assert!(history.get(8).is_none());
    }

    #[test]
    fn a_packet_is_kept_once() {
        let mut history = History::new(AUDIO, ms(0));
        assert_eq!(history.push(ms(0), meta(7), &[], &[1]), Ok(()));
        assert_eq!(history.push(ms(0), meta(7), &[], &[2]), Err(Unkept::Known));
        assert_eq!(history.get(7).expect("kept").payload, [1]);
    }

    #[test]
    fn a_packet_older_than_what_took_its_place_is_too_late() {
        let mut history = History::new(AUDIO, ms(0));
        assert_eq!(history.push(ms(0), meta(7 + 32), &[], &[1]), Ok(()));
        assert_eq!(history.push(ms(0), meta(7), &[], &[2]), Err(Unkept::TooLate));
    }

    #[test]
    fn sound_in_packets_as_large_as_a_datagram_is_kept() {
        let mut history = History::new(AUDIO, ms(0));
        assert_eq!(history.push(ms(0), meta(6), &[1], &[6; 100]), Ok(()));
        assert_eq!(history.push(ms(20), meta(7), &[1; 255], &[7; 1500]), Ok(()));
        assert_eq!(history.get(7).expect("kept").payload, [7; 1500]);
        assert_eq!(history.get(6).expect("kept").payload, [6; 100]);
    }

    #[test]
    fn a_fast_stream_grows_to_one_second_and_a_slow_one_does_not_grow() {
        let (mut fast, mut slow) = (History::new(VIDEO, ms(0)), History::new(VIDEO, ms(0)));
        for number in 0..1000 {
            fast.push(ms(number * 4), meta(number), &[], &[0; 1200]).expect("new");
            slow.push(ms(number * 100), meta(number), &[], &[0; 1200]).expect("new");
        }
        assert!(fast.get(999 - 240).is_some(), "250 packets a second are kept for about a second");
        assert_eq!(slow.footprint_bytes(), History::new(VIDEO, ms(0)).footprint_bytes());
    }

    proptest! {
        #[test]
        fn whatever_is_found_is_what_was_pushed(
            packets in prop::collection::vec((0u64..600, 1usize..1400, 0u64..20), 1..400)
        ) {
            let mut history = History::new(VIDEO, ms(0));
            let mut now = 0;
            let mut known = std::collections::HashMap::new();
            for (sequence, bytes, wait) in packets {
                now += wait;
                let payload = vec![(sequence + bytes as u64) as u8; bytes];
                if history.push(ms(now), meta(sequence), &[9], &payload).is_ok() {
                    known.insert(sequence, payload);
                }
                prop_assert!(history.footprint_bytes() <= MAX_BYTES + MAX_PACKETS * size_of::<Slot>());
            }
            for sequence in 0..600 {
                if let Some(kept) = history.get(sequence) {
                    prop_assert_eq!(kept.payload, &known[&sequence][..]);
                    prop_assert_eq!(kept.carried, &[9u8][..]);
                }
            }
        }
    }
}
