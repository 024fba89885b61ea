//! Why bytes are not a STUN message. RFC 8489 sections 5, 6.3 and 14.
//!
//! Not an error answer: what does not parse is dropped and counted, never answered.

/// Why bytes are not a STUN message. The sender's fault in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Shorter than a header.
    Truncated,
    /// The first byte is above 3: no method of STUN begins so (RFC 8489 sections 5 and 18.2).
    NotStun,
    /// The magic cookie is absent: RFC 3489, or something else.
    MagicCookie,
    /// The length field is not a multiple of four or is not the length of what follows the header.
    Length,
    /// An attribute goes beyond the end.
    AttributeLength,
    /// An attribute of a known type, given here, has an impossible value.
    AttributeValue(u16),
    /// Something follows FINGERPRINT (section 14.7).
    AfterFingerprint,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("shorter than a STUN header"),
            Self::NotStun => f.write_str("the first byte is not one of STUN"),
            Self::MagicCookie => f.write_str("the magic cookie is absent"),
            Self::Length => f.write_str("the length field is wrong"),
            Self::AttributeLength => f.write_str("an attribute goes beyond the end"),
            Self::AttributeValue(kind) => write!(f, "attribute {kind:#06x} has a wrong value"),
            Self::AfterFingerprint => f.write_str("an attribute follows FINGERPRINT"),
        }
    }
}

impl std::error::Error for Error {}
