//! Writing STUN messages: a builder for any, and the two answers to a connectivity check.
//!
//! RFC 8489 sections 5, 6.3.1 and 14. Messages are appended to the buffer, which the caller clears
//! and whose capacity it keeps.

use super::address::encode_xored;
use super::attribute::{HEAD_BYTES, kind};
use super::integrity::{self, CRC_BYTES, MAC_BYTES};
use super::{Class, HEADER_BYTES, MAGIC_COOKIE, Method, TransactionId, message_type};
use crate::bytes::padded_to_4;
use std::net::SocketAddr;

/// Most bytes of a reason phrase that are written: "fewer than 128 characters" (section 14.8).
const REASON_BYTES_MAX: usize = 127;

/// A message does not fit STUN's 16-bit lengths; nothing was left in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the STUN message would exceed 65535 bytes of attributes")
    }
}

impl std::error::Error for TooLong {}

/// Appends one message to a buffer, attribute by attribute, in the order of the calls.
/// MESSAGE-INTEGRITY comes after what it covers, FINGERPRINT last.
#[derive(Debug)]
#[must_use = "without finish() the message has no valid length"]
pub struct Builder<'a> {
    out: &'a mut Vec<u8>,
    transaction_id: TransactionId,
    start: usize,
    too_long: bool,
}

impl<'a> Builder<'a> {
    /// Begins a message at the end of `out`.
    pub fn new(
        out: &'a mut Vec<u8>,
        class: Class,
        method: Method,
        transaction_id: TransactionId,
    ) -> Self {
        let start = out.len();
        out.extend_from_slice(&message_type(class, method).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        out.extend_from_slice(&transaction_id.0);
        Self { out, transaction_id, start, too_long: false }
    }

    /// An attribute of any type, padded with zeros.
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.head(kind, value.len());
        self.out.extend_from_slice(value);
        let padding = padded_to_4(value.len()) - value.len();
        self.out.resize(self.out.len() + padding, 0);
        self
    }

    /// An address, XORed as in section 14.2.
    pub fn xored_address(self, kind: u16, address: SocketAddr) -> Self {
        let encoded = encode_xored(address, self.transaction_id);
        self.attribute(kind, encoded.as_bytes())
    }

    /// ERROR-CODE. Codes outside 300 to 699 are written as 500, a long reason is cut.
    pub fn error_code(mut self, code: u16, reason: &str) -> Self {
        let code = if (300..700).contains(&code) { code } else { 500 };
        let cut = reason.floor_char_boundary(REASON_BYTES_MAX);
        let reason = reason.as_bytes().get(..cut).unwrap_or_default();
        self.head(kind::ERROR_CODE, 4 + reason.len());
        // Both below 256: the code is below 700.
        self.out.extend_from_slice(&[0, 0, (code / 100) as u8, (code % 100) as u8]);
        self.out.extend_from_slice(reason);
        self.out.resize(self.out.len() + padded_to_4(reason.len()) - reason.len(), 0);
        self
    }

    /// UNKNOWN-ATTRIBUTES, section 14.9.
    pub fn unknown_attributes(mut self, kinds: impl IntoIterator<Item = u16>) -> Self {
        let head_at = self.out.len();
        self.head(kind::UNKNOWN_ATTRIBUTES, 0);
        for kind in kinds {
            self.out.extend_from_slice(&kind.to_be_bytes());
        }
        let value_bytes = self.out.len() - head_at - HEAD_BYTES;
        self.set_length_at(head_at + 2, value_bytes);
        self.out.resize(self.out.len() + padded_to_4(value_bytes) - value_bytes, 0);
        self
    }

    /// MESSAGE-INTEGRITY under `key` over what was written so far.
    pub fn integrity(mut self, key: &[u8]) -> Self {
        let message = self.out.get(self.start..).unwrap_or_default();
        let Some(mac) = integrity::mac(message, message.len(), key) else {
            self.too_long = true; // the only way for a message with a header
            return self;
        };
        debug_assert_eq!(mac.len(), MAC_BYTES);
        self.attribute(kind::MESSAGE_INTEGRITY, &mac)
    }

    /// FINGERPRINT, and the end.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn finish_with_fingerprint(mut self) -> Result<(), TooLong> {
        let message_bytes = self.out.len() - self.start;
        self.set_message_length(message_bytes - HEADER_BYTES + HEAD_BYTES + CRC_BYTES);
        let message = self.out.get(self.start..).unwrap_or_default();
        let crc = integrity::fingerprint(message, message_bytes).unwrap_or_default();
        self.attribute(kind::FINGERPRINT, &crc).finish()
    }

    /// The end: writes the length.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn finish(mut self) -> Result<(), TooLong> {
        self.set_message_length(self.out.len() - self.start - HEADER_BYTES);
        if self.too_long {
            self.out.truncate(self.start);
            return Err(TooLong);
        }
        Ok(())
    }

    fn head(&mut self, kind: u16, value_bytes: usize) {
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&[0, 0]);
        self.set_length_at(self.out.len() - 2, value_bytes);
    }

    fn set_message_length(&mut self, length: usize) {
        self.set_length_at(self.start + 2, length);
    }

    fn set_length_at(&mut self, at: usize, length: usize) {
        let Ok(length) = u16::try_from(length) else {
            self.too_long = true;
            return;
        };
        let field = self.out.iter_mut().skip(at);
        field.zip(length.to_be_bytes()).for_each(|(to, from)| *to = from);
    }
}

/// The success answer to a Binding request, RFC 8445 section 7.3.1.2: XOR-MAPPED-ADDRESS,
/// MESSAGE-INTEGRITY, FINGERPRINT. Appended to `out`.
pub fn write_binding_success(
    out: &mut Vec<u8>,
    transaction_id: TransactionId,
    mapped: SocketAddr,
    password: &[u8],
) {
    let written = Builder::new(out, Class::Success, Method::Binding, transaction_id)
        .xored_address(kind::XOR_MAPPED_ADDRESS, mapped)
        .integrity(password)
        .finish_with_fingerprint();
    debug_assert_eq!(written, Ok(()), "fewer than 100 bytes");
}

/// An error answer to a Binding request, RFC 8489 section 6.3.1: ERROR-CODE, MESSAGE-INTEGRITY when
/// the request's was right and the password so is known, FINGERPRINT. Appended to `out`.
pub fn write_binding_error(
    out: &mut Vec<u8>,
    transaction_id: TransactionId,
    code: u16,
    reason: &str,
    password: Option<&[u8]>,
) {
    let builder = Builder::new(out, Class::Error, Method::Binding, transaction_id);
    let builder = builder.error_code(code, reason);
    let builder = match password {
        Some(password) => builder.integrity(password),
        None => builder,
    };
    let written = builder.finish_with_fingerprint();
    debug_assert_eq!(written, Ok(()), "the reason is cut");
}
