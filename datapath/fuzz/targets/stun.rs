//! STUN: what parses lies inside its bytes, is rebuilt to the same attributes, and can be signed.
#![no_main]

use datapath_wire::stun::{Builder, HEADER_BYTES, MAGIC_COOKIE, Message, kind};
use libfuzzer_sys::fuzz_target;

const KEY: &[u8] = b"a key of the fuzzer";

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // Bytes do not often have a right cookie and length by chance.
    check(&with_header(bytes));
});

fn with_header(bytes: &[u8]) -> Vec<u8> {
    let mut message = bytes.to_vec();
    message.resize(bytes.len().next_multiple_of(4).max(HEADER_BYTES), 0);
    let length = (message.len() - HEADER_BYTES) as u16;
    message[0] &= 0x03;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    message
}

fn check(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let mut end = HEADER_BYTES;
    for attribute in message.attributes() {
        assert_eq!(attribute.offset, end, "attributes are adjacent");
        let value_at = attribute.offset + 4;
        end = value_at + attribute.value.len().next_multiple_of(4);
        assert_eq!(&bytes[value_at..value_at + attribute.value.len()], attribute.value);
    }
    assert!(end <= bytes.len());
    check_accessors(&message);
    check_rebuilt(&message);
}

fn check_accessors(message: &Message<'_>) {
    if let (Some((local, remote)), Some(text)) = (message.username(), message.username_text()) {
        assert_eq!(format!("{local}:{remote}"), text);
        assert!(text.len() <= 513);
    }
    assert!(message.unknown_required().all(|kind| kind < 0x8000));
    assert!(message.error_code().is_none_or(|code| (300..700).contains(&code)));
    assert!(message.has_integrity() || !message.integrity_ok(KEY));
    let _ = (message.mapped_address(), message.fingerprint_ok(), format!("{message:?}"));
}

/// The same attributes under our own integrity and fingerprint.
fn check_rebuilt(message: &Message<'_>) {
    let ours = [kind::MESSAGE_INTEGRITY, kind::FINGERPRINT];
    let kept = || message.attributes().filter(move |attribute| !ours.contains(&attribute.kind));
    let mut out = vec![0xee];
    let id = message.transaction_id();
    let mut builder = Builder::new(&mut out, message.class(), message.method(), id);
    for attribute in kept() {
        builder = builder.attribute(attribute.kind, attribute.value);
    }
    builder.integrity(KEY).finish_with_fingerprint().expect("no longer than what parsed, but 32");
    let rebuilt = Message::parse(&out[1..]).expect("a message of ours");
    let attributes = rebuilt.attributes().filter(|it| it.kind != kind::MESSAGE_INTEGRITY);
    assert!(attributes.map(|it| (it.kind, it.value)).eq(kept().map(|it| (it.kind, it.value))));
    assert_eq!(rebuilt.class(), message.class());
    assert_eq!(rebuilt.method(), message.method());
    assert_eq!(rebuilt.transaction_id(), id);
    assert_eq!(rebuilt.mapped_address(), message.mapped_address());
    assert!(rebuilt.integrity_ok(KEY) && !rebuilt.integrity_ok(b"another"));
    assert_eq!(rebuilt.fingerprint_ok(), Some(true));
}
