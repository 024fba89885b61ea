//! Packet status chunks of transport-wide feedback: two bytes that say for a run or a short list of
//! packets whether they arrived and how long their delta is.
//!
//! draft-holmer-rmcat-transport-wide-cc-extensions-01 sections 3.1.1 to 3.1.4.

use crate::bytes::{array_at, u8_at};

/// Most packets of a run length chunk: 13 bits.
pub(super) const RUN_MAX: usize = 0x1FFF;
/// Symbols of a status vector chunk of one bit each.
const ONE_BIT_SYMBOLS: usize = 14;
/// Symbols of a status vector chunk of two bits each.
const TWO_BIT_SYMBOLS: usize = 7;

/// Section 3.1.1: what is said of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// It had not arrived.
    NotReceived,
    /// It arrived 0 to 255 ticks after the one before: one byte of delta.
    Small,
    /// It arrived outside of that: two bytes of delta.
    Large,
    /// Must not occur.
    Reserved,
}

impl Symbol {
    const fn from_bits(bits: u16) -> Self {
        match bits & 3 {
            0 => Self::NotReceived,
            1 => Self::Small,
            2 => Self::Large,
            _ => Self::Reserved,
        }
    }

    const fn bits(self) -> u16 {
        match self {
            Self::NotReceived => 0,
            Self::Small => 1,
            Self::Large => 2,
            Self::Reserved => 3,
        }
    }

    /// The symbol for a delta; `None` if none can carry it.
    pub(super) fn for_delta(ticks: i64) -> Option<Self> {
        match ticks {
            0..=255 => Some(Self::Small),
            _ => i16::try_from(ticks).is_ok().then_some(Self::Large),
        }
    }

    /// Length of the delta that belongs to it; `None` for the reserved one.
    pub(super) const fn delta_bytes(self) -> Option<usize> {
        match self {
            Self::NotReceived => Some(0),
            Self::Small => Some(1),
            Self::Large => Some(2),
            Self::Reserved => None,
        }
    }

    /// Reads its delta, in ticks, off the front of `deltas`, and says how many bytes that took.
    pub(super) fn delta(self, deltas: &[u8]) -> Option<(Option<i16>, usize)> {
        match self {
            Self::NotReceived => Some((None, 0)),
            Self::Small => Some((Some(i16::from(u8_at(deltas, 0)?)), 1)),
            Self::Large => Some((Some(i16::from_be_bytes(*array_at(deltas, 0)?)), 2)),
            Self::Reserved => None,
        }
    }
}

/// A received chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Section 3.1.3.
    Run(Symbol, u16),
    /// Section 3.1.4 with one bit per symbol; the 14 lower bits.
    OneBit(u16),
    /// Section 3.1.4 with two bits per symbol; the 14 lower bits.
    TwoBit(u16),
}

impl Chunk {
    pub(super) const fn from_bytes(bytes: [u8; 2]) -> Self {
        let chunk = u16::from_be_bytes(bytes);
        match chunk >> 14 {
            0 | 1 => Self::Run(Symbol::from_bits(chunk >> 13), chunk & RUN_MAX as u16),
            2 => Self::OneBit(chunk & 0x3FFF),
            _ => Self::TwoBit(chunk & 0x3FFF),
        }
    }

    /// How many packets it speaks of.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Run(_, length) => length as usize,
            Self::OneBit(_) => ONE_BIT_SYMBOLS,
            Self::TwoBit(_) => TWO_BIT_SYMBOLS,
        }
    }

    /// Its symbols in order.
    pub(super) const fn symbols(self) -> Symbols {
        Symbols { chunk: self, at: 0 }
    }
}

/// Iterator over the symbols of a chunk.
#[derive(Clone, Debug)]
pub(super) struct Symbols {
    chunk: Chunk,
    at: usize,
}

impl Symbols {
    /// Length of the deltas of the first `count` symbols of a chunk; `None` if one is reserved.
    pub(super) fn delta_bytes(chunk: Chunk, count: usize) -> Option<usize> {
        match chunk {
            Chunk::Run(symbol, _) => Some(symbol.delta_bytes()? * count),
            Chunk::OneBit(_) | Chunk::TwoBit(_) => {
                chunk.symbols().take(count).map(Symbol::delta_bytes).sum()
            }
        }
    }
}

impl Iterator for Symbols {
    type Item = Symbol;

    fn next(&mut self) -> Option<Symbol> {
        let at = self.at;
        self.at += 1;
        if at >= self.chunk.len() {
            return None;
        }
        Some(match self.chunk {
            Chunk::Run(symbol, _) => symbol,
            Chunk::OneBit(bits) => Symbol::from_bits(bits >> (ONE_BIT_SYMBOLS - 1 - at) & 1),
            Chunk::TwoBit(bits) => Symbol::from_bits(bits >> (2 * (TWO_BIT_SYMBOLS - 1 - at))),
        })
    }
}

/// Packs symbols into as few chunks as a look ahead of 14 symbols allows.
#[derive(Debug)]
pub(super) struct Packer {
    /// The first symbols that wait; all that wait unless they are a run.
    waiting: [Symbol; ONE_BIT_SYMBOLS],
    len: usize,
    /// Chunks that left so far.
    pub(super) chunks: usize,
}

impl Packer {
    pub(super) const fn new() -> Self {
        Self { waiting: [Symbol::NotReceived; ONE_BIT_SYMBOLS], len: 0, chunks: 0 }
    }

    /// Adds `count` packets of one symbol; full chunks are appended to `out`.
    pub(super) fn push(&mut self, symbol: Symbol, count: usize, out: &mut Vec<u8>) {
        let mut left = count;
        while left > 0 {
            let taken = self.room_for(symbol).min(left);
            let end = (self.len + taken).min(ONE_BIT_SYMBOLS);
            for slot in self.waiting.iter_mut().take(end).skip(self.len) {
                *slot = symbol;
            }
            self.len += taken;
            left -= taken;
            if taken == 0 {
                self.emit(out);
            }
        }
    }

    /// Appends what waits.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        let symbols = self.symbols();
        if !self.is_run() && !symbols.contains(&Symbol::Large) {
            // One last vector; the status count says where it ends.
            let chunk = one_bit(symbols);
            return self.leave(chunk, self.len, out);
        }
        while self.len > 0 {
            self.emit(out);
        }
    }

    /// How many packets of this symbol still go into the chunk that is being collected.
    fn room_for(&self, symbol: Symbol) -> usize {
        let symbols = self.symbols();
        let is_run = symbols.iter().all(|waiting| *waiting == symbol);
        let has_large = symbol == Symbol::Large || symbols.contains(&Symbol::Large);
        let capacity = match (is_run, has_large) {
            (true, _) => RUN_MAX,
            (false, false) => ONE_BIT_SYMBOLS,
            (false, true) => TWO_BIT_SYMBOLS,
        };
        capacity.saturating_sub(self.len)
    }

    fn symbols(&self) -> &[Symbol] {
        self.waiting.get(..self.len).unwrap_or(&self.waiting)
    }

    /// Whether what waits is of one symbol.
    fn is_run(&self) -> bool {
        let symbols = self.symbols();
        symbols.iter().all(|symbol| symbols.first() == Some(symbol))
    }

    /// Appends one full chunk of what waits: a run, else fourteen symbols, else the first seven,
    /// of which there are enough: only a symbol that `room_for` refuses leads here.
    fn emit(&mut self, out: &mut Vec<u8>) {
        let symbols = self.symbols();
        let first = symbols.first().copied().unwrap_or(Symbol::NotReceived);
        let (chunk, used) = if self.is_run() {
            (first.bits() << 13 | self.len as u16, self.len) // at most RUN_MAX: `room_for`
        } else if self.len == ONE_BIT_SYMBOLS && !symbols.contains(&Symbol::Large) {
            (one_bit(symbols), self.len)
        } else {
            (two_bit(symbols), self.len.min(TWO_BIT_SYMBOLS))
        };
        self.leave(chunk, used, out);
    }

    fn leave(&mut self, chunk: u16, used: usize, out: &mut Vec<u8>) {
        self.waiting.rotate_left(used.min(ONE_BIT_SYMBOLS));
        self.len -= used;
        self.chunks += 1;
        out.extend_from_slice(&chunk.to_be_bytes());
    }
}

fn one_bit(symbols: &[Symbol]) -> u16 {
    0x8000 | vector(symbols, ONE_BIT_SYMBOLS, 1)
}

fn two_bit(symbols: &[Symbol]) -> u16 {
    0xC000 | vector(symbols, TWO_BIT_SYMBOLS, 2)
}

/// The first `count` symbols of `width` bits each, the first one highest; missing ones are zero.
fn vector(symbols: &[Symbol], count: usize, width: usize) -> u16 {
    let padded = symbols.iter().map(|symbol| symbol.bits()).chain(std::iter::repeat(0));
    padded.take(count).fold(0, |chunk, bits| chunk << width | bits)
}
