//! What is refused, by name, and what a refusal leaves unchanged.

use super::super::{Inbound, Keys, OpenError, Outbound, Profile, SealError};
use super::{keys, rtcp, rtp};

const PROFILE: Profile = Profile::AeadAes128Gcm;

fn pair() -> (Outbound, Inbound) {
    let keys = keys(PROFILE);
    (Outbound::new(&keys.server), Inbound::new(&keys.server))
}

fn sealed(outbound: &mut Outbound, ssrc: u32, index: u64) -> Vec<u8> {
    let mut packet = rtp(PROFILE, ssrc, index as u16, b"payload");
    assert_eq!(outbound.seal_rtp(&mut packet, 12, index), Ok(()));
    packet
}

#[test]
fn a_packet_of_the_other_side_is_not_authentic() {
    let keys = keys(PROFILE);
    let mut packet = sealed(&mut Outbound::new(&keys.server), 1, 1);
    let refused = Inbound::new(&keys.client).open_rtp(&mut packet, 12);
    assert_eq!(refused, Err(OpenError::Unauthentic));
}

#[test]
fn a_control_packet_that_comes_again_is_a_replay() {
    let (mut outbound, mut inbound) = pair();
    let mut packet = rtcp(1, b"body");
    assert_eq!(outbound.seal_rtcp(&mut packet), Ok(()));
    assert_eq!(inbound.open_rtcp(&mut packet.clone()), Ok(12));
    assert_eq!(inbound.open_rtcp(&mut packet), Err(OpenError::Replayed { index: 0 }));
}

#[test]
fn a_forged_duplicate_is_not_authentic_rather_than_a_replay() {
    let (mut outbound, mut inbound) = pair();
    let mut packet = sealed(&mut outbound, 1, 1);
    assert!(inbound.open_rtp(&mut packet.clone(), 12).is_ok());
    packet[12] ^= 1;
    assert_eq!(inbound.open_rtp(&mut packet, 12), Err(OpenError::Unauthentic));
}

#[test]
fn a_packet_may_be_1023_late_but_not_1024() {
    let (mut outbound, mut inbound) = pair();
    let mut late = sealed(&mut outbound, 1, 5000);
    let mut later = sealed(&mut outbound, 1, 4999);
    assert!(inbound.open_rtp(&mut sealed(&mut outbound, 1, 6023), 12).is_ok());
    assert_eq!(inbound.open_rtp(&mut later, 12), Err(OpenError::TooOld));
    assert_eq!(inbound.open_rtp(&mut late, 12).map(|opened| opened.index), Ok(5000));
}

#[test]
fn a_control_packet_without_the_e_flag_is_refused() {
    let (mut outbound, mut inbound) = pair();
    let mut packet = rtcp(1, b"body");
    assert_eq!(outbound.seal_rtcp(&mut packet), Ok(()));
    let word = packet.len() - 4;
    packet[word] &= 0x7f;
    assert_eq!(inbound.open_rtcp(&mut packet), Err(OpenError::Unencrypted));
}

#[test]
fn a_remote_may_use_256_ssrcs_and_keeps_them() {
    let (mut outbound, mut inbound) = pair();
    for ssrc in 0..256 {
        assert!(inbound.open_rtp(&mut sealed(&mut outbound, ssrc, 1), 12).is_ok());
    }
    let refused = inbound.open_rtp(&mut sealed(&mut outbound, 256, 1), 12);
    assert_eq!(refused, Err(OpenError::TooManySources));
    assert!(inbound.open_rtp(&mut sealed(&mut outbound, 255, 2), 12).is_ok());
}

#[test]
fn packets_too_short_for_their_tag_are_malformed() {
    let (mut outbound, mut inbound) = pair();
    assert_eq!(inbound.open_rtp(&mut [0x80; 27], 12), Err(OpenError::Malformed));
    assert_eq!(inbound.open_rtp(&mut [0x80; 40], 11), Err(OpenError::Malformed));
    assert_eq!(inbound.open_rtcp(&mut [0x80; 27]), Err(OpenError::Malformed));
    assert_eq!(outbound.seal_rtp(&mut [0; 27], 12, 0), Err(SealError::Malformed));
    assert_eq!(outbound.seal_rtcp(&mut vec![0x80; 7]), Err(SealError::Malformed));
}

#[test]
fn an_index_is_sealed_once_and_the_refused_packet_is_unchanged() {
    let (mut outbound, _) = pair();
    sealed(&mut outbound, 1, 5000);
    sealed(&mut outbound, 1, 4999);
    for spent in [5000, 4999, 3976] {
        let mut packet = rtp(PROFILE, 1, spent as u16, b"other");
        let before = packet.clone();
        assert_eq!(outbound.seal_rtp(&mut packet, 12, spent), Err(SealError::IndexSpent));
        assert_eq!(packet, before);
    }
    sealed(&mut outbound, 2, 5000);
}

#[test]
fn the_highest_sealed_index_of_an_ssrc_is_remembered() {
    let (mut outbound, _) = pair();
    assert_eq!(outbound.highest_index(1), None);
    sealed(&mut outbound, 1, 500);
    sealed(&mut outbound, 1, 499);
    assert_eq!(outbound.highest_index(1), Some(500));
}

#[test]
fn a_sequence_number_that_is_not_the_index_is_malformed() {
    let (mut outbound, _) = pair();
    let mut packet = rtp(PROFILE, 1, 5, b"");
    assert_eq!(outbound.seal_rtp(&mut packet, 12, 6), Err(SealError::Malformed));
}

#[test]
fn the_last_index_of_48_bits_is_the_last() {
    let (mut outbound, _) = pair();
    sealed(&mut outbound, 1, (1 << 48) - 1);
    let mut packet = rtp(PROFILE, 1, 0, b"");
    assert_eq!(outbound.seal_rtp(&mut packet, 12, 1 << 48), Err(SealError::KeyExhausted));
}

#[test]
fn keys_of_another_length_are_not_keys() {
    for profile in Profile::ALL {
        for bytes in [0, profile.exported_bytes() - 1, profile.exported_bytes() + 1] {
            assert!(Keys::from_exported(profile, &vec![0; bytes]).is_none());
        }
    }
}

#[test]
fn keys_cannot_be_printed() {
    let keys = keys(PROFILE);
    let (outbound, inbound) = (Outbound::new(&keys.server), Inbound::new(&keys.client));
    let master = "MasterKey { profile: AeadAes128Gcm, .. }";
    assert_eq!(format!("{keys:?}"), format!("Keys {{ client: {master}, server: {master} }}"));
    assert_eq!(format!("{outbound:?}"), "Outbound { .. }");
    assert_eq!(format!("{inbound:?}"), "Inbound { .. }");
}
