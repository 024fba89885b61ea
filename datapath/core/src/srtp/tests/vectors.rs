//! The published test vectors, as facts.

use super::super::aead::Aead;
use super::super::cm_hmac::CmHmac;
use super::super::kdf::{Label, derive};
use super::super::keys::MasterKey;
use super::super::session::Session;
use super::super::{Profile, RTCP_TRAILER_BYTES};
use super::hex;

/// RFC 3711 appendix B.2: the counter runs over the start value's lower 16 bits; the last blocks
/// are at FEFF, FF00 and FF01.
#[test]
fn rfc_3711_b_2_aes_counter_mode_gives_the_published_key_stream() {
    let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    let cipher = CmHmac::new(&key, &[0; 20], *salt.first_chunk().expect("14 bytes"));
    let mut stream = vec![0; 0xff02 * 16];
    cipher.apply_key_stream(0, 0, &mut stream);
    let block = |counter: usize| stream[counter * 16..][..16].to_vec();
    assert_eq!(block(0x0000), hex("E03EAD0935C95E80E166B16DD92B4EB4"));
    assert_eq!(block(0x0001), hex("D23513162B02D0F72A43A2FE4A5F97AB"));
    assert_eq!(block(0x0002), hex("41E95B3BB0A2E8DD477901E4FCA894C0"));
    assert_eq!(block(0xfeff), hex("EC8CDF7398607CB0F2D21675EA9EA1E4"));
    assert_eq!(block(0xff00), hex("362B7C3C6773516318A077D7FC5073AE"));
    assert_eq!(block(0xff01), hex("6A2CC3787889374FBEB4C81B17BA6C44"));
}

fn derived(master: &MasterKey, label: Label, bytes: usize) -> Vec<u8> {
    let mut out = vec![0xee; bytes];
    derive(master, label, &mut out);
    out
}

#[test]
fn rfc_3711_b_3_session_keys_follow_from_a_128_bit_master_key() {
    let master = MasterKey::new(
        Profile::Aes128CmHmacSha1_80,
        &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
        &hex("0EC675AD498AFEEBB6960B3AABE6"),
    )
    .expect("lengths of the profile");
    let encryption = hex("C61E7A93744F39EE10734AFE3FF7A087");
    let salt = hex("30CBBC08863D8C85D49DB34A9AE1");
    let authentication = hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE
        E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF
        17C2041E474035766B68642C59BBFC2F34DB60DBDFB2");
    assert_eq!(derived(&master, Label::RtpEncryption, 16), encryption);
    assert_eq!(derived(&master, Label::RtpSalt, 14), salt);
    assert_eq!(derived(&master, Label::RtpAuthentication, authentication.len()), authentication);
}

/// The 256-bit function that RFC 7714 section 11 names. That profile's salts are 96 bits and the
/// vector's 112, so this looks below the profile.
#[test]
fn rfc_6188_7_4_key_stream_of_a_256_bit_master_key() {
    let key = hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6");
    let salt = hex("3b04803de51ee7c96423ab5b78d2");
    let derived = |label: u8, bytes: usize| {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&salt);
        iv[7] ^= label;
        let mut out = vec![0; bytes];
        super::super::kdf::counter_mode(&key)
            .less_safe_encrypt(&mut out, aws_lc_rs::cipher::EncryptionContext::Iv128(iv.into()))
            .expect("any length");
        out
    };
    let encryption = hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
    assert_eq!(derived(0, 32), encryption);
    assert_eq!(derived(1, 20), hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
    assert_eq!(derived(2, 14), hex("fa31791685ca444a9e07c6c64e93"));
}

/// RFC 7714 section 16: "Quid pro quo".
const SALT: [u8; 12] = *b"Quid pro quo";
/// Its key is 00 01 02 .. for both lengths.
const KEY: [u8; 32] = {
    let mut key = [0; 32];
    let mut at = 0;
    while at < key.len() {
        key[at] = at as u8;
        at += 1;
    }
    key
};
const RTP_SSRC: u32 = 0x5501_a0b2;
const RTP_INDEX: u64 = 0xf17b;
/// Section 16: the packet before it is protected.
const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
    69736120 696e2070 61727465 73207472 6573";
/// Section 16.1.1.
const SRTP_128: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
    0d294e6f 42a5f47a 51c7d19b 36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce";
/// Section 16.2.1.
const SRTP_256: &str = "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
    9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";

fn aead_session(key_bytes: usize) -> Session {
    Session::Aead(Aead::new(&KEY[..key_bytes], SALT))
}

fn rfc_7714_16(key_bytes: usize, protected: &str) {
    let (plain, protected) = (hex(RTP), hex(protected));
    let session = aead_session(key_bytes);
    let mut packet = plain.clone();
    packet.resize(plain.len() + session.tag_bytes(), 0);
    session.seal_rtp(&mut packet, 12, RTP_SSRC, RTP_INDEX);
    assert_eq!(packet, protected);
    assert_eq!(session.open_rtp(&mut packet, 12, RTP_SSRC, RTP_INDEX), Ok(()));
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn rfc_7714_16_1_srtp_under_aead_aes_128_gcm_is_sealed_and_opened() {
    rfc_7714_16(16, SRTP_128);
}

#[test]
fn rfc_7714_16_2_srtp_under_aead_aes_256_gcm_is_sealed_and_opened() {
    rfc_7714_16(32, SRTP_256);
}

const RTCP_SSRC: u32 = 0x4d61_7273;
const RTCP_INDEX: u32 = 0x5d4;
/// Section 17: the packet that its subsections protect.
const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef";
/// Section 17.1.
const SRTCP_128: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
    c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
/// Section 17.2.
const SRTCP_256: &str = "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50
    a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";

fn rfc_7714_17(key_bytes: usize, protected: &str) {
    let (plain, protected) = (hex(RTCP), hex(protected));
    let session = aead_session(key_bytes);
    let mut packet = plain.clone();
    packet.resize(plain.len() + session.tag_bytes() + RTCP_TRAILER_BYTES, 0);
    session.seal_rtcp(&mut packet, RTCP_SSRC, RTCP_INDEX);
    assert_eq!(packet, protected);
    assert_eq!(session.open_rtcp(&mut packet, RTCP_SSRC, RTCP_INDEX), Ok(()));
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn rfc_7714_17_1_srtcp_under_aead_aes_128_gcm_is_sealed_and_opened() {
    rfc_7714_17(16, SRTCP_128);
}

#[test]
fn rfc_7714_17_2_srtcp_under_aead_aes_256_gcm_is_sealed_and_opened() {
    rfc_7714_17(32, SRTCP_256);
}
