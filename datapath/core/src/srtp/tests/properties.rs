//! What holds for all packets, in every profile.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::{Inbound, OpenError, Opened, Outbound, Profile};
use super::{keys, rtcp, rtp};

fn profile() -> impl Strategy<Value = Profile> {
    select(&Profile::ALL[..])
}

proptest! {
    #[test]
    fn a_sealed_packet_opens_to_what_it_was(
        profile in profile(),
        ssrc: u32,
        first in 0u64..0x8000,
        steps in vec(1u64..0x7000, 1..40),
        payload in vec(any::<u8>(), 0..1300),
    ) {
        let keys = keys(profile);
        let (mut outbound, mut inbound) = (Outbound::new(&keys.server), Inbound::new(&keys.server));
        let mut index = first;
        for step in steps {
            let plain = rtp(profile, ssrc, index as u16, &payload);
            let mut packet = plain.clone();
            prop_assert_eq!(outbound.seal_rtp(&mut packet, 12, index), Ok(()));
            let bytes = 12 + payload.len();
            prop_assert_eq!(inbound.open_rtp(&mut packet, 12), Ok(Opened { bytes, index }));
            prop_assert_eq!(&packet[..bytes], &plain[..bytes]);
            index += step;
        }
    }

    #[test]
    fn a_sealed_control_packet_opens_to_what_it_was(
        profile in profile(),
        ssrc: u32,
        bodies in vec(vec(any::<u8>(), 0..300), 1..20),
    ) {
        let keys = keys(profile);
        let (mut outbound, mut inbound) = (Outbound::new(&keys.server), Inbound::new(&keys.server));
        for body in bodies {
            let plain = rtcp(ssrc, &body);
            let mut packet = plain.clone();
            prop_assert_eq!(outbound.seal_rtcp(&mut packet), Ok(()));
            prop_assert_eq!(packet.len(), plain.len() + profile.rtcp_overhead_bytes());
            prop_assert_eq!(inbound.open_rtcp(&mut packet), Ok(plain.len()));
            prop_assert_eq!(&packet[..plain.len()], &plain[..]);
        }
    }

    /// Of the header, the SSRC and sequence number choose the key stream and all is authenticated.
    #[test]
    fn no_bit_of_a_packet_may_change(
        profile in profile(),
        payload in vec(any::<u8>(), 0..60),
        place: Index,
        bit in 0u8..8,
    ) {
        let keys = keys(profile);
        let mut packet = rtp(profile, 7, 9, &payload);
        prop_assert_eq!(Outbound::new(&keys.server).seal_rtp(&mut packet, 12, 9), Ok(()));
        let place = place.index(packet.len());
        packet[place] ^= 1 << bit;
        let mut inbound = Inbound::new(&keys.server);
        prop_assert_eq!(inbound.open_rtp(&mut packet, 12), Err(OpenError::Unauthentic));
    }

    #[test]
    fn no_bit_of_a_control_packet_may_change(
        profile in profile(),
        body in vec(any::<u8>(), 0..60),
        place: Index,
        bit in 0u8..8,
    ) {
        let keys = keys(profile);
        let mut packet = rtcp(7, &body);
        prop_assert_eq!(Outbound::new(&keys.server).seal_rtcp(&mut packet), Ok(()));
        let place = place.index(packet.len());
        packet[place] ^= 1 << bit;
        let refused = Inbound::new(&keys.server).open_rtcp(&mut packet);
        prop_assert!(
            matches!(refused, Err(OpenError::Unauthentic | OpenError::Unencrypted)),
            "{:?}", refused
        );
    }

    /// Packets of one source around a turn of the sequence number, in any order of up to 100.
    #[test]
    fn reordering_across_a_turn_of_the_sequence_number_is_undone(
        profile in profile(),
        order in Just((0xffe0_u64..0x1_0040).collect::<Vec<u64>>()).prop_shuffle(),
    ) {
        let keys = keys(profile);
        let (mut outbound, mut inbound) = (Outbound::new(&keys.server), Inbound::new(&keys.server));
        let mut sealed = |index: u64| {
            let mut packet = rtp(profile, 7, index as u16, b"x");
            prop_assert_eq!(outbound.seal_rtp(&mut packet, 12, index), Ok(()));
            Ok(packet)
        };
        // The remote's first packet settles which turn it is.
        prop_assert!(inbound.open_rtp(&mut sealed(0xffdf)?, 12).is_ok());
        let packets: Vec<(u64, Vec<u8>)> =
            (0xffe0..0x1_0040).map(|index| Ok((index, sealed(index)?))).collect::<Result<_, TestCaseError>>()?;
        for index in order {
            let mut packet = packets[(index - 0xffe0) as usize].1.clone();
            prop_assert_eq!(inbound.open_rtp(&mut packet, 12), Ok(Opened { bytes: 13, index }));
        }
        for (index, mut packet) in packets {
            let again = inbound.open_rtp(&mut packet, 12);
            prop_assert_eq!(again, Err(OpenError::Replayed { index }));
        }
    }

    #[test]
    fn any_bytes_are_refused_and_leave_nothing_behind(
        profile in profile(),
        mut bytes in vec(any::<u8>(), 0..200),
        header_bytes in 0usize..220,
    ) {
        let keys = keys(profile);
        let mut inbound = Inbound::new(&keys.client);
        prop_assert!(inbound.open_rtp(&mut bytes, header_bytes).is_err());
        prop_assert!(inbound.open_rtcp(&mut bytes).is_err());
        prop_assert_eq!(inbound.sources(), (0, 0));
    }
}
