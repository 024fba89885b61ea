//! RTP: offsets lie inside the packet, the header is written back to the same bytes, extension
//! elements survive a round trip, extended sequence numbers stay near, VP8 rewrites touch nothing
//! else.
#![no_main]

use datapath_wire::extension::{self, Form};
use datapath_wire::rtp::{Header, Packet};
use datapath_wire::sequence::Extender;
use datapath_wire::{rtx, vp8};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check_packet(bytes);
    if let [first, rest @ ..] = bytes {
        // Most first bytes are no RTP.
        check_packet(&[&[first & 0x3f | 0x80], rest].concat());
    }
    check_block(extension::ONE_BYTE_PROFILE, bytes);
    check_block(extension::TWO_BYTE_PROFILE, bytes);
    check_sequence(bytes);
    check_vp8(bytes);
});

fn check_packet(bytes: &[u8]) {
    let Ok(packet) = Packet::parse(bytes) else {
        return;
    };
    assert!(packet.header_bytes <= bytes.len());
    assert_eq!(packet.payload(bytes).len(), bytes.len() - packet.header_bytes);
    if let Some(block) = packet.extension {
        assert_eq!(block.offset + block.bytes, packet.header_bytes);
        check_block(block.profile, &bytes[block.offset..packet.header_bytes]);
    }
    if let Ok(padding) = packet.padding_bytes(bytes) {
        assert!(packet.header_bytes + padding <= bytes.len());
        assert_eq!(padding > 0, packet.has_padding);
    }
    check_header(bytes, &packet);
    if let Some((_, original)) = rtx::parse(packet.payload(bytes)) {
        assert_eq!(original.len() + rtx::HEADER_BYTES, packet.payload(bytes).len());
    }
}

fn check_header(bytes: &[u8], packet: &Packet) {
    let header = Header {
        marker: packet.marker,
        payload_type: packet.payload_type,
        sequence_number: packet.sequence_number,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
        has_extension: packet.extension.is_some(),
        has_padding: packet.has_padding,
    };
    let mut out = [0; 12 + 4 * 15];
    let written = header.write(packet.csrcs(bytes), &mut out).expect("room for 15 CSRCs");
    assert_eq!(written, 12 + 4 * usize::from(packet.csrc_count));
    assert_eq!(out[..written], bytes[..written]);
}

fn check_block(profile: u16, block: &[u8]) {
    let elements: Vec<_> = extension::elements(profile, block).collect();
    let mut at = block.as_ptr() as usize;
    for (id, data) in &elements {
        assert!(*id > 0);
        let begins = data.as_ptr() as usize;
        assert!(begins >= at && begins + data.len() <= block.as_ptr() as usize + block.len());
        at = begins + data.len();
    }
    let mut out = vec![0; 2 * block.len() + 8];
    let written = extension::write(&elements, &mut out).expect("at most a byte more an element");
    if written == 0 {
        return assert!(elements.is_empty());
    }
    let written_profile = u16::from_be_bytes([out[0], out[1]]);
    assert_eq!(
        Form::of_profile(written_profile),
        Some(Form::for_elements(elements.iter().copied()))
    );
    assert!(extension::elements(written_profile, &out[4..written]).eq(elements));
}

fn check_sequence(bytes: &[u8]) {
    let mut extender = Extender::new();
    for pair in bytes.as_chunks().0 {
        let number = u16::from_be_bytes(*pair);
        let before = extender.highest();
        let extended = extender.extend(number);
        assert_eq!(extended as u16, number);
        assert!(before.is_none_or(|highest| highest.abs_diff(extended) <= 0x8000));
        assert_eq!(extender.highest(), before.max(Some(extended)));
    }
}

fn check_vp8(payload: &[u8]) {
    let Some(descriptor) = vp8::Descriptor::parse(payload) else {
        return;
    };
    assert!(descriptor.bytes <= payload.len() && descriptor.bytes <= 6);
    assert!(!descriptor.starts_key_frame(payload) || descriptor.starts_frame());
    let _ = descriptor.key_frame_size(payload);
    let mut rewritten = payload.to_vec();
    assert!(descriptor.rewrite(&mut rewritten, 0x5555, 0x55));
    let after = vp8::Descriptor::parse(&rewritten).expect("still a descriptor");
    assert_eq!(after.bytes, descriptor.bytes);
    assert_eq!(rewritten[after.bytes..], payload[after.bytes..]);
}
