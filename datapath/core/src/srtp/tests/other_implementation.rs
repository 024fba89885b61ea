//! Packets that libsrtp 2 protected, from master keys on: what the RFCs' vectors leave open is how
//! a 96-bit master salt enters the key derivation, and the rollover counter.
//!
//! Master key 00 01 02 .., master salt a0 a1 a2 ..; one source sent FFFF, then 0000; two SRTCP
//! packets, of which the second is kept (that library counts from 1).

use super::super::keys::MasterKey;
use super::super::{Inbound, Opened, Outbound, Profile};
use super::hex;

/// 12 bytes, then a one-byte header extension of 8.
const RTP_HEADER_BYTES: usize = 20;
const RTCP: &str = "80c80006cafebabe 000102030405060708090a0b0c0d0e0f10111213";

fn rtp(sequence_number: u16) -> Vec<u8> {
    let mut packet = hex("90e0");
    packet.extend(sequence_number.to_be_bytes());
    packet.extend(hex("000003e8cafebabe bede000110420000"));
    packet.extend(0..40);
    packet
}

fn master(profile: Profile) -> MasterKey {
    let key: Vec<u8> = (0..profile.key_bytes() as u8).collect();
    let salt: Vec<u8> = (0xa0..).take(profile.salt_bytes()).collect();
    MasterKey::new(profile, &key, &salt).expect("lengths of the profile")
}

fn opens_and_makes(profile: Profile, before_wrap: &str, after_wrap: &str, control: &str) {
    let master = master(profile);
    let (mut inbound, mut outbound) = (Inbound::new(&master), Outbound::new(&master));
    for (protected, sequence_number, index) in
        [(before_wrap, 0xffff, 0xffff), (after_wrap, 0, 0x1_0000)]
    {
        let (plain, protected) = (rtp(sequence_number), hex(protected));
        let mut packet = plain.clone();
        packet.resize(plain.len() + profile.tag_bytes(), 0);
        assert_eq!(outbound.seal_rtp(&mut packet, RTP_HEADER_BYTES, index), Ok(()));
        assert_eq!(packet, protected);
        let opened = Opened { bytes: plain.len(), index };
        assert_eq!(inbound.open_rtp(&mut packet, RTP_HEADER_BYTES), Ok(opened));
        assert_eq!(packet[..plain.len()], plain);
    }
    let (plain, protected) = (hex(RTCP), hex(control));
    let mut packet = Vec::new();
    for _ in 0..=2 {
        packet.clone_from(&plain);
        assert_eq!(outbound.seal_rtcp(&mut packet), Ok(()));
    }
    assert_eq!(packet, protected);
    assert_eq!(inbound.open_rtcp(&mut packet), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn libsrtp_packets_under_aes_cm_128_hmac_sha1_80_are_ours() {
    opens_and_makes(
        Profile::Aes128CmHmacSha1_80,
        "90e0ffff000003e8cafebabebede000110420000 01bb2150016ca938dab09259b2aa10ff51dca507641b1382
         aa21169fced51e2c3065cf95fd3cdbbebc2fa6e3c698a14d5454",
        "90e00000000003e8cafebabebede000110420000 c803cf8c1c27ac0344dfc7bbd4512b4d68e9d8741fc4da94
         a6ce8c432e9da5b070a4caecfba1c127e65556e62de93801f55c",
        "80c80006cafebabe 9a7aff5db65e211ecc6e3d53977275b589e9e7fd 80000002 d1d98ddcf79b49353dc8",
    );
}

#[test]
fn libsrtp_packets_under_aead_aes_128_gcm_are_ours() {
    opens_and_makes(
        Profile::AeadAes128Gcm,
        "90e0ffff000003e8cafebabebede000110420000 7f3e18a6b26d267c0d615a3c3de34868dc9d0a2c309c9c03
         e2b4f187875730df8482f631842d2f44 1a550e39618c538cf6535724cfd38999",
        "90e00000000003e8cafebabebede000110420000 14c6c456b862b8b22a3dd68be1e637ec1145d1db5952a179
         86aa728c5fbe39f4e0fb315338b32166 45da080141f28b609d4c65c91d6f4499",
        "80c80006cafebabe 3ee2fb31aee58f2a95ab482491b4cb94df426065 792341ef7c02d3e75d93fb034c0339ff
         80000002",
    );
}

#[test]
fn libsrtp_packets_under_aead_aes_256_gcm_are_ours() {
    opens_and_makes(
        Profile::AeadAes256Gcm,
        "90e0ffff000003e8cafebabebede000110420000 59c53c31e8e3cf97c9852f688f66354008f5cd469ab77208
         fd09f03312efbbf1d5bfe4c55ab62198 da8be0496340ff7175937b3dde884085",
        "90e00000000003e8cafebabebede000110420000 bb534e222cd82901f1aca8a826b37cee612374fe45d4251a
         20c53a228c63033553d0d1d7a99115cc cd1e00f9f6076cce48862752e2014f79",
        "80c80006cafebabe 9a92d8d06c932f5ab152a6bc3103436cdc92e796 33d7ee0bfeb1e388a875e5aaa3cb9f9a
         80000002",
    );
}
