//! AES in counter mode with HMAC-SHA1: start values and the primitives. RFC 3711 sections 4.1.1
//! and 4.2.1.

use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::kdf;

pub(super) const TAG_BYTES: usize = 10;
pub(super) const AUTHENTICATION_KEY_BYTES: usize = 20;
const SALT_BYTES: usize = 14;

/// One direction's session keys of SRTP or of SRTCP.
pub(super) struct CmHmac {
    stream: EncryptingKey,
    authentication: hmac::Key,
    salt: [u8; SALT_BYTES],
}

impl CmHmac {
    /// `key` is 16 bytes, `authentication` 20.
    pub(super) fn new(key: &[u8], authentication: &[u8], salt: [u8; SALT_BYTES]) -> Self {
        let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
        let authentication = hmac::Key::new(algorithm, authentication);
        Self { stream: kdf::counter_mode(key), authentication, salt }
    }

    /// Encrypts or decrypts `text` in place: XOR with the key stream of `ssrc` and `index`.
    pub(super) fn apply_key_stream(&self, ssrc: u32, index: u64, text: &mut [u8]) {
        // RFC 3711 section 4.1.1: IV = (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16).
        let mut iv = [0; 16];
        iv[..SALT_BYTES].copy_from_slice(&self.salt);
        let iv = u128::from_be_bytes(iv) ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16;
        let iv = FixedLength::from(iv.to_be_bytes());
        self.stream
            .less_safe_encrypt(text, EncryptionContext::Iv128(iv))
            .expect("counter mode takes any length and a 128-bit start value");
    }

    /// RFC 3711 section 4.2.1: the leftmost 80 bits of HMAC-SHA1 over `message` and `suffix` (the
    /// rollover counter for SRTP, nothing for SRTCP).
    pub(super) fn tag(&self, message: &[u8], suffix: &[u8]) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(message);
        context.update(suffix);
        *context.sign().as_ref().first_chunk().expect("HMAC-SHA1 gives 20 bytes")
    }

    /// Whether `tag` is that of `message` and `suffix`, in time that tells nothing about where
    /// they differ.
    pub(super) fn fits(&self, message: &[u8], suffix: &[u8], tag: &[u8]) -> bool {
        self.tag(message, suffix).ct_eq(tag).into()
    }
}

impl Drop for CmHmac {
    fn drop(&mut self) {
        self.salt.zeroize(); // The keys' memory is wiped by their own drops.
    }
}
