//! Transport addresses as attribute values. RFC 8489 sections 14.1 and 14.2.
//!
//! An IPv4-mapped IPv6 address, as a dual-stack socket reports it, is written as IPv4: the client
//! sent from an IPv4 address and compares.

use super::{MAGIC_COOKIE, TransactionId};
use crate::bytes::{array_at, u8_at, u16_at};
use std::net::{IpAddr, SocketAddr};

const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;

/// An encoded address: eight bytes for IPv4, twenty for IPv6.
pub(super) struct Encoded {
    bytes: [u8; 20],
    used: usize,
}

impl Encoded {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default() // `used` is 8 or 20
    }
}

/// Encodes for XOR-MAPPED-ADDRESS and its siblings.
pub(super) fn encode_xored(address: SocketAddr, transaction_id: TransactionId) -> Encoded {
    let port = address.port() ^ (MAGIC_COOKIE >> 16) as u16;
    let [p0, p1] = port.to_be_bytes();
    let mut bytes = [0; 20];
    let (family, used) = match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            fill(&mut bytes, xor(ip.octets(), mask(transaction_id)));
            (FAMILY_IPV4, 8)
        }
        IpAddr::V6(ip) => {
            fill(&mut bytes, xor(ip.octets(), mask(transaction_id)));
            (FAMILY_IPV6, 20)
        }
    };
    bytes.iter_mut().zip([0, family, p0, p1]).for_each(|(to, from)| *to = from);
    Encoded { bytes, used }
}

/// Decodes XOR-MAPPED-ADDRESS and its siblings; `None` if the value is not one.
pub(super) fn decode_xored(value: &[u8], transaction_id: TransactionId) -> Option<SocketAddr> {
    let port = u16_at(value, 2)? ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match (u8_at(value, 1)?, value.len()) {
        (FAMILY_IPV4, 8) => {
            let octets: [u8; 4] = *array_at(value, 4)?;
            IpAddr::from(xor(octets, mask(transaction_id)))
        }
        (FAMILY_IPV6, 20) => {
            let octets: [u8; 16] = *array_at(value, 4)?;
            IpAddr::from(xor(octets, mask(transaction_id)))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn fill<const N: usize>(bytes: &mut [u8; 20], octets: [u8; N]) {
    bytes.iter_mut().skip(4).zip(octets).for_each(|(to, from)| *to = from);
}

/// The magic cookie, then the transaction id: IPv4 uses the first four bytes of it.
fn mask(transaction_id: TransactionId) -> impl Iterator<Item = u8> {
    MAGIC_COOKIE.to_be_bytes().into_iter().chain(transaction_id.0)
}

fn xor<const N: usize>(mut octets: [u8; N], mask: impl Iterator<Item = u8>) -> [u8; N] {
    octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
    octets
}
