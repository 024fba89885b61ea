//! Handshakes that come to an end.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::conversation::{Conversation, VERSIONS, Version};
use crate::srtp::{Inbound, Keys, MasterKey, Outbound, Profile};

/// A packet sealed with one side's idea of a key opens with the other's.
fn assert_same_key(writer: &MasterKey, reader: &MasterKey) {
    let (mut outbound, mut inbound) = (Outbound::new(writer), Inbound::new(reader));
    let mut packet = vec![0x80; 100];
    packet[2..4].copy_from_slice(&[0, 1]);
    assert_eq!(outbound.seal_rtp(&mut packet, 12, 1), Ok(()));
    assert!(inbound.open_rtp(&mut packet, 12).is_ok());
    let mut packet = vec![0x80; 100];
    assert_eq!(outbound.seal_rtcp(&mut packet), Ok(()));
    assert_eq!(inbound.open_rtcp(&mut packet), Ok(100));
}

fn assert_same_keys(client: Option<&Keys>, server: Option<&Keys>) {
    let client = client.expect("the client has keys");
    let server = server.expect("the server has keys");
    assert_same_key(&client.client, &server.client);
    assert_same_key(&server.server, &client.server);
}

#[test]
fn both_sides_have_the_same_srtp_keys_in_dtls_12_and_13() {
    for version in VERSIONS {
        let conversation = Conversation::connected(version);
        let (client, server) = (&conversation.client.learned, &conversation.server.learned);
        assert_same_keys(client.keys.as_ref(), server.keys.as_ref());
    }
}

/// What the crate chooses when a client offers all. A change here is a change of what a packet
/// costs.
#[test]
fn aes_256_gcm_is_chosen_when_all_profiles_are_offered() {
    let conversation = Conversation::connected(Version::Both);
    let profile = conversation.server.learned.keys.map(|keys| keys.profile());
    assert_eq!(profile, Some(Profile::AeadAes256Gcm));
}

#[test]
fn a_handshake_without_loss_takes_no_time() {
    for version in VERSIONS {
        let conversation = Conversation::announced(version);
        let before = conversation.now;
        assert_eq!(Conversation::connected(version).now, before);
    }
}

#[test]
fn our_lost_flight_is_sent_again_after_100_ms() {
    for version in VERSIONS {
        let mut conversation = Conversation::announced(version);
        let before = conversation.now;
        let hello = conversation.client.poll();
        for packet in hello {
            conversation.server.dtls.handle(conversation.now, &packet).expect("let in");
        }
        assert!(!conversation.server.poll().is_empty());
        conversation.client.poll();
        conversation.pass_time(before);
        let waited = conversation.now.saturating_since(before);
        let expected = Duration::from_millis(75)..=Duration::from_millis(125);
        assert!(expected.contains(&waited), "{waited:?}");
        assert!(!conversation.server.poll().is_empty());
    }
}

#[test]
fn application_data_passes_both_ways() {
    for version in VERSIONS {
        let mut conversation = Conversation::connected(version);
        conversation.client.send(b"up");
        conversation.server.dtls.send(b"down").expect("connected");
        conversation.exchange(&mut |_| true);
        assert_eq!(conversation.server.learned.data, [b"up"]);
        assert_eq!(conversation.client.learned.data, [b"down"]);
    }
}

#[test]
fn the_clients_close_notify_is_reported_once_and_answered() {
    for version in VERSIONS {
        let mut conversation = Conversation::connected(version);
        conversation.client.close();
        conversation.exchange(&mut |_| true);
        assert!(conversation.server.learned.closed);
        assert!(!conversation.server.dtls.is_connected());
    }
}

#[test]
fn our_close_notify_reaches_the_client() {
    for version in VERSIONS {
        let mut conversation = Conversation::connected(version);
        conversation.server.dtls.close();
        conversation.exchange(&mut |_| true);
        assert!(conversation.client.learned.closed);
        assert!(!conversation.server.learned.closed);
        assert!(conversation.server.dtls.send(b"late").is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn losing_any_of_the_first_packets_only_costs_time(
        version in select(&VERSIONS[..]),
        lost in vec(prop::bool::weighted(0.3), 7),
    ) {
        let mut conversation = Conversation::announced(version);
        conversation.run(&mut |packet| !lost.get(packet).copied().unwrap_or(false));
        let (client, server) = (&conversation.client.learned, &conversation.server.learned);
        prop_assert_eq!(server.failure, None);
        assert_same_keys(client.keys.as_ref(), server.keys.as_ref());
    }
}
