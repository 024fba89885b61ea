//! One set of session keys in use: the layout of protected packets in both families.
//!
//! SRTP is `header | text | tag` throughout (RFC 3711 section 3.1). SRTCP is
//! `header | text | index word | tag` with HMAC (RFC 3711 section 3.4) and
//! `header | text | tag | index word` with AEAD (RFC 7714 section 9.2).
//!
//! Indices are given: which index a packet has, and whether it may be used, is decided above.

use zeroize::Zeroizing;

use super::aead::{self, Aead};
use super::cm_hmac::{self, CmHmac};
use super::kdf::{Label, derive};
use super::keys::MasterKey;
use super::{Profile, RTCP_ENCRYPTED, RTCP_HEADER_BYTES, RTCP_TRAILER_BYTES};

/// Session keys of one direction, for SRTP or for SRTCP.
pub(super) enum Session {
    Aead(Aead),
    CmHmac(Box<CmHmac>),
}

/// The tag does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unauthentic;

impl Session {
    pub(super) fn rtp(master: &MasterKey) -> Self {
        Self::new(master, Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt)
    }

    pub(super) fn rtcp(master: &MasterKey) -> Self {
        Self::new(master, Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt)
    }

    fn new(master: &MasterKey, encryption: Label, authentication: Label, salt: Label) -> Self {
        let profile = master.profile();
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..profile.key_bytes()];
        derive(master, encryption, key);
        match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let mut session_salt = Zeroizing::new([0; 12]);
                derive(master, salt, &mut *session_salt);
                Self::Aead(Aead::new(key, *session_salt))
            }
            Profile::Aes128CmHmacSha1_80 => {
                let mut session_salt = Zeroizing::new([0; 14]);
                derive(master, salt, &mut *session_salt);
                let mut tag_key = Zeroizing::new([0; cm_hmac::AUTHENTICATION_KEY_BYTES]);
                derive(master, authentication, &mut *tag_key);
                Self::CmHmac(Box::new(CmHmac::new(key, &*tag_key, *session_salt)))
            }
        }
    }

    pub(super) const fn tag_bytes(&self) -> usize {
        match self {
            Self::Aead(_) => aead::TAG_BYTES,
            Self::CmHmac(_) => cm_hmac::TAG_BYTES,
        }
    }

    /// Seals `packet`, whose last `tag_bytes()` are room for the tag.
    ///
    /// Needs `header_bytes + tag_bytes() <= packet.len()`.
    pub(super) fn seal_rtp(&self, packet: &mut [u8], header_bytes: usize, ssrc: u32, index: u64) {
        let (body, tag) = packet.split_at_mut(packet.len() - self.tag_bytes());
        match self {
            Self::Aead(aead) => {
                let (header, text) = body.split_at_mut(header_bytes);
                tag.copy_from_slice(&aead.seal(aead.rtp_nonce(ssrc, index), header, text));
            }
            Self::CmHmac(cm) => {
                cm.apply_key_stream(ssrc, index, &mut body[header_bytes..]);
                tag.copy_from_slice(&cm.tag(body, &rollover_counter(index)));
            }
        }
    }

    /// Opens `packet`; header and text then are its first `packet.len() - tag_bytes()` bytes.
    ///
    /// Needs `header_bytes + tag_bytes() <= packet.len()`.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_bytes: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Unauthentic> {
        let (body, tag) = packet.split_at_mut(packet.len() - self.tag_bytes());
        let authentic = match self {
            Self::Aead(aead) => {
                let (header, text) = body.split_at_mut(header_bytes);
                aead.open(aead.rtp_nonce(ssrc, index), header, tag, text)
            }
            Self::CmHmac(cm) => {
                let authentic = cm.fits(body, &rollover_counter(index), tag);
                if authentic {
                    cm.apply_key_stream(ssrc, index, &mut body[header_bytes..]);
                }
                authentic
            }
        };
        if authentic { Ok(()) } else { Err(Unauthentic) }
    }

    /// Where the index word of an SRTCP packet of `packet_bytes` starts.
    pub(super) const fn rtcp_index_offset(&self, packet_bytes: usize) -> Option<usize> {
        packet_bytes.checked_sub(match self {
            Self::Aead(_) => RTCP_TRAILER_BYTES,
            Self::CmHmac(_) => RTCP_TRAILER_BYTES + cm_hmac::TAG_BYTES,
        })
    }

    /// Seals `packet`, whose last `tag_bytes() + 4` are room for tag and index word.
    ///
    /// Needs `8 + tag_bytes() + 4 <= packet.len()` and an index below 2^31.
    pub(super) fn seal_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) {
        let word = (index | RTCP_ENCRYPTED).to_be_bytes();
        let text_end = packet.len() - self.tag_bytes() - RTCP_TRAILER_BYTES;
        match self {
            Self::Aead(aead) => {
                let (body, trailer) = packet.split_at_mut(text_end);
                let (header, text) = body.split_at_mut(RTCP_HEADER_BYTES);
                let aad = rtcp_associated_data(header, word);
                let tag = aead.seal(aead.rtcp_nonce(ssrc, index), &aad, text);
                trailer[..aead::TAG_BYTES].copy_from_slice(&tag);
                trailer[aead::TAG_BYTES..].copy_from_slice(&word);
            }
            Self::CmHmac(cm) => {
                cm.apply_key_stream(ssrc, index.into(), &mut packet[RTCP_HEADER_BYTES..text_end]);
                let (body, tag) = packet.split_at_mut(text_end + RTCP_TRAILER_BYTES);
                body[text_end..].copy_from_slice(&word);
                tag.copy_from_slice(&cm.tag(body, &[]));
            }
        }
    }

    /// Opens `packet`, whose E flag is set; header and text then are all but its last
    /// `tag_bytes() + 4` bytes.
    ///
    /// Needs `8 + tag_bytes() + 4 <= packet.len()` and an index below 2^31.
    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index: u32,
    ) -> Result<(), Unauthentic> {
        let text_end = packet.len() - self.tag_bytes() - RTCP_TRAILER_BYTES;
        let authentic = match self {
            Self::Aead(aead) => {
                let (body, trailer) = packet.split_at_mut(text_end);
                let (header, text) = body.split_at_mut(RTCP_HEADER_BYTES);
                let aad = rtcp_associated_data(header, (index | RTCP_ENCRYPTED).to_be_bytes());
                let tag = &trailer[..aead::TAG_BYTES];
                aead.open(aead.rtcp_nonce(ssrc, index), &aad, tag, text)
            }
            Self::CmHmac(cm) => {
                let (body, tag) = packet.split_at_mut(text_end + RTCP_TRAILER_BYTES);
                let authentic = cm.fits(body, &[], tag);
                if authentic {
                    let text = &mut body[RTCP_HEADER_BYTES..text_end];
                    cm.apply_key_stream(ssrc, index.into(), text);
                }
                authentic
            }
        };
        if authentic { Ok(()) } else { Err(Unauthentic) }
    }
}

/// The upper 32 bits of the 48-bit index: what RFC 3711 section 4.2 appends before the tag is made.
const fn rollover_counter(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// RFC 7714 section 9.2: the readable header, then the index word.
fn rtcp_associated_data(header: &[u8], word: [u8; RTCP_TRAILER_BYTES]) -> [u8; 12] {
    let mut aad = [0; RTCP_HEADER_BYTES + RTCP_TRAILER_BYTES];
    aad[..RTCP_HEADER_BYTES].copy_from_slice(header);
    aad[RTCP_HEADER_BYTES..].copy_from_slice(&word);
    aad
}
