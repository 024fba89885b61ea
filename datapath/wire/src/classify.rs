//! Which protocol a datagram belongs to, by its first two bytes.
//!
//! RFC 7983 section 7 as updated by RFC 9443 section 3, and RFC 5761 section 4 for RTP against
//! RTCP. This is not a parser: a datagram classified as STUN may still be no STUN message.

/// What a datagram looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// RFC 8489: first byte 0 to 3.
    Stun,
    /// RFC 8656 section 12 (ChannelData): first byte 64 to 79.
    TurnChannel,
    /// RFC 9147: first byte 20 to 63.
    Dtls,
    /// RFC 3550: first byte 128 to 191.
    Rtp,
    /// RFC 3550: as RTP, and a second byte of 192 to 223.
    Rtcp,
    /// ZRTP, QUIC, unassigned, or too short to say.
    Unknown,
}

/// The class of a datagram. Looks at no more than two bytes.
#[must_use]
pub fn classify(datagram: &[u8]) -> Class {
    match *datagram {
        [0..=3, ..] => Class::Stun,
        [20..=63, ..] => Class::Dtls,
        [64..=79, ..] => Class::TurnChannel,
        // RFC 5761 section 4: RTP with these payload types and the marker bit does not exist on a
        // multiplexed port, payload types 64 to 95 are not to be used.
        [128..=191, 192..=223, ..] => Class::Rtcp,
        [128..=191, _, ..] => Class::Rtp,
        _ => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_first_byte_are_those_of_rfc_9443() {
        for first in 0..=255u8 {
            let expected = match first {
                0..=3 => Class::Stun,
                20..=63 => Class::Dtls,
                64..=79 => Class::TurnChannel,
                128..=191 => Class::Rtp,
                4..=19 | 80..=127 | 192..=255 => Class::Unknown,
            };
            assert_eq!(classify(&[first, 0]), expected, "first byte {first}");
        }
    }

    #[test]
    fn rtcp_packet_types_are_told_from_payload_types_with_marker() {
        assert_eq!(classify(&[0x80, 200]), Class::Rtcp);
        assert_eq!(classify(&[0x8F, 205]), Class::Rtcp);
        assert_eq!(classify(&[0x80, 0x80 | 96]), Class::Rtp);
        assert_eq!(classify(&[0x80, 0x80 | 63]), Class::Rtp);
    }

    #[test]
    fn what_is_too_short_is_unknown() {
        assert_eq!(classify(&[]), Class::Unknown);
        assert_eq!(classify(&[0x80]), Class::Unknown);
    }
}
