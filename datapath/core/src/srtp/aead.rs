//! AES-GCM for SRTP: nonces and the primitive. RFC 7714 sections 8.1 and 9.1.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize;

pub(super) const TAG_BYTES: usize = 16;
const SALT_BYTES: usize = 12;

/// One direction's session key of SRTP or of SRTCP.
pub(super) struct Aead {
    key: LessSafeKey,
    salt: [u8; SALT_BYTES],
}

impl Aead {
    /// `key` is 16 or 32 bytes.
    pub(super) fn new(key: &[u8], salt: [u8; SALT_BYTES]) -> Self {
        let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        let key = UnboundKey::new(algorithm, key)
            .expect("the profile fixes the key length that AES-GCM wants");
        Self { key: LessSafeKey::new(key), salt }
    }

    /// Encrypts `text` in place and returns its tag.
    pub(super) fn seal(&self, nonce: Nonce, aad: &[u8], text: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), text)
            .expect("a datagram is far below the 2^36 bytes that AES-GCM takes");
        *tag.as_ref().first_chunk().expect("an AES-GCM tag is 16 bytes")
    }

    /// Decrypts `text` in place; false if `tag` does not fit, `text` is then unspecified.
    pub(super) fn open(&self, nonce: Nonce, aad: &[u8], tag: &[u8], text: &mut [u8]) -> bool {
        self.key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, text).is_ok()
    }

    /// RFC 7714 section 8.1: two zero octets, SSRC, ROC, SEQ; the 48-bit index is ROC and SEQ.
    pub(super) fn rtp_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        self.nonce(ssrc, index & 0xffff_ffff_ffff)
    }

    /// RFC 7714 section 9.1: two zero octets, SSRC, two zero octets, a zero bit, SRTCP index.
    pub(super) fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.nonce(ssrc, u64::from(index & 0x7fff_ffff))
    }

    fn nonce(&self, ssrc: u32, low_48_bits: u64) -> Nonce {
        let message = u128::from(ssrc) << 48 | u128::from(low_48_bits);
        let mut nonce = self.salt;
        for (octet, message_octet) in nonce.iter_mut().zip(&message.to_be_bytes()[4..]) {
            *octet ^= message_octet;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

impl Drop for Aead {
    fn drop(&mut self) {
        self.salt.zeroize(); // The key's memory is wiped by its own drop.
    }
}
