//! Opens the UDP sockets that the command line names, before the process locks itself down. A
//! wildcard becomes one socket per address, so that an answer always leaves from the address that
//! was asked.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::contract::facts::listener_row;
use crate::contract::proto::{self, row::Kind};
use crate::system::{interfaces, receive};

/// Wished for both directions of each socket; the kernel grants at most net.core.rmem_max and
/// wmem_max. Higher rides out longer pauses of a worker; lower bounds how stale a packet can be.
const BUFFER_BYTES: usize = 4 << 20;

/// An open socket and the address that it has.
pub(crate) struct Listener {
    pub(crate) socket: UdpSocket,
    pub(crate) address: SocketAddr,
}

/// Opens a socket for each address. The error is a sentence for the operator.
pub(crate) fn open(wished: &[SocketAddr]) -> Result<Vec<Listener>, String> {
    let interfaces = interfaces::addresses()
        .map_err(|error| format!("cannot list the interfaces' addresses: {error}"))?;
    let addresses = expand(wished, &interfaces)?;
    addresses.into_iter().map(listener).collect()
}

/// Wildcards replaced by the interfaces' addresses of their family, each address once.
fn expand(wished: &[SocketAddr], interfaces: &[IpAddr]) -> Result<Vec<SocketAddr>, String> {
    let mut expanded = Vec::new();
    for address in wished {
        let found: Vec<SocketAddr> = if address.ip().is_unspecified() {
            let family = interfaces.iter().filter(|ip| ip.is_ipv4() == address.is_ipv4());
            family.map(|ip| SocketAddr::new(*ip, address.port())).collect()
        } else {
            vec![*address]
        };
        if found.is_empty() {
            return Err(format!(
                "--listen udp/{address}: no interface but loopback has an address of this family; \
                 name the addresses to listen on"
            ));
        }
        for address in found {
            // Port 0 means another port each time, so it cannot be the same twice.
            if address.port() == 0 || !expanded.contains(&address) {
                expanded.push(address);
            }
        }
    }
    Ok(expanded)
}

fn listener(wished: SocketAddr) -> Result<Listener, String> {
    let opened = socket(wished).and_then(|socket| {
        let address = socket.local_addr()?;
        Ok(Listener { socket, address })
    });
    opened.map_err(|error| format!("cannot listen on udp/{wished}: {error}"))
}

fn socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Best effort: the kernel's limits are the operator's.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    receive::count_discarded(&socket)?;
    Ok(socket.into())
}

impl Listener {
    /// What the kernel granted, twice the payload it holds (socket(7)); 0 if it does not say.
    pub(crate) fn receive_buffer_bytes(&self) -> usize {
        SockRef::from(&self.socket).recv_buffer_size().unwrap_or(0)
    }
}

/// The listeners as rows: ids from 1 on, in the order in which the machine counts them.
pub(crate) fn rows(listeners: &[Listener]) -> Vec<proto::Row> {
    let row = |(index, listener): (u16, &Listener)| proto::Row {
        id: listener_row(index),
        room: 0,
        worker: 0,
        kind: Some(Kind::Listener(proto::Listener {
            address: listener.address.to_string(),
            kind: proto::listener::Kind::Udp.into(),
        })),
    };
    (0..).zip(listeners).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn a_wildcard_becomes_the_interfaces_of_its_family_and_no_address_stands_twice() {
        let interfaces = [[192, 0, 2, 1].into(), "2001:db8::1".parse().expect("an address")];
        let wished = addresses(&["127.0.0.1:7", "0.0.0.0:7", "192.0.2.1:7", "[::]:7"]);
        let expanded = expand(&wished, &interfaces);
        assert_eq!(expanded, Ok(addresses(&["127.0.0.1:7", "192.0.2.1:7", "[2001:db8::1]:7"])));
    }

    #[test]
    fn a_wildcard_without_an_interface_is_an_error() {
        let error = expand(&addresses(&["[::]:7"]), &[[192, 0, 2, 1].into()]);
        assert!(error.expect_err("no IPv6").contains("no interface"));
    }

    #[test]
    fn rows_tell_the_bound_address() {
        let listeners = open(&addresses(&["127.0.0.1:0", "[::1]:0"])).expect("loopback");
        let rows = rows(&listeners);
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 2]);
        let Some(Kind::Listener(second)) = &rows[1].kind else { panic!("a listener") };
        assert_eq!(second.address, listeners[1].address.to_string());
        assert!(!second.address.ends_with(":0"));
    }
}
