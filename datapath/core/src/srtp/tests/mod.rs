//! Claims about SRTP as a whole: published vectors, another implementation's packets, and what
//! holds for all packets.

mod other_implementation;
mod properties;
mod refusals;
mod vectors;

use super::{Keys, Profile};

/// Bytes from hexadecimal digits; blanks do not count.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let value = |digit: u8| (digit as char).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

/// Keys of a transport, the same for the same profile.
fn keys(profile: Profile) -> Keys {
    let exported: Vec<u8> = (0..profile.exported_bytes() as u8).collect();
    Keys::from_exported(profile, &exported).expect("as long as the profile wants")
}

/// An RTP packet with a 12-byte header, and room for a tag.
fn rtp(profile: Profile, ssrc: u32, sequence_number: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence_number.to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet.resize(packet.len() + profile.tag_bytes(), 0);
    packet
}

/// An RTCP packet: a sender report's first bytes, then `body`.
fn rtcp(ssrc: u32, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(body);
    packet
}
