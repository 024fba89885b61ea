//! A received STUN message. RFC 8489 sections 5, 6.3 and 14; RFC 8445 section 7.1.
//!
//! Parsing finds every attribute once; what the accessors return precedes MESSAGE-INTEGRITY and so
//! was covered by it. A message that parses is well formed, not trustworthy: [`Message::integrity_ok`]
//! says that.

use super::address::decode_xored;
use super::attribute::{Attribute, Attributes, kind, understood};
use super::integrity::{self, CRC_BYTES, MAC_BYTES};
use super::{Class, Error, HEADER_BYTES, MAGIC_COOKIE, Method, TransactionId};
use super::{USERNAME_BYTES_MAX, class_and_method};
use crate::bytes::{array_at, u16_at, u32_at};
use std::net::SocketAddr;

/// A well-formed message. Borrows its bytes.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    class: Class,
    method: Method,
    transaction_id: TransactionId,
    found: Found<'a>,
}

/// What one pass over the attributes finds. The first of a type counts (RFC 8489 section 14).
#[derive(Clone, Copy, Default)]
struct Found<'a> {
    username: Option<&'a str>,
    priority: Option<u32>,
    use_candidate: bool,
    nomination: Option<u32>,
    controlling: Option<u64>,
    controlled: Option<u64>,
    integrity_at: Option<usize>,
    fingerprint_at: Option<usize>,
}

/// Roles and types only: a username is half a credential, and values may be anything.
impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?} ", self.method, self.class)?;
        f.debug_list().entries(self.attributes().map(|attribute| attribute.kind)).finish()
    }
}

impl<'a> Message<'a> {
    /// Parses one message that fills `bytes`.
    ///
    /// # Errors
    /// [`Error`]: the bytes are not a well-formed message.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let message_type = u16_at(bytes, 0).ok_or(Error::Truncated)?;
        let length = usize::from(u16_at(bytes, 2).ok_or(Error::Truncated)?);
        let cookie = u32_at(bytes, 4).ok_or(Error::Truncated)?;
        let transaction_id = TransactionId(*array_at(bytes, 8).ok_or(Error::Truncated)?);
        if message_type >> 10 != 0 {
            return Err(Error::NotStun);
        }
        if cookie != MAGIC_COOKIE {
            return Err(Error::MagicCookie);
        }
        if length % 4 != 0 || bytes.len() != HEADER_BYTES + length {
            return Err(Error::Length);
        }
        let (class, method) = class_and_method(message_type);
        let found = Found::in_message(bytes)?;
        Ok(Self { bytes, class, method, transaction_id, found })
    }

    /// Request, indication, success or error.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// What it is about.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Copied into the answer.
    #[must_use]
    pub const fn transaction_id(&self) -> TransactionId {
        self.transaction_id
    }

    /// The bytes it was parsed from.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// USERNAME of a connectivity check, RFC 8445 section 7.2.2: our ufrag, then the sender's.
    /// `None` if it is absent or has no colon.
    #[must_use]
    pub fn username(&self) -> Option<(&'a str, &'a str)> {
        self.found.username?.split_once(':')
    }

    /// USERNAME as it stands.
    #[must_use]
    pub const fn username_text(&self) -> Option<&'a str> {
        self.found.username
    }

    /// PRIORITY, RFC 8445 section 7.1.1.
    #[must_use]
    pub const fn priority(&self) -> Option<u32> {
        self.found.priority
    }

    /// Whether USE-CANDIDATE is there, RFC 8445 section 7.1.2.
    #[must_use]
    pub const fn use_candidate(&self) -> bool {
        self.found.use_candidate
    }

    /// The value of libwebrtc's renomination, see [`kind::NOMINATION`].
    #[must_use]
    pub const fn nomination(&self) -> Option<u32> {
        self.found.nomination
    }

    /// The tie-breaker of ICE-CONTROLLING, RFC 8445 section 7.1.3.
    #[must_use]
    pub const fn controlling(&self) -> Option<u64> {
        self.found.controlling
    }

    /// The tie-breaker of ICE-CONTROLLED, RFC 8445 section 7.1.3.
    #[must_use]
    pub const fn controlled(&self) -> Option<u64> {
        self.found.controlled
    }

    /// Whether MESSAGE-INTEGRITY is there at all.
    #[must_use]
    pub const fn has_integrity(&self) -> bool {
        self.found.integrity_at.is_some()
    }

    /// Whether MESSAGE-INTEGRITY is there and right for this key (for ICE: the password). Constant
    /// time in the comparison.
    #[must_use]
    pub fn integrity_ok(&self, password: &[u8]) -> bool {
        let verify = |at| integrity::verify(self.bytes, at, password);
        self.found.integrity_at.is_some_and(verify)
    }

    /// Whether FINGERPRINT is right; `None` without one.
    #[must_use]
    pub fn fingerprint_ok(&self) -> Option<bool> {
        let at = self.found.fingerprint_at?;
        let sent = array_at(self.bytes, at + 4)?;
        Some(integrity::fingerprint(self.bytes, at).as_ref() == Some(sent))
    }

    /// XOR-MAPPED-ADDRESS of an answer.
    #[must_use]
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        self.xored_address(kind::XOR_MAPPED_ADDRESS)
    }

    /// The first attribute of a type whose value is an address XORed as in RFC 8489 section 14.2.
    #[must_use]
    pub fn xored_address(&self, kind: u16) -> Option<SocketAddr> {
        decode_xored(self.value(kind)?, self.transaction_id)
    }

    /// ERROR-CODE, RFC 8489 section 14.8: the number, 300 to 699.
    #[must_use]
    pub fn error_code(&self) -> Option<u16> {
        let [_, _, class, number] = *array_at(self.value(kind::ERROR_CODE)?, 0)?;
        let class = class & 0x07;
        ((3..=6).contains(&class) && number < 100)
            .then(|| u16::from(class) * 100 + u16::from(number))
    }

    /// The value of the first attribute of a type.
    #[must_use]
    pub fn value(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes().find(|attribute| attribute.kind == kind).map(|found| found.value)
    }

    /// The attributes that count: up to and including MESSAGE-INTEGRITY, all without one. What
    /// follows it is ignored (RFC 8489 section 14.5); see [`Message::fingerprint_ok`] for
    /// FINGERPRINT.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let end = self.found.integrity_at.unwrap_or(usize::MAX);
        Attributes::new(self.bytes).take_while(move |attribute| attribute.offset <= end)
    }

    /// Types of comprehension-required attributes that have no meaning here: a request with any is
    /// answered with 420 (RFC 8489 section 6.3.1), other messages are discarded.
    pub fn unknown_required(&self) -> impl Iterator<Item = u16> + use<'a> {
        let method = self.method;
        let required = self.attributes().map(|attribute| attribute.kind).filter(|it| *it < 0x8000);
        required.filter(move |kind| !understood(method, *kind))
    }
}

impl<'a> Found<'a> {
    fn in_message(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut attributes = Attributes::new(bytes);
        for attribute in attributes.by_ref() {
            if found.fingerprint_at.is_some() {
                return Err(Error::AfterFingerprint);
            }
            found.take(attribute)?;
        }
        match attributes.offset() == bytes.len() {
            true => Ok(found),
            false => Err(Error::AttributeLength),
        }
    }

    fn take(&mut self, attribute: Attribute<'a>) -> Result<(), Error> {
        let Attribute { kind, value, offset } = attribute;
        let wrong = Error::AttributeValue(kind);
        if kind == kind::FINGERPRINT {
            self.fingerprint_at = Some(offset);
            return (value.len() == CRC_BYTES).then_some(()).ok_or(wrong);
        }
        if self.integrity_at.is_some() {
            return Ok(()); // section 14.5: ignored
        }
        match kind {
            kind::USERNAME => first(&mut self.username, username(value).ok_or(wrong)?),
            kind::PRIORITY => first(&mut self.priority, number(value).ok_or(wrong)?),
            kind::NOMINATION => first(&mut self.nomination, number(value).ok_or(wrong)?),
            kind::ICE_CONTROLLING => first(&mut self.controlling, tie_breaker(value).ok_or(wrong)?),
            kind::ICE_CONTROLLED => first(&mut self.controlled, tie_breaker(value).ok_or(wrong)?),
            kind::USE_CANDIDATE if value.is_empty() => self.use_candidate = true,
            kind::USE_CANDIDATE => return Err(wrong),
            kind::MESSAGE_INTEGRITY if value.len() == MAC_BYTES => self.integrity_at = Some(offset),
            kind::MESSAGE_INTEGRITY => return Err(wrong),
            _ => {}
        }
        Ok(())
    }
}

fn first<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

fn username(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.len() <= USERNAME_BYTES_MAX)
}

fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

fn tie_breaker(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}
