//! Entries of a fixed size as they repeat in RTCP packets, decoded when they are looked at.

/// Entries of `N` bytes each, borrowed from a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries<'a, const N: usize>(&'a [[u8; N]]);

impl<'a, const N: usize> Entries<'a, N> {
    /// All of `bytes`, which must be whole entries.
    pub(super) fn all_of(bytes: &'a [u8]) -> Option<Self> {
        let (entries, rest) = bytes.as_chunks();
        rest.is_empty().then_some(Self(entries))
    }

    /// The first `count` entries of `bytes`; what follows is not looked at.
    pub(super) fn first_of(bytes: &'a [u8], count: u8) -> Option<Self> {
        bytes.as_chunks().0.get(..usize::from(count)).map(Self)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The encoded entries.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = [u8; N]> + Clone + use<'a, N> {
        self.0.iter().copied()
    }

    /// All of them as they stand in the packet.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.as_flattened()
    }
}

impl<'a> Entries<'a, 4> {
    /// The entries as SSRCs.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        self.iter().map(u32::from_be_bytes)
    }
}
