//! What is never believed and never answered.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};

use super::super::{Failure, Refused};
use super::conversation::{Conversation, VERSIONS, Version};

fn digests(der: &[u8]) -> [Vec<u8>; 4] {
    [&SHA1_FOR_LEGACY_USE_ONLY, &SHA256, &SHA384, &SHA512]
        .map(|algorithm| digest(algorithm, der).as_ref().to_vec())
}

/// Runs a handshake in which signalling announced `fingerprints`.
fn outcome(version: Version, fingerprints: &[(&str, &[u8])]) -> Conversation {
    let mut conversation = Conversation::new(version);
    conversation.server.dtls.set_fingerprints(fingerprints.iter().copied());
    conversation.run(&mut |_| true);
    conversation
}

#[test]
fn a_certificate_that_was_not_announced_gives_no_keys_and_no_further_packet() {
    for version in VERSIONS {
        let mut conversation = outcome(version, &[("sha-256", &[7; 32])]);
        assert_eq!(conversation.server.learned.failure, Some(Failure::Fingerprint));
        assert!(conversation.server.learned.keys.is_none());
        assert!(conversation.server.poll().is_empty());
        let refused = conversation.server.dtls.handle(conversation.now, &[22; 40]);
        assert_eq!(refused, Err(Refused::Over));
    }
}

#[test]
fn nothing_is_answered_before_a_fingerprint_is_known_and_all_is_well_after() {
    for version in VERSIONS {
        let mut conversation = Conversation::new(version);
        for packet in conversation.client.poll() {
            let refused = conversation.server.dtls.handle(conversation.now, &packet);
            assert_eq!(refused, Err(Refused::NoFingerprint));
        }
        assert!(conversation.server.poll().is_empty());
        conversation.announce();
        conversation.run(&mut |_| true);
        assert!(conversation.server.learned.keys.is_some());
    }
}

#[test]
fn any_of_several_fingerprints_and_any_strong_function_will_do() {
    let der = Conversation::new(Version::Both).client.certificate;
    let [sha1, sha256, sha384, sha512] = digests(&der);
    for announced in [
        &[("sha-256", &[1; 32][..]), ("sha-256", &sha256[..])][..],
        &[("SHA-384", &sha384[..])],
        &[("sha-512", &sha512[..]), ("sha-1", &sha1[..])],
        &[("sha-256", &[1; 32][..]), ("sha-512", &sha512[..])],
    ] {
        assert!(outcome(Version::Both, announced).server.learned.keys.is_some());
    }
}

/// RFC 8122 section 5: a weaker function does not make up for a stronger one that does not match.
#[test]
fn only_the_strongest_announced_function_counts() {
    let der = Conversation::new(Version::Both).client.certificate;
    let [_, sha256, ..] = digests(&der);
    let conversation = outcome(Version::Both, &[("sha-256", &sha256), ("sha-512", &[1; 64])]);
    assert_eq!(conversation.server.learned.failure, Some(Failure::Fingerprint));
}

#[test]
fn sha_1_and_digests_of_a_wrong_length_are_no_fingerprints() {
    let der = Conversation::new(Version::Both).client.certificate;
    let [sha1, sha256, ..] = digests(&der);
    let mut conversation = Conversation::new(Version::Both);
    let useless = [("sha-1", &sha1[..]), ("sha-256", &sha256[..31]), ("md5", &[0; 16])];
    conversation.server.dtls.set_fingerprints(useless);
    let refused = conversation.server.dtls.handle(conversation.now, &[22; 40]);
    assert_eq!(refused, Err(Refused::NoFingerprint));
}

#[test]
fn a_client_that_falls_silent_fails_after_20_s() {
    for version in VERSIONS {
        let mut conversation = Conversation::announced(version);
        let before = conversation.now;
        let hello = conversation.client.poll();
        for packet in hello {
            conversation.server.dtls.handle(conversation.now, &packet).expect("let in");
        }
        while conversation.server.learned.failure.is_none() {
            conversation.server.poll();
            let end = conversation.now;
            conversation.pass_time(end);
        }
        assert_eq!(conversation.server.learned.failure, Some(Failure::Timeout));
        assert_eq!(conversation.now.saturating_since(before).as_secs(), 20);
    }
}

#[test]
fn an_association_closed_before_it_began_says_nothing() {
    let mut conversation = Conversation::announced(Version::Both);
    conversation.server.dtls.close();
    assert!(conversation.server.poll().is_empty());
    assert_eq!(conversation.server.dtls.handle(conversation.now, &[22; 40]), Err(Refused::Over));
    assert_eq!(conversation.server.learned.failure, None);
    assert!(!conversation.server.learned.closed);
}

#[test]
fn a_waiting_association_makes_no_engine_for_anything_but_a_handshake() {
    let mut conversation = Conversation::announced(Version::Both);
    for content_type in (20..64).filter(|content_type| *content_type != 22) {
        let refused = conversation.server.dtls.handle(conversation.now, &[content_type; 40]);
        assert_eq!(refused, Err(Refused::NotHandshake));
    }
    assert_eq!(conversation.server.dtls.handle(conversation.now, &[]), Err(Refused::NotHandshake));
}

#[test]
fn nothing_secret_can_be_printed() {
    let conversation = Conversation::connected(Version::Both);
    let printed = format!("{:?}", conversation.server.dtls);
    assert_eq!(printed, "Dtls { .. }");
}
