//! RTP headers, header extensions, sequence numbers: examples and properties.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use datapath_wire::extension::{self, AudioLevel, Form, WriteError, Writer};
use datapath_wire::rtp::{Error, Extension, Header, Packet};
use datapath_wire::sequence::Extender;
use proptest::prelude::*;

const HEADER: Header = Header {
    marker: true,
    payload_type: 96,
    sequence_number: 0x1234,
    timestamp: 0x5678_9abc,
    ssrc: 0xdead_beef,
    has_extension: false,
    has_padding: false,
};

fn packet(header: Header, csrcs: &[[u8; 4]], rest: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 12 + 4 * csrcs.len()];
    assert_eq!(header.write(csrcs, &mut out), Some(out.len()));
    out.extend_from_slice(rest);
    out
}

#[test]
fn fixed_header_is_that_of_rfc_3550_section_5_1() {
    let bytes = packet(HEADER, &[], b"payload");
    let expected = [0x80, 0xe0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xad, 0xbe, 0xef];
    assert_eq!(bytes[..12], expected);
    let parsed = Packet::parse(&bytes).unwrap();
    assert_eq!(parsed.header_bytes, 12);
    assert_eq!(parsed.payload(&bytes), b"payload");
    assert_eq!(parsed.padding_bytes(&bytes), Ok(0));
}

#[test]
fn csrcs_and_extension_belong_to_the_header() {
    let header = Header { has_extension: true, ..HEADER };
    let rest = [0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0, 0xaa];
    let bytes = packet(header, &[[1; 4], [2; 4]], &rest);
    let parsed = Packet::parse(&bytes).unwrap();
    let block = Extension { profile: 0xbede, offset: 24, bytes: 4 };
    assert_eq!(parsed.extension, Some(block));
    assert_eq!(parsed.csrcs(&bytes), [[1; 4], [2; 4]]);
    assert_eq!(parsed.header_bytes, 28);
    assert_eq!(parsed.payload(&bytes), [0xaa]);
    assert_eq!(parsed.elements(&bytes).collect::<Vec<_>>(), [(1, &[0x55][..])]);
}

#[test]
fn header_that_goes_beyond_the_end_is_truncated() {
    let with_extension = Header { has_extension: true, ..HEADER };
    let block = [0xbe, 0xde, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    let whole = packet(with_extension, &[[1; 4]], &block);
    for length in 0..whole.len() {
        assert_eq!(Packet::parse(&whole[..length]), Err(Error::Truncated), "{length} bytes");
    }
    assert!(Packet::parse(&whole).is_ok());
}

#[test]
fn another_version_is_refused() {
    for first in [0x00, 0x40, 0xc0] {
        assert_eq!(Packet::parse(&[first; 20]), Err(Error::Version));
    }
}

#[test]
fn padding_must_fit_the_payload() {
    let header = Header { has_padding: true, ..HEADER };
    let padding = |payload: &[u8]| {
        let bytes = packet(header, &[], payload);
        Packet::parse(&bytes).unwrap().padding_bytes(&bytes)
    };
    assert_eq!(padding(&[9, 0, 2]), Ok(2));
    assert_eq!(padding(&[0, 0, 3]), Ok(3), "a packet of padding only");
    assert_eq!(padding(&[0, 0, 4]), Err(Error::Padding));
    assert_eq!(padding(&[1, 1, 0]), Err(Error::Padding));
    assert_eq!(padding(&[]), Err(Error::Padding));
}

#[test]
fn header_does_not_write_beyond_its_space_or_count() {
    assert_eq!(HEADER.write(&[], &mut [0; 11]), None);
    assert_eq!(HEADER.write(&[[0; 4]], &mut [0; 15]), None);
    assert_eq!(HEADER.write(&[[0; 4]; 16], &mut [0; 100]), None);
}

#[test]
fn one_byte_elements_end_at_identifier_15_and_skip_padding() {
    let block = [0x10, 0xaa, 0, 0, 0x21, 1, 2, 0, 0xf0, 9, 0x30, 9];
    let elements: Vec<_> = extension::elements(0xbede, &block).collect();
    assert_eq!(elements, [(1, &[0xaa][..]), (2, &[1, 2])]);
}

#[test]
fn identifier_0_with_a_length_ends_a_one_byte_block() {
    let block = [0x10, 0xaa, 0x01, 5, 5, 0x20, 1];
    assert_eq!(extension::elements(0xbede, &block).count(), 1);
}

#[test]
fn two_byte_elements_may_be_empty_and_have_any_application_bits() {
    let block = [1, 0, 0, 15, 2, 7, 8, 0];
    for profile in 0x1000..=0x100f {
        let elements: Vec<_> = extension::elements(profile, &block).collect();
        assert_eq!(elements, [(1, &[][..]), (15, &[7, 8])]);
    }
    for profile in [0x0fff, 0x1010, 0] {
        assert_eq!(extension::elements(profile, &block).count(), 0);
    }
}

#[test]
fn element_beyond_the_end_of_its_block_is_none() {
    assert_eq!(extension::elements(0xbede, &[0x10, 1, 0x23, 1]).count(), 1);
    assert_eq!(extension::elements(0x1000, &[1, 1, 1, 2, 3, 0]).count(), 1);
    assert_eq!(extension::elements(0x1000, &[1]).count(), 0);
}

#[test]
fn identifier_0_is_never_found() {
    assert_eq!(extension::elements(0xbede, &[0, 0, 0, 0]).find(0), None);
    assert_eq!(extension::elements(0xbede, &[0x10, 7]).find(1), Some(&[7][..]));
}

#[test]
fn block_without_elements_is_not_written() {
    let mut out = [7; 8];
    assert_eq!(extension::write(&[], &mut out), Ok(0));
    assert_eq!(out, [7; 8]);
}

#[test]
fn writer_refuses_what_its_form_or_space_cannot_carry() {
    let mut out = [0; 8];
    let mut writer = Writer::new(&mut out, Form::OneByte);
    for (id, data) in [(0, &[1][..]), (15, &[1]), (1, &[]), (1, &[0; 17])] {
        assert_eq!(writer.push(id, data), Err(WriteError::Form));
    }
    assert_eq!(writer.push(1, &[0; 4]), Err(WriteError::Space));
    assert_eq!(writer.push(1, &[1, 2]), Ok(()));
    assert_eq!(writer.push(2, &[3]), Err(WriteError::Space));
    assert_eq!(writer.finish(), 8);
    assert_eq!(out, [0xbe, 0xde, 0, 1, 0x11, 1, 2, 0]);
}

#[test]
fn mid_is_text_and_rid_is_a_token() {
    assert_eq!(extension::mid(b"0"), Some("0"));
    assert_eq!(extension::mid(b""), None);
    assert_eq!(extension::mid(&[0xff]), None);
    assert_eq!(extension::rid(b"q-1_x"), Some("q-1_x"));
    assert_eq!(extension::rid(b"q 1"), None);
}

#[test]
fn abs_send_time_is_6_18_fixed_point_seconds() {
    assert_eq!(extension::abs_send_time_bytes(0), [0, 0, 0]);
    assert_eq!(extension::abs_send_time_bytes(1_000_000_000), [0x04, 0, 0]);
    assert_eq!(extension::abs_send_time_bytes(1_500_000_000), [0x06, 0, 0]);
    assert_eq!(extension::abs_send_time_bytes(64_000_000_000), [0, 0, 0]);
    assert_eq!(extension::abs_send_time(&[1, 2, 3]), Some(0x01_0203));
}

#[test]
fn first_sequence_number_is_in_cycle_one_and_older_ones_still_have_a_number() {
    let mut extender = Extender::new();
    assert_eq!(extender.extend(1), 65537);
    assert_eq!(extender.extend(65535), 65535);
    assert_eq!(extender.highest(), Some(65537));
    assert_eq!(extender.extend(2), 65538);
}

fn elements() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let any_form = (1u8.., prop::collection::vec(any::<u8>(), 0..40));
    let one_byte = (1..15u8, prop::collection::vec(any::<u8>(), 1..=16));
    prop_oneof![prop::collection::vec(any_form, 0..8), prop::collection::vec(one_byte, 0..8),]
}

proptest! {
    #[test]
    fn header_is_read_back(
        fields: (bool, u8, u16, u32, u32, bool),
        csrcs in prop::collection::vec(any::<[u8; 4]>(), 0..=15),
        payload in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let (marker, payload_type, sequence_number, timestamp, ssrc, has_padding) = fields;
        let payload_type = payload_type & 0x7f;
        let header = Header {
            marker, payload_type, sequence_number, timestamp, ssrc, has_extension: false, has_padding,
        };
        let bytes = packet(header, &csrcs, &payload);
        let parsed = Packet::parse(&bytes).unwrap();
        let read = Header {
            marker: parsed.marker,
            payload_type: parsed.payload_type,
            sequence_number: parsed.sequence_number,
            timestamp: parsed.timestamp,
            ssrc: parsed.ssrc,
            has_extension: parsed.extension.is_some(),
            has_padding: parsed.has_padding,
        };
        prop_assert_eq!(read, header);
        prop_assert_eq!(parsed.csrcs(&bytes), &csrcs[..]);
        prop_assert_eq!(parsed.payload(&bytes), &payload[..]);
    }

    #[test]
    fn what_parses_has_its_offsets_inside(mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x3f | 0x80;
        }
        if let Ok(parsed) = Packet::parse(&bytes) {
            prop_assert!(parsed.header_bytes <= bytes.len());
            prop_assert!(parsed.elements(&bytes).map(|(_, data)| data.len()).sum::<usize>() <= bytes.len());
            if let Ok(padding) = parsed.padding_bytes(&bytes) {
                prop_assert!(parsed.header_bytes + padding <= bytes.len());
            }
            // A shorter packet than the one that was parsed must not be a reason to panic.
            let _ = (parsed.csrcs(&bytes[..3]), parsed.elements(&[]).count(), parsed.payload(&[]));
        }
    }

    #[test]
    fn extension_blocks_are_read_back(elements in elements()) {
        let borrowed: Vec<_> = elements.iter().map(|(id, data)| (*id, &data[..])).collect();
        let mut out = [0xff; 512];
        let bytes = extension::write(&borrowed, &mut out).unwrap();
        prop_assert_eq!(bytes % 4, 0);
        if bytes > 0 {
            let profile = u16::from_be_bytes([out[0], out[1]]);
            let words = usize::from(u16::from_be_bytes([out[2], out[3]]));
            prop_assert_eq!(Form::of_profile(profile), Some(Form::for_elements(borrowed.iter().copied())));
            prop_assert_eq!(4 + 4 * words, bytes);
            let read: Vec<_> = extension::elements(profile, &out[4..bytes]).collect();
            prop_assert_eq!(read, borrowed);
        } else {
            prop_assert!(elements.is_empty());
        }
    }

    #[test]
    fn writer_stays_inside_any_space(elements in elements(), space in 0..64usize) {
        let borrowed: Vec<_> = elements.iter().map(|(id, data)| (*id, &data[..])).collect();
        let mut out = vec![0; space];
        match extension::write(&borrowed, &mut out) {
            Ok(bytes) => prop_assert!(bytes <= space),
            Err(error) => prop_assert_eq!(error, WriteError::Space),
        }
    }

    #[test]
    fn elements_of_any_bytes_lie_inside(profile: u16, two_byte: bool, block in prop::collection::vec(any::<u8>(), 0..64)) {
        let profile = if two_byte { profile & 0xf | 0x1000 } else { 0xbede };
        let total: usize = extension::elements(profile, &block).map(|(_, data)| data.len() + 1).sum();
        prop_assert!(total <= block.len());
    }

    #[test]
    fn audio_level_is_read_back(voice: bool, minus_dbov in 0..128u8) {
        let level = AudioLevel { voice, minus_dbov };
        prop_assert_eq!(AudioLevel::parse(&level.to_bytes()), Some(level));
    }

    #[test]
    fn transport_cc_is_read_back(number: u16) {
        prop_assert_eq!(extension::transport_cc(&extension::transport_cc_bytes(number)), Some(number));
    }

    #[test]
    fn abs_send_time_is_within_its_resolution(time_ns: u64) {
        let fixed = u64::from(extension::abs_send_time(&extension::abs_send_time_bytes(time_ns)).unwrap());
        let back_ns = (fixed * 1_000_000_000) >> 18;
        prop_assert!(time_ns % 64_000_000_000 - back_ns <= 3_815);
    }

    /// Any walk whose steps stay within half a cycle of the highest number is followed exactly.
    #[test]
    fn extender_follows_any_walk_within_half_a_cycle(
        start: u16,
        steps in prop::collection::vec(-0x8000i64..0x8000, 1..200),
    ) {
        let mut extender = Extender::new();
        let mut highest = extender.extend(start);
        prop_assert_eq!(highest, 0x1_0000 + u64::from(start));
        for step in steps {
            let truth = highest.wrapping_add_signed(step);
            prop_assert_eq!(extender.extend(truth as u16), truth);
            highest = highest.max(truth);
            prop_assert_eq!(extender.highest(), Some(highest));
        }
    }
}
