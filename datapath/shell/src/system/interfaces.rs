//! The addresses of the machine's interfaces (getifaddrs(3)), to expand a wildcard at start.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checked;

/// Addresses of interfaces that are up. Loopback is left out, since it is asked for by name, and so
/// are link-local IPv6 addresses, which mean nothing without an interface.
pub(crate) fn addresses() -> io::Result<Vec<IpAddr>> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the call fills `list`, which is freed below.
    checked(unsafe { libc::getifaddrs(&raw mut list) })?;
    let mut found = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: `next` is a non-null element of the list, which is not freed yet.
        let entry = unsafe { &*next };
        if entry.ifa_flags & libc::IFF_UP as u32 != 0 {
            // SAFETY: `ifa_addr` is null or points to an address of its family, alive with the list.
            found.extend(unsafe { ip(entry.ifa_addr) });
        }
        next = entry.ifa_next;
    }
    // SAFETY: `list` came from getifaddrs and nothing refers to it any more.
    unsafe { libc::freeifaddrs(list) };
    found.retain(usable);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// # Safety
/// `address` is null or points to a socket address whose size is that of its family.
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: every socket address begins with its family.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a sockaddr_in6.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

fn usable(address: &IpAddr) -> bool {
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !address.is_loopback() && !link_local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_loopback_nor_link_local_addresses_are_found() {
        let found = addresses().expect("the list of interfaces");
        assert!(found.iter().all(usable));
    }
}
