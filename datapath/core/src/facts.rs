//! What the machine learns about rows, told as levels: one value per row, the newest replaces older
//! ones. The contract's `Facts`, without its encoding.

use std::collections::{HashSet, VecDeque};

use crate::Time;
use crate::rows::RowId;
use crate::srtp::Profile;

/// What is known of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Which row.
    pub row: RowId,
    /// Its room.
    pub room: u64,
    /// Grows with each change.
    pub revision: u64,
    /// What is known.
    pub kind: FactsKind,
}

/// What is known, by kind of row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactsKind {
    /// Of a transport.
    Transport(TransportFacts),
    /// Of a stream.
    Stream(StreamFacts),
    /// Of a leg.
    Leg(LegFacts),
    /// The row is gone though the controller did not delete it: its `not_after` passed.
    Ended,
}

/// A transport as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportFacts {
    /// Which listener (index) the current path uses and whether it is IPv6.
    pub path: Option<PathFacts>,
    /// Whether the remote can be reached.
    pub reach: Reach,
    /// Since when.
    pub reach_since: Time,
    /// The handshake.
    pub dtls: DtlsState,
    /// Negotiated once DTLS is connected.
    pub srtp_profile: Option<Profile>,
    /// When DTLS was done.
    pub connected: Option<Time>,
}

/// A path without its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathFacts {
    /// Index of the listener.
    pub listener: u16,
    /// IPv6, else IPv4.
    pub ipv6: bool,
}

/// Whether the remote can be reached (design decision 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// No valid check yet.
    #[default]
    New,
    /// A check was valid within the last 10 s.
    Up,
    /// None for 10 s.
    Silent,
    /// None for 30 s.
    Lost,
}

/// The handshake of a transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtlsState {
    /// Not done.
    #[default]
    New,
    /// SRTP keys are in place.
    Connected,
    /// It will never be.
    Failed(DtlsFailure),
    /// The remote said close_notify.
    Closed,
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsFailure {
    /// The certificate is not the one that signalling announced.
    Fingerprint,
    /// The remote broke the protocol.
    Handshake,
    /// It took too long.
    Timeout,
    /// No SRTP profile in common.
    NoSrtpProfile,
}

/// A stream as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamFacts {
    /// A packet came in the last second.
    pub flowing: bool,
    /// When the first came.
    pub first_packet: Option<Time>,
    /// Payload type of the newest packet.
    pub payload_type: u8,
    /// SSRCs that carry it.
    pub encodings: Vec<EncodingFacts>,
}

/// An encoding as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodingFacts {
    /// RID, empty where there is none.
    pub rid: Box<str>,
    /// Latched SSRC.
    pub ssrc: u32,
    /// A packet of it came in the last second.
    pub flowing: bool,
}

/// A leg as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegFacts {
    /// A packet was sent in the last second.
    pub flowing: bool,
    /// When the first packet was sent.
    pub first_packet: Option<Time>,
}

/// Rows whose facts changed since they were last told, each once, in the order of the first change.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    order: VecDeque<RowId>,
    known: HashSet<RowId>,
}

impl Changed {
    /// The caller has raised the row's revision.
    pub(crate) fn note(&mut self, row: RowId) {
        if self.known.insert(row) {
            self.order.push_back(row);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<RowId> {
        let row = self.order.pop_front()?;
        self.known.remove(&row);
        Some(row)
    }

    #[cfg(debug_assertions)]
    pub(crate) fn audit(&self) {
        assert_eq!(self.order.len(), self.known.len(), "a changed row is listed once");
    }
}
