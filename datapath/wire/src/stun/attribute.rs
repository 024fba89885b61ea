//! Attributes of a STUN message: type, length, value, padding to 32 bits. RFC 8489 section 14.
//!
//! The walk knows no types; [`understood`] says which ones this gateway has a meaning for.

use super::{HEADER_BYTES, Method};
use crate::bytes::{padded_to_4, u16_at};

/// Length of an attribute's type and length fields.
pub(super) const HEAD_BYTES: usize = 4;

/// Attribute types: RFC 8489 section 18.3, RFC 8445 section 20.1, RFC 8656 section 18.
pub mod kind {
    #![allow(missing_docs, reason = "the names are the RFCs' own")]
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub const CHANNEL_NUMBER: u16 = 0x000C;
    pub const LIFETIME: u16 = 0x000D;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub const EVEN_PORT: u16 = 0x0018;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub const DONT_FRAGMENT: u16 = 0x001A;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    pub const PRIORITY: u16 = 0x0024;
    pub const USE_CANDIDATE: u16 = 0x0025;
    pub const SOFTWARE: u16 = 0x8022;
    pub const FINGERPRINT: u16 = 0x8028;
    pub const ICE_CONTROLLED: u16 = 0x8029;
    pub const ICE_CONTROLLING: u16 = 0x802A;
    /// libwebrtc's renomination: a number that grows with each nomination. Not in an RFC
    /// (draft-thatcher-ice-renomination-01 describes it).
    pub const NOMINATION: u16 = 0xC001;
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type, see [`kind`].
    pub kind: u16,
    /// Its value without padding.
    pub value: &'a [u8],
    /// Where its type field begins, from the start of the message.
    pub offset: usize,
}

/// Iterator over attributes. Ends at the end of the message or where an attribute does not fit.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    /// Over the attributes of `message`, a header and what follows.
    pub(super) const fn new(message: &'a [u8]) -> Self {
        Self { message, at: HEADER_BYTES }
    }

    /// Where the next attribute would begin.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        let kind = u16_at(self.message, offset)?;
        let value_bytes = usize::from(u16_at(self.message, offset + 2)?);
        let value_at = offset + HEAD_BYTES;
        let padded_end = value_at + padded_to_4(value_bytes);
        let value = self.message.get(value_at..padded_end)?.get(..value_bytes)?;
        self.at = padded_end;
        Some(Attribute { kind, value, offset })
    }
}

/// Whether this gateway knows what an attribute type means in a message of this method.
pub(super) const fn understood(method: Method, attribute: u16) -> bool {
    match attribute {
        kind::MAPPED_ADDRESS
        | kind::USERNAME
        | kind::MESSAGE_INTEGRITY
        | kind::ERROR_CODE
        | kind::UNKNOWN_ATTRIBUTES
        | kind::REALM
        | kind::NONCE
        | kind::XOR_MAPPED_ADDRESS => true,
        kind::PRIORITY | kind::USE_CANDIDATE => matches!(method, Method::Binding),
        kind::CHANNEL_NUMBER
        | kind::LIFETIME
        | kind::XOR_PEER_ADDRESS
        | kind::DATA
        | kind::XOR_RELAYED_ADDRESS
        | kind::REQUESTED_ADDRESS_FAMILY
        | kind::EVEN_PORT
        | kind::REQUESTED_TRANSPORT
        | kind::DONT_FRAGMENT
        | kind::RESERVATION_TOKEN => !matches!(method, Method::Binding | Method::Other(_)),
        _ => false,
    }
}
