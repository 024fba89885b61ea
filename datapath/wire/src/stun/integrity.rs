//! MESSAGE-INTEGRITY (RFC 8489 section 14.5) and FINGERPRINT (section 14.7).
//!
//! Keys are the caller's: for ICE the password's bytes as they are (its characters need no
//! OpaqueString preparation, RFC 8445 section 5.3). Nothing here remembers one.

use crate::bytes::u16_at;
use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

use super::HEADER_BYTES;
use super::attribute::HEAD_BYTES;

/// Length of an HMAC-SHA1.
pub(super) const MAC_BYTES: usize = 20;
/// Length of the FINGERPRINT's value.
pub(super) const CRC_BYTES: usize = 4;

/// Keeps the CRC of a STUN message from being that of an enclosing protocol.
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// The HMAC-SHA1 of a message up to `integrity_at`, where its MESSAGE-INTEGRITY begins or will
/// begin, with the header's length as if that attribute were the last. `None` if `message` is
/// shorter.
pub(super) fn mac(message: &[u8], integrity_at: usize, key: &[u8]) -> Option<[u8; MAC_BYTES]> {
    let covered = message.get(..integrity_at)?;
    let (head, rest) = (covered.get(..2)?, covered.get(4..)?);
    let length = integrity_at.checked_sub(HEADER_BYTES)? + HEAD_BYTES + MAC_BYTES;
    let length = u16::try_from(length).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    context.update(head);
    context.update(&length.to_be_bytes());
    context.update(rest);
    context.sign().as_ref().try_into().ok()
}

/// Whether the MAC at `integrity_at` is the one that `key` makes; in constant time.
pub(super) fn verify(message: &[u8], integrity_at: usize, key: &[u8]) -> bool {
    let value_at = integrity_at + HEAD_BYTES;
    let sent = message.get(value_at..value_at + MAC_BYTES);
    match (sent, mac(message, integrity_at, key)) {
        (Some(sent), Some(made)) => sent.ct_eq(&made).into(),
        (None, _) | (_, None) => false,
    }
}

/// The FINGERPRINT of a message up to `fingerprint_at`. The header's length must already include
/// the attribute, which is always the last.
pub(super) fn fingerprint(message: &[u8], fingerprint_at: usize) -> Option<[u8; CRC_BYTES]> {
    debug_assert!(u16_at(message, 2).is_some());
    let covered = message.get(..fingerprint_at)?;
    Some((crc32fast::hash(covered) ^ FINGERPRINT_XOR).to_be_bytes())
}
