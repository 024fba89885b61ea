//! VP8 payload descriptors: the RFC's examples and properties.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use datapath_wire::vp8::{Descriptor, PictureId, Temporal};
use proptest::prelude::*;

/// The uncompressed header of a key frame of 640 x 480, RFC 6386 section 9.1.
const KEY_FRAME: [u8; 10] = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];

fn with_payload(descriptor: &[u8], payload: &[u8]) -> Vec<u8> {
    [descriptor, payload].concat()
}

#[test]
fn key_frame_and_its_size_are_seen() {
    let payload = with_payload(&[0x10], &KEY_FRAME);
    let descriptor = Descriptor::parse(&payload).unwrap();
    assert_eq!(descriptor.bytes, 1);
    assert!(descriptor.starts_frame());
    assert!(descriptor.starts_key_frame(&payload));
    assert_eq!(descriptor.key_frame_size(&payload), Some((640, 480)));
}

#[test]
fn other_frames_and_continuations_are_no_key_frames() {
    let delta = with_payload(&[0x10], &[0x11, 0, 0]);
    assert!(!Descriptor::parse(&delta).unwrap().starts_key_frame(&delta));
    for first in [0x00, 0x11] {
        let payload = with_payload(&[first], &KEY_FRAME);
        let descriptor = Descriptor::parse(&payload).unwrap();
        assert!(!descriptor.starts_key_frame(&payload));
        assert_eq!(descriptor.key_frame_size(&payload), None);
    }
    let nothing_follows = [0x10];
    assert!(!Descriptor::parse(&nothing_follows).unwrap().starts_key_frame(&nothing_follows));
}

#[test]
fn all_optional_fields_are_read() {
    let payload = [0xb0, 0xf0, 0x92, 0x34, 0x56, 0b1010_0111, 0xaa];
    let expected = Descriptor {
        non_reference: true,
        starts_partition: true,
        partition: 0,
        picture_id: Some(PictureId::Long(0x1234)),
        tl0_picture_index: Some(0x56),
        temporal: Some(Temporal { layer: 2, layer_sync: true }),
        key_index: Some(7),
        bytes: 6,
    };
    assert_eq!(Descriptor::parse(&payload), Some(expected));
}

#[test]
fn key_index_without_temporal_layer_still_takes_its_byte() {
    let descriptor = Descriptor::parse(&[0x90, 0x10, 0xe3]).unwrap();
    assert_eq!((descriptor.temporal, descriptor.key_index, descriptor.bytes), (None, Some(3), 3));
}

#[test]
fn descriptor_that_goes_beyond_the_end_is_none() {
    let whole = [0x90, 0xf0, 0x80, 0x01, 0x02, 0x40];
    for length in 0..whole.len() {
        assert_eq!(Descriptor::parse(&whole[..length]), None, "{length} bytes");
    }
    assert!(Descriptor::parse(&whole).is_some());
}

#[test]
fn rewriting_keeps_the_widths() {
    let mut short = [0x90, 0xc0, 0x05, 0x06, 0xaa];
    let descriptor = Descriptor::parse(&short).unwrap();
    assert!(descriptor.rewrite(&mut short, 0x1234, 9));
    assert_eq!(short, [0x90, 0xc0, 0x34, 9, 0xaa]);
    let mut long = [0x90, 0x80, 0x80, 0x05, 0xaa];
    let descriptor = Descriptor::parse(&long).unwrap();
    assert!(descriptor.rewrite(&mut long, 0x1234, 9));
    assert_eq!(long, [0x90, 0x80, 0x92, 0x34, 0xaa]);
    assert!(!descriptor.rewrite(&mut short, 1, 1), "another payload");
}

proptest! {
    #[test]
    fn rewriting_changes_nothing_else(
        mut payload in prop::collection::vec(any::<u8>(), 0..16),
        picture_id: u16,
        index: u8,
    ) {
        let Some(before) = Descriptor::parse(&payload) else {
            return Ok(());
        };
        prop_assert!(before.bytes <= payload.len());
        let original = payload.clone();
        prop_assert!(before.rewrite(&mut payload, picture_id, index));
        let after = Descriptor::parse(&payload).unwrap();
        let picture_id = before.picture_id.map(|it| match it {
            PictureId::Short(_) => PictureId::Short(picture_id as u8 & 0x7f),
            PictureId::Long(_) => PictureId::Long(picture_id & 0x7fff),
        });
        let tl0_picture_index = before.tl0_picture_index.map(|_| index);
        prop_assert_eq!(after, Descriptor { picture_id, tl0_picture_index, ..before });
        prop_assert_eq!(&payload[before.bytes..], &original[before.bytes..]);
    }
}
