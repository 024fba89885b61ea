//! 16-bit sequence numbers made monotonic.
//!
//! After RFC 3550 appendix A.1, without its probation: the number nearest to the highest so far is
//! meant. Not the SRTP packet index, which only moves once a packet authenticates (RFC 3711
//! section 3.3.1), and no judge of restarts.

/// Where the first cycle begins, so that packets older than the first still have a number.
const FIRST_CYCLE: u64 = 1 << 16;

/// Extends 16-bit sequence numbers to 64 bits. The first number seen is in cycle 1 (65536 is added)
/// and no extended number is ever below 32768.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extender {
    highest: Option<u64>,
}

impl Extender {
    /// One that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { highest: None }
    }

    /// The highest extended number so far.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// The extended number nearest to the highest so far, which stays as it is. A number exactly
    /// half a cycle away is an older one.
    #[must_use]
    pub const fn guess(&self, sequence_number: u16) -> u64 {
        let Some(highest) = self.highest else {
            return FIRST_CYCLE + sequence_number as u64;
        };
        let ahead = sequence_number.wrapping_sub(highest as u16) as i16;
        highest.wrapping_add_signed(ahead as i64)
    }

    /// As [`Extender::guess`], and remembers it if it is the highest.
    pub const fn extend(&mut self, sequence_number: u16) -> u64 {
        let extended = self.guess(sequence_number);
        match self.highest {
            Some(highest) if highest >= extended => {}
            Some(_) | None => self.highest = Some(extended),
        }
        extended
    }
}
