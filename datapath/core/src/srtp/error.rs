//! Why a packet was not opened or sealed. Nothing here carries an SSRC, an address or a key.

use std::fmt;

/// Why a protected packet was not opened. Its bytes are then unspecified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Too short, or the header lengths disagree. Remote's fault.
    Malformed,
    /// The tag does not fit: not written with the remote's key, or damaged on the way.
    Unauthentic,
    /// Authentic, but this index was opened before (RFC 3711 section 3.3.2). A duplicate by the
    /// network is normal; the caller may report its arrival in congestion feedback.
    Replayed {
        /// The 48-bit index (SRTP) or the 31-bit index (SRTCP) that came again.
        index: u64,
    },
    /// Older than the replay window, so it cannot be told from a replay. Not authenticated.
    TooOld,
    /// SRTCP without the E flag: authenticated at most, never encrypted. Remote's fault.
    Unencrypted,
    /// Authentic, but from one SSRC more than a transport may use.
    TooManySources,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the packet is too short for its profile",
            Self::Unauthentic => "the authentication tag does not fit",
            Self::Replayed { .. } => "an authentic packet came again",
            Self::TooOld => "the packet is older than the replay window",
            Self::Unencrypted => "the control packet is not encrypted",
            Self::TooManySources => "the transport uses too many SSRCs",
        })
    }
}

impl std::error::Error for OpenError {}

/// Why a packet was not sealed. It must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// Too short, or no room for the tag: the caller's fault.
    Malformed,
    /// This SSRC and index were sealed before, or may have been: sealing again would give away key
    /// stream (RFC 3711 section 9.1) or, under GCM, the authentication key. The caller's fault:
    /// an SSRC's numbers go on where they ended, for as long as the transport lives.
    IndexSpent,
    /// No index is left under this key (RFC 3711 section 9.2). The transport must end.
    KeyExhausted,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the packet has no room for its tag",
            Self::IndexSpent => "the packet index was used before",
            Self::KeyExhausted => "no packet index is left under this key",
        })
    }
}

impl std::error::Error for SealError {}
