//! Datagrams from somebody who is not the client.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::conversation::{Conversation, VERSIONS};

/// Bytes that begin like a DTLS record of some type, version and epoch.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let content_type = select(&[20u8, 21, 22, 23, 24, 25, 26, 0x2c, 0x2f, 0x3f][..]);
    let version = select(&[[0xfe, 0xfd], [0xfe, 0xff], [0xfe, 0xfc], [3, 3]][..]);
    (content_type, version, 0u8..4, any::<[u8; 6]>(), vec(any::<u8>(), 0..300)).prop_map(
        |(content_type, version, epoch, number, body)| {
            let mut bytes = vec![content_type, version[0], version[1], 0, epoch];
            bytes.extend(number);
            bytes.extend((body.len() as u16).to_be_bytes());
            bytes.extend(body);
            bytes
        },
    )
}

fn junk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![record(), vec(any::<u8>(), 0..300)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn junk_never_connects(datagrams in vec(junk(), 1..20), version in select(&VERSIONS[..])) {
        let mut conversation = Conversation::announced(version);
        for datagram in datagrams {
            conversation.server.dtls.handle(conversation.now, &datagram).ok();
            conversation.server.poll();
        }
        prop_assert!(conversation.server.learned.keys.is_none());
        prop_assert!(conversation.server.learned.data.is_empty());
    }

    #[test]
    fn junk_does_not_end_an_association_that_stands(
        datagrams in vec(junk(), 1..60),
        version in select(&VERSIONS[..]),
    ) {
        let mut conversation = Conversation::connected(version);
        for datagram in datagrams {
            conversation.server.dtls.handle(conversation.now, &datagram).ok();
            conversation.server.poll();
        }
        conversation.client.send(b"still here");
        conversation.exchange(&mut |_| true);
        prop_assert!(!conversation.server.learned.closed);
        prop_assert_eq!(&conversation.server.learned.data, &[b"still here"]);
    }

    /// Copies of the client's own first datagrams with a byte changed come first. They may end the
    /// handshake, as whoever can read them could in other ways; nothing else.
    #[test]
    fn spoiled_copies_of_a_handshake_do_not_panic_nor_give_wrong_keys(
        version in select(&VERSIONS[..]),
        changes in vec((any::<Index>(), any::<u8>()), 1..8),
    ) {
        let mut conversation = Conversation::announced(version);
        for _ in 0..4 {
            for packet in conversation.client.poll() {
                for (place, value) in &changes {
                    let mut spoiled = packet.clone();
                    spoiled[place.index(packet.len())] ^= value;
                    conversation.server.dtls.handle(conversation.now, &spoiled).ok();
                    conversation.server.poll();
                }
                conversation.server.dtls.handle(conversation.now, &packet).ok();
            }
            for packet in conversation.server.poll() {
                conversation.client.handle(&packet);
            }
        }
        let (client, server) = (&conversation.client.learned, &conversation.server.learned);
        if server.keys.is_some() {
            prop_assert!(client.keys.is_some());
        }
    }
}
