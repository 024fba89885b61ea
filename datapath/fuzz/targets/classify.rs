//! The classifier agrees with the parsers that it sends datagrams to, and needs only two bytes.
#![no_main]

use datapath_wire::classify::{Class, classify};
use datapath_wire::{rtcp, rtp, stun};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let class = classify(datagram);
    if let Some(two) = datagram.get(..2) {
        assert_eq!(classify(two), class, "only the first two bytes count");
    }
    if stun::Message::parse(datagram).is_ok() {
        assert_eq!(class, Class::Stun);
    }
    if rtp::Packet::parse(datagram).is_ok() {
        assert!(matches!(class, Class::Rtp | Class::Rtcp));
    }
    if class == Class::Stun {
        assert!(rtp::Packet::parse(datagram).is_err());
        assert!(rtcp::packets(datagram).all(|packet| packet.is_err()));
    }
});
