//! SRTP and SRTCP: packets in, packets out, in place.
//!
//! Serves RFC 3711 (AES-CM with HMAC-SHA1), RFC 7714 (AES-GCM) and RFC 5764 section 4.2 (where the
//! keys come from). It does not negotiate, parse RTP beyond the fields a key stream needs, or know
//! what a stream is.
//!
//! A transport owns one [`Inbound`] (what the remote writes) and one [`Outbound`] (what we write).
//! Both are made from [`Keys`] once the handshake is done, keep a key schedule per direction, and
//! allocate nothing per packet.
//!
//! * `profile`, `keys`, `kdf`: which algorithms, the secrets, and how session keys follow from them.
//! * `session`: one set of session keys in use; `aead` and `cm_hmac` are the two families.
//! * `replay`: which indices of one source were seen; `sources`: one such window per SSRC.
//! * `inbound`, `outbound`: what the machine calls.
//!
//! Not supported, and refused rather than guessed: MKI, a key derivation rate other than 0, SRTCP
//! that is only authenticated (RFC 8827 section 6.5 wants everything encrypted).

mod aead;
mod cm_hmac;
mod error;
mod inbound;
mod kdf;
mod keys;
mod outbound;
mod profile;
mod replay;
mod session;
mod sources;

#[cfg(test)]
mod tests;

pub use error::{OpenError, SealError};
pub use inbound::{Inbound, Opened};
pub use keys::{Keys, MasterKey};
pub use outbound::Outbound;
pub use profile::Profile;

/// Where the SSRC starts in an RTP header (RFC 3550 section 5.1).
const RTP_SSRC_OFFSET: usize = 8;
/// An RTP header without CSRCs and extension.
const RTP_MIN_HEADER_BYTES: usize = 12;
/// The part of an SRTCP packet that stays readable: the first header and the sender's SSRC
/// (RFC 3711 section 3.4).
const RTCP_HEADER_BYTES: usize = 8;
/// The E flag and the 31-bit SRTCP index behind the encrypted part (RFC 3711 section 3.4).
const RTCP_TRAILER_BYTES: usize = 4;
/// The E flag of that word.
const RTCP_ENCRYPTED: u32 = 1 << 31;

fn be_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn be_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}
