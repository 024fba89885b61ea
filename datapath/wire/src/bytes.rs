//! Big-endian integers at an offset, `None` where the bytes end. Not a cursor: parsers here name
//! their offsets, as the RFCs' figures do.

/// The `N` bytes from `at` on.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

/// The byte at `at`.
pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The 16-bit integer at `at`.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).copied().map(u16::from_be_bytes)
}

/// The 24-bit integer at `at`.
pub(crate) fn u24_at(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *array_at(bytes, at)?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// The 32-bit integer at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).copied().map(u32::from_be_bytes)
}

/// The 64-bit integer at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).copied().map(u64::from_be_bytes)
}

/// The length rounded up to a multiple of four, as STUN, RTCP and header extensions pad.
pub(crate) const fn padded_to_4(bytes: usize) -> usize {
    bytes.next_multiple_of(4)
}
