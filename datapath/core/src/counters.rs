//! What the machine counts. Every datagram that is not forwarded is counted under one reason, and
//! every name is present from the start, so that a first failure is seen as a change.

/// Why a datagram or packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Drop {
    /// First bytes belong to no protocol of this port (RFC 7983, RFC 9443).
    Unclassified,
    /// TURN channel data; no relay is built.
    TurnChannel,
    /// Not a well-formed STUN message.
    StunMalformed,
    /// A STUN message other than a Binding request.
    StunNotBinding,
    /// A Binding request without USERNAME or MESSAGE-INTEGRITY, or whose FINGERPRINT is wrong.
    StunIncomplete,
    /// A Binding request for a ufrag that no row has.
    StunUnknownUfrag,
    /// A Binding request whose MESSAGE-INTEGRITY does not verify.
    StunBadIntegrity,
    /// A valid check from one address too many for its transport.
    TooManyPaths,
    /// DTLS, RTP or RTCP from an address without a valid check in the last 30 s.
    NoValidPath,
    /// DTLS before the remote description told the fingerprint.
    DtlsUnexpected,
    /// DTLS that ended the association.
    DtlsFailed,
    /// SCTP on a transport without data channels.
    SctpUnexpected,
    /// No SCTP packet of the association, and none that begins one.
    SctpMalformed,
    /// A data message, or the opening of a channel, on a stream that no row names.
    DataNoChannel,
    /// A data message that is no `DataPacket`, or a control message that is none.
    DataMalformed,
    /// A data message that names its destinations by sid; clients of today name identities.
    DataBySid,
    /// A data message of a participant who may not publish data.
    DataNotAllowed,
    /// A data message larger than its channel takes; a sender's channel is reset.
    DataTooLarge,
    /// A reliable data message whose number was seen before.
    DataDuplicate,
    /// A data message for a receiver whose channel is not open.
    DataNotOpen,
    /// A lossy data message for a receiver whose queue is full.
    DataSlowLossy,
    /// A reliable data message for a receiver whose queue is full; its channel is reset.
    DataSlowReliable,
    /// A data message kept for a receiver that did not come in time, or made room for another.
    DataForgotten,
    /// RTP or RTCP before DTLS was done.
    SrtpNotReady,
    /// Not a well-formed RTP packet.
    RtpMalformed,
    /// Not a well-formed RTCP packet.
    RtcpMalformed,
    /// SRTP or SRTCP authentication failed.
    SrtpAuth,
    /// Authentic, but seen before.
    SrtpReplay,
    /// Authentic, but older than the replay window.
    SrtpTooOld,
    /// More SSRCs than a transport may have.
    TooManySources,
    /// RTP that neither SSRC, MID, RID nor payload type ties to a stream.
    UnknownSource,
    /// A payload type that the stream's row does not name.
    UnknownPayloadType,
    /// Nothing but padding: a probe.
    Padding,
    /// A retransmission of a packet that is no longer of use.
    RtxStale,
    /// A packet that arrived after its retransmission, or was retransmitted in vain.
    Duplicate,
    /// A packet so late that newer ones took its place in the history.
    TooLate,
    /// A packet too large to be forwarded.
    TooLarge,
    /// A queued packet whose history was overwritten before its release.
    Overwritten,
    /// A NACK that cannot be answered: the packet is no longer kept, or the leg has no RTX.
    NackUnanswered,
    /// A packet that the cipher refused to seal, or whose codec the subscriber lost.
    Unsealed,
    /// A packet for a transport without a path.
    NoPath,
}

impl Drop {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 41] = [
        Self::Unclassified,
        Self::TurnChannel,
        Self::StunMalformed,
        Self::StunNotBinding,
        Self::StunIncomplete,
        Self::StunUnknownUfrag,
        Self::StunBadIntegrity,
        Self::TooManyPaths,
        Self::NoValidPath,
        Self::DtlsUnexpected,
        Self::DtlsFailed,
        Self::SctpUnexpected,
        Self::SctpMalformed,
        Self::DataNoChannel,
        Self::DataMalformed,
        Self::DataBySid,
        Self::DataNotAllowed,
        Self::DataTooLarge,
        Self::DataDuplicate,
        Self::DataNotOpen,
        Self::DataSlowLossy,
        Self::DataSlowReliable,
        Self::DataForgotten,
        Self::SrtpNotReady,
        Self::RtpMalformed,
        Self::RtcpMalformed,
        Self::SrtpAuth,
        Self::SrtpReplay,
        Self::SrtpTooOld,
        Self::TooManySources,
        Self::UnknownSource,
        Self::UnknownPayloadType,
        Self::Padding,
        Self::RtxStale,
        Self::Duplicate,
        Self::TooLate,
        Self::TooLarge,
        Self::Overwritten,
        Self::NackUnanswered,
        Self::Unsealed,
        Self::NoPath,
    ];

    /// The reason as metrics spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unclassified => "unclassified",
            Self::TurnChannel => "turn_channel",
            Self::StunMalformed => "stun_malformed",
            Self::StunNotBinding => "stun_not_binding",
            Self::StunIncomplete => "stun_incomplete",
            Self::StunUnknownUfrag => "stun_unknown_ufrag",
            Self::StunBadIntegrity => "stun_bad_integrity",
            Self::TooManyPaths => "too_many_paths",
            Self::NoValidPath => "no_valid_path",
            Self::DtlsUnexpected => "dtls_unexpected",
            Self::DtlsFailed => "dtls_failed",
            Self::SctpUnexpected => "sctp_unexpected",
            Self::SctpMalformed => "sctp_malformed",
            Self::DataNoChannel => "data_no_channel",
            Self::DataMalformed => "data_malformed",
            Self::DataBySid => "data_by_sid",
            Self::DataNotAllowed => "data_not_allowed",
            Self::DataTooLarge => "data_too_large",
            Self::DataDuplicate => "data_duplicate",
            Self::DataNotOpen => "data_not_open",
            Self::DataSlowLossy => "data_slow_lossy",
            Self::DataSlowReliable => "data_slow_reliable",
            Self::DataForgotten => "data_forgotten",
            Self::SrtpNotReady => "srtp_not_ready",
            Self::RtpMalformed => "rtp_malformed",
            Self::RtcpMalformed => "rtcp_malformed",
            Self::SrtpAuth => "srtp_auth",
            Self::SrtpReplay => "srtp_replay",
            Self::SrtpTooOld => "srtp_too_old",
            Self::TooManySources => "too_many_sources",
            Self::UnknownSource => "unknown_source",
            Self::UnknownPayloadType => "unknown_payload_type",
            Self::Padding => "padding",
            Self::RtxStale => "rtx_stale",
            Self::Duplicate => "duplicate",
            Self::TooLate => "too_late",
            Self::TooLarge => "too_large",
            Self::Overwritten => "overwritten",
            Self::NackUnanswered => "nack_unanswered",
            Self::Unsealed => "unsealed",
            Self::NoPath => "no_path",
        }
    }
}

/// Discarded packets by the number of their reason.
#[derive(Debug)]
struct Drops([u64; Drop::ALL.len()]);

impl Default for Drops {
    fn default() -> Self {
        Self([0; Drop::ALL.len()])
    }
}

/// Counters since start.
#[derive(Debug, Default)]
pub struct Counters {
    drops: Drops,
    /// STUN Binding requests answered.
    pub checks_answered: u64,
    /// DTLS handshakes completed.
    pub dtls_connected: u64,
    /// DTLS associations that ended without keys: another certificate than announced, no profile in
    /// common, no end in time.
    pub dtls_failed: u64,
    /// RTP packets received and authenticated, retransmissions included.
    pub rtp_received: u64,
    /// RTP packets sent, retransmissions included.
    pub rtp_sent: u64,
    /// RTP payload bytes sent.
    pub rtp_sent_bytes: u64,
    /// Retransmissions sent.
    pub rtx_sent: u64,
    /// Packets recovered by a publisher's retransmission.
    pub rtx_recovered: u64,
    /// Sequence numbers asked of publishers by NACK.
    pub nacks_sent: u64,
    /// Sequence numbers asked by subscribers.
    pub nacks_received: u64,
    /// Key frames asked of publishers.
    pub plis_sent: u64,
    /// Key frames asked by subscribers.
    pub plis_received: u64,
    /// Transport-wide feedback packets sent to publishers.
    pub transport_cc_sent: u64,
    /// SRTCP packets sent.
    pub rtcp_sent: u64,
    /// SRTCP packets received and authenticated.
    pub rtcp_received: u64,
    /// SCTP associations that came to stand.
    pub sctp_connected: u64,
    /// Data channels that opened, those opened again included.
    pub data_channels_opened: u64,
    /// Data channels that were reset because of what their remote did.
    pub data_channels_reset: u64,
    /// Data messages received from participants.
    pub data_received: u64,
    /// Bytes of them.
    pub data_received_bytes: u64,
    /// Data messages queued for receivers, one for each.
    pub data_sent: u64,
    /// Bytes of them.
    pub data_sent_bytes: u64,
    /// Times that a sender was held back because its messages found no room at any receiver.
    pub data_holds: u64,
    /// Data messages given to receivers that were still joining when they came.
    pub data_replayed: u64,
    /// Trains released: runs of packets that leave in one send.
    pub trains: u64,
}

impl Counters {
    /// Counts a discarded packet.
    pub(crate) fn drop(&mut self, reason: Drop) {
        self.drops.0[reason as usize] += 1;
    }

    /// Discarded packets by reason; every reason is present.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Drop::ALL.iter().map(|reason| (reason.name(), self.drops.0[*reason as usize]))
    }

    /// What grew since start, by name; every name is present.
    #[must_use]
    pub fn totals(&self) -> [(&'static str, u64); 25] {
        [
            ("checks_answered", self.checks_answered),
            ("dtls_connected", self.dtls_connected),
            ("dtls_failed", self.dtls_failed),
            ("rtp_received", self.rtp_received),
            ("rtp_sent", self.rtp_sent),
            ("rtp_sent_bytes", self.rtp_sent_bytes),
            ("rtx_sent", self.rtx_sent),
            ("rtx_recovered", self.rtx_recovered),
            ("nacks_sent", self.nacks_sent),
            ("nacks_received", self.nacks_received),
            ("plis_sent", self.plis_sent),
            ("plis_received", self.plis_received),
            ("transport_cc_sent", self.transport_cc_sent),
            ("rtcp_sent", self.rtcp_sent),
            ("rtcp_received", self.rtcp_received),
            ("sctp_connected", self.sctp_connected),
            ("data_channels_opened", self.data_channels_opened),
            ("data_channels_reset", self.data_channels_reset),
            ("data_received", self.data_received),
            ("data_received_bytes", self.data_received_bytes),
            ("data_sent", self.data_sent),
            ("data_sent_bytes", self.data_sent_bytes),
            ("data_holds", self.data_holds),
            ("data_replayed", self.data_replayed),
            ("trains", self.trains),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_its_own_number() {
        for (number, reason) in Drop::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, number);
        }
    }
}
