//! Key derivation: AES in counter mode as a pseudo-random function, key derivation rate 0.
//! RFC 3711 section 4.3; RFC 6188 section 3 for 256-bit master keys; RFC 7714 section 11.

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::keys::MasterKey;

/// What a session key is for (RFC 3711 section 4.3.2). SRTCP's labels are three higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Fills `out` (at most 2^20 bytes) with the session key for `label`.
pub(super) fn derive(master: &MasterKey, label: Label, out: &mut [u8]) {
    // RFC 3711 section 4.3.1: key_id = label || r with r = 0, 8 + 48 bits, right under the salt's
    // 112; x = key_id XOR salt; the input of the PRF is x * 2^16.
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(master.padded_salt());
    iv[7] ^= label as u8;
    out.fill(0);
    counter_mode(master.key())
        .less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv)))
        .expect("counter mode takes any length and a 128-bit start value");
}

/// AES in counter mode with its key schedule made. `key` is 16 or 32 bytes.
pub(super) fn counter_mode(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    UnboundCipherKey::new(algorithm, key)
        .and_then(EncryptingKey::ctr)
        .expect("the profile fixes the key length that AES wants")
}
