//! What comes out of an association: outputs, and why it ended or would not begin.

use crate::Time;
use crate::srtp::Keys;

/// What a poll gives. Bytes lie in the caller's buffer.
#[derive(Debug)]
pub enum Output<'a> {
    /// A datagram for the remote.
    Packet(&'a [u8]),
    /// The remote proved its certificate; these are the SRTP keys. Comes once.
    Connected(Keys),
    /// A decrypted datagram: SCTP.
    ApplicationData(&'a [u8]),
    /// The remote said close_notify, or broke an association that stood. Comes at most once.
    Closed,
    /// There will be no keys. Comes at most once, and never after `Connected`.
    Failed(Failure),
    /// Nothing more now; call [`super::Dtls::handle_timeout`] then. Always the last of a cycle.
    Timeout(Option<Time>),
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The certificate is not one that signalling announced.
    Fingerprint,
    /// The remote broke the protocol or refused us.
    Handshake,
    /// It took longer than 20 s from the first datagram.
    Timeout,
    /// The remote offered no SRTP profile that we speak.
    NoSrtpProfile,
}

/// Why a datagram was not let in. The caller counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Signalling has not told a fingerprint: there is nobody to believe yet. Clients retransmit.
    NoFingerprint,
    /// Not the beginning of a handshake, where one must come first.
    NotHandshake,
    /// The association failed or was closed.
    Over,
}

/// Application data was not taken: there is no association, or it is closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotConnected;
