//! Retransmission payloads: the original sequence number before the original payload.
//!
//! RFC 4588 section 4. Which stream an RTX packet belongs to is not known here.

use crate::bytes::u16_at;

/// Length of the OSN field.
pub const HEADER_BYTES: usize = 2;

/// Splits the payload of an RTX packet (without padding) into the original sequence number and the
/// original payload. `None` when it is too short; an empty original payload is a bandwidth probe.
#[must_use]
pub fn parse(payload: &[u8]) -> Option<(u16, &[u8])> {
    Some((u16_at(payload, 0)?, payload.get(HEADER_BYTES..)?))
}

/// The OSN field.
#[must_use]
pub fn header(original_sequence_number: u16) -> [u8; HEADER_BYTES] {
    original_sequence_number.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn original_sequence_number_precedes_the_original_payload() {
        assert_eq!(parse(&[0x12, 0x34, 1, 2]), Some((0x1234, &[1, 2][..])));
        assert_eq!(parse(&header(7)), Some((7, &[][..])));
        assert_eq!(parse(&[1]), None);
    }
}
