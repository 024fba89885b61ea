//! STUN against the test vectors of RFC 5769, and properties of parser and writers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use datapath_wire::stun::{self, Builder, Class, Error, Message, Method, TransactionId, kind};
use proptest::prelude::*;
use std::net::SocketAddr;

/// RFC 5769 section 2: the password of all three vectors, and their transaction id.
const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION_ID: TransactionId =
    TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

/// RFC 5769 section 2.1.
#[rustfmt::skip]
const REQUEST: &[u8] = &[
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42,
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74,
    0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36,
    0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20,
    0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
    0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2,
    0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];

/// RFC 5769 section 2.2.
#[rustfmt::skip]
const RESPONSE_IPV4: &[u8] = &[
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42,
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20,
    0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74,
    0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7,
    0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
];

/// RFC 5769 section 2.3.
#[rustfmt::skip]
const RESPONSE_IPV6: &[u8] = &[
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42,
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20,
    0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79,
    0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
    0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84,
    0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41,
    0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
];

fn written(build: impl FnOnce(Builder<'_>) -> Result<(), stun::TooLong>) -> Vec<u8> {
    let mut out = Vec::new();
    build(Builder::new(&mut out, Class::Request, Method::Binding, TRANSACTION_ID)).unwrap();
    out
}

#[test]
fn request_of_rfc_5769_section_2_1_is_read() {
    let message = Message::parse(REQUEST).unwrap();
    assert_eq!(message.class(), Class::Request);
    assert_eq!(message.method(), Method::Binding);
    assert_eq!(message.transaction_id(), TRANSACTION_ID);
    assert_eq!(message.value(kind::SOFTWARE), Some(&b"STUN test client"[..]));
    assert_eq!(message.priority(), Some(0x6e00_01ff));
    assert_eq!(message.controlled(), Some(0x932f_f9b1_5126_3b36));
    assert_eq!(message.controlling(), None);
    assert_eq!(message.username(), Some(("evtj", "h6vY")));
    assert!(!message.use_candidate());
    assert!(message.integrity_ok(PASSWORD));
    assert!(!message.integrity_ok(b"another"));
    assert_eq!(message.fingerprint_ok(), Some(true));
    assert_eq!(message.unknown_required().count(), 0);
}

#[test]
fn responses_of_rfc_5769_sections_2_2_and_2_3_are_read() {
    let ipv4 = Message::parse(RESPONSE_IPV4).unwrap();
    let ipv6 = Message::parse(RESPONSE_IPV6).unwrap();
    let mapped = "[2001:db8:1234:5678:11:2233:4455:6677]:32853";
    assert_eq!(ipv4.mapped_address(), Some("192.0.2.1:32853".parse().unwrap()));
    assert_eq!(ipv6.mapped_address(), Some(mapped.parse().unwrap()));
    for message in [ipv4, ipv6] {
        assert_eq!(message.class(), Class::Success);
        assert!(message.integrity_ok(PASSWORD));
        assert_eq!(message.fingerprint_ok(), Some(true));
    }
}

#[test]
fn any_changed_bit_of_a_vector_is_noticed() {
    for vector in [REQUEST, RESPONSE_IPV4, RESPONSE_IPV6] {
        for bit in 0..vector.len() * 8 {
            let mut changed = vector.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let accepted = Message::parse(&changed).is_ok_and(|message| {
                message.integrity_ok(PASSWORD) && message.fingerprint_ok() == Some(true)
            });
            assert!(!accepted, "bit {bit}");
        }
    }
}

#[test]
fn attributes_after_message_integrity_are_ignored_except_fingerprint() {
    let bytes = written(|builder| {
        builder
            .integrity(PASSWORD)
            .attribute(kind::USE_CANDIDATE, &[])
            .attribute(kind::USERNAME, b"a:b")
            .attribute(kind::PRIORITY, &[1])
            .attribute(0x7777, &[])
            .finish_with_fingerprint()
    });
    let message = Message::parse(&bytes).unwrap();
    assert!(message.integrity_ok(PASSWORD));
    assert_eq!(message.fingerprint_ok(), Some(true));
    assert!(!message.use_candidate());
    assert_eq!(message.username(), None);
    assert_eq!(message.value(kind::USERNAME), None);
    assert_eq!(message.unknown_required().count(), 0);
}

#[test]
fn first_of_repeated_attributes_counts() {
    let bytes = written(|builder| {
        let builder = builder.attribute(kind::USERNAME, b"a:b");
        builder.attribute(kind::USERNAME, b"c:d").finish()
    });
    assert_eq!(Message::parse(&bytes).unwrap().username(), Some(("a", "b")));
}

#[test]
fn nothing_may_follow_fingerprint() {
    let mut bytes = written(|builder| builder.finish_with_fingerprint());
    bytes.extend_from_slice(&[0x80, 0x22, 0, 0]);
    bytes[3] += 4;
    assert_eq!(Message::parse(&bytes).unwrap_err(), Error::AfterFingerprint);
}

#[test]
fn username_is_utf_8_of_at_most_513_bytes() {
    let parse = |value: &[u8]| {
        let bytes = written(|builder| builder.attribute(kind::USERNAME, value).finish());
        Message::parse(&bytes).map(|message| message.username_text().unwrap().len())
    };
    let wrong = Err(Error::AttributeValue(kind::USERNAME));
    assert_eq!(parse(&[b'a'; 513]), Ok(513));
    assert_eq!(parse(&[b'a'; 514]), wrong);
    assert_eq!(parse(&[0xff]), wrong);
}

#[test]
fn known_attributes_of_a_wrong_length_are_refused() {
    for (kind, value) in [
        (kind::PRIORITY, &[0; 3][..]),
        (kind::NOMINATION, &[0; 8]),
        (kind::ICE_CONTROLLED, &[0; 4]),
        (kind::ICE_CONTROLLING, &[0; 9]),
        (kind::USE_CANDIDATE, &[0; 4]),
        (kind::MESSAGE_INTEGRITY, &[0; 32]),
        (kind::FINGERPRINT, &[0; 8]),
    ] {
        let bytes = written(|builder| builder.attribute(kind, value).finish());
        assert_eq!(Message::parse(&bytes).unwrap_err(), Error::AttributeValue(kind));
    }
}

#[test]
fn headers_that_are_not_stun_are_refused() {
    let valid = written(|builder| builder.finish());
    let with = |at: usize, byte: u8| {
        let mut bytes = valid.clone();
        bytes[at] = byte;
        Message::parse(&bytes).unwrap_err()
    };
    assert_eq!(with(0, 0x40), Error::NotStun);
    assert_eq!(with(0, 0x04), Error::NotStun);
    assert_eq!(with(4, 0x20), Error::MagicCookie);
    assert_eq!(with(3, 2), Error::Length);
    assert_eq!(with(3, 4), Error::Length);
    assert_eq!(Message::parse(&valid[..19]).unwrap_err(), Error::Truncated);
}

#[test]
fn comprehension_required_attributes_without_a_meaning_are_listed() {
    let bytes = written(|builder| {
        let builder = builder.attribute(0x7777, &[1]).attribute(kind::PRIORITY, &[0; 4]);
        let builder = builder.attribute(0x8777, &[2]).attribute(kind::LIFETIME, &[0; 4]);
        builder.finish()
    });
    let message = Message::parse(&bytes).unwrap();
    let unknown: Vec<_> = message.unknown_required().collect();
    assert_eq!(unknown, [0x7777, kind::LIFETIME], "LIFETIME means nothing in a Binding request");
}

#[test]
fn renomination_carries_its_value() {
    let value = 7u32.to_be_bytes();
    let bytes = written(|builder| builder.attribute(kind::NOMINATION, &value).finish());
    assert_eq!(Message::parse(&bytes).unwrap().nomination(), Some(7));
}

#[test]
fn error_answer_without_a_password_has_no_integrity() {
    let mut out = Vec::new();
    let reason = "é".repeat(100);
    stun::write_binding_error(&mut out, TRANSACTION_ID, 400, &reason, None);
    let message = Message::parse(&out).unwrap();
    assert_eq!(message.class(), Class::Error);
    assert_eq!(message.error_code(), Some(400));
    assert_eq!(message.value(kind::ERROR_CODE).unwrap().len(), 4 + 126, "cut between characters");
    assert!(!message.has_integrity());
    assert_eq!(message.fingerprint_ok(), Some(true));
}

#[test]
fn error_answer_with_a_password_has_integrity() {
    let mut out = Vec::new();
    stun::write_binding_error(&mut out, TRANSACTION_ID, 487, "Role Conflict", Some(PASSWORD));
    let message = Message::parse(&out).unwrap();
    assert_eq!(message.error_code(), Some(487));
    assert!(message.integrity_ok(PASSWORD));
}

#[test]
fn unknown_attributes_are_named_in_the_answer() {
    let bytes = written(|builder| {
        builder.error_code(420, "Unknown Attribute").unknown_attributes([1, 2, 3]).finish()
    });
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.value(kind::UNKNOWN_ATTRIBUTES), Some(&[0, 1, 0, 2, 0, 3][..]));
}

#[test]
fn ipv4_mapped_address_is_written_as_ipv4() {
    let mut out = Vec::new();
    let mapped = "[::ffff:192.0.2.1]:5".parse().unwrap();
    stun::write_binding_success(&mut out, TRANSACTION_ID, mapped, PASSWORD);
    let answer = Message::parse(&out).unwrap();
    assert_eq!(answer.mapped_address(), Some("192.0.2.1:5".parse().unwrap()));
}

#[test]
fn message_that_is_too_long_leaves_the_buffer_as_it_was() {
    let mut out = vec![1, 2, 3];
    let value = vec![0; 40_000];
    let builder = Builder::new(&mut out, Class::Request, Method::Binding, TRANSACTION_ID);
    let builder = builder.attribute(kind::DATA, &value).attribute(kind::DATA, &value);
    assert_eq!(builder.integrity(PASSWORD).finish_with_fingerprint(), Err(stun::TooLong));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn debug_form_shows_no_username() {
    assert!(!format!("{:?}", Message::parse(REQUEST).unwrap()).contains("evtj"));
}

/// Bytes that are often nearly a message: right cookie and length, any attributes.
fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop_oneof![
        any::<u16>(),
        prop::sample::select(vec![
            kind::USERNAME,
            kind::MESSAGE_INTEGRITY,
            kind::FINGERPRINT,
            kind::PRIORITY,
            kind::XOR_MAPPED_ADDRESS,
            kind::ERROR_CODE,
        ]),
    ];
    let value = prop::collection::vec(any::<u8>(), 0..24);
    let attributes = prop::collection::vec((kinds, value, -3..3i16), 0..6);
    (any::<[u8; 2]>(), attributes).prop_map(|([t0, t1], attributes)| {
        let mut bytes = vec![t0 & 3, t1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend_from_slice(&[9; 12]);
        for (kind, value, lie) in attributes {
            bytes.extend_from_slice(&kind.to_be_bytes());
            let said = (value.len() as u16).wrapping_add_signed(if lie > 0 { lie } else { 0 });
            bytes.extend_from_slice(&said.to_be_bytes());
            bytes.extend_from_slice(&value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let length = (bytes.len() as u16 - 20).to_be_bytes();
        bytes[2..4].copy_from_slice(&length);
        bytes
    })
}

fn look_at_everything(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let _ = (message.username(), message.mapped_address(), message.error_code());
    let _ = (message.integrity_ok(PASSWORD), message.fingerprint_ok(), format!("{message:?}"));
    let _ = message.unknown_required().count();
    for attribute in message.attributes() {
        let value_at = attribute.offset + 4;
        assert_eq!(bytes[value_at..value_at + attribute.value.len()], *attribute.value);
    }
}

proptest! {
    #[test]
    fn parser_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        look_at_everything(&bytes);
    }

    #[test]
    fn parser_survives_what_is_nearly_a_message(bytes in nearly_a_message()) {
        look_at_everything(&bytes);
    }

    #[test]
    fn success_answers_are_read_back(
        id: [u8; 12],
        mapped: SocketAddr,
        password in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut out = Vec::new();
        stun::write_binding_success(&mut out, TransactionId(id), mapped, &password);
        let answer = Message::parse(&out).unwrap();
        let canonical = SocketAddr::new(mapped.ip().to_canonical(), mapped.port());
        prop_assert_eq!(answer.class(), Class::Success);
        prop_assert_eq!(answer.method(), Method::Binding);
        prop_assert_eq!(answer.transaction_id(), TransactionId(id));
        prop_assert_eq!(answer.mapped_address(), Some(canonical));
        prop_assert!(answer.integrity_ok(&password));
        prop_assert_eq!(answer.fingerprint_ok(), Some(true));
    }

    #[test]
    fn attributes_are_read_back_in_order(
        attributes in prop::collection::vec(
            (0x4000u16..0x8000, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
    ) {
        let bytes = written(|builder| {
            let mut builder = builder;
            for (kind, value) in &attributes {
                builder = builder.attribute(*kind, value);
            }
            builder.finish()
        });
        let message = Message::parse(&bytes).unwrap();
        let read: Vec<_> = message.attributes().map(|it| (it.kind, it.value.to_vec())).collect();
        prop_assert_eq!(read, attributes);
    }
}
