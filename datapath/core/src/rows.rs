//! Rows as the packet machine knows them: the contract's nouns, already parsed.
//!
//! The shell turns `proto/datapath.proto` messages into these values once, at the edge, and refuses
//! what is impossible there. What only the table can know (does the stream exist, is the SSRC taken)
//! is checked by `Machine::apply`. Nothing here holds notes: the shell keeps those.

use std::fmt;

use crate::Time;
use crate::data::MESSAGE_BYTES_MAX;

/// A row's id: chosen by the control plane, never used again within one boot.
pub type RowId = u64;

/// One room's edit of the table, all or nothing. Deletes are carried out before puts.
#[derive(Debug, Default)]
pub struct Change {
    /// Opaque number of the room; every put must belong to it.
    pub room: u64,
    /// Rows to add or to replace, in an order in which references are known.
    pub puts: Vec<Row>,
    /// Row ids to remove with all that refers to them.
    pub deletes: Vec<RowId>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub id: RowId,
    /// What it is.
    pub kind: RowKind,
}

/// What a row is.
#[derive(Clone, Debug)]
pub enum RowKind {
    /// One ICE and DTLS association.
    Transport(TransportRow),
    /// One published RTP source.
    Stream(StreamRow),
    /// One subscriber's copy of a stream.
    Leg(LegRow),
    /// What may pass through an SCTP stream of a transport.
    DataChannel(DataChannelRow),
}

/// One ICE and DTLS association with one participant.
#[derive(Clone, Debug)]
pub struct TransportRow {
    /// Credentials in force.
    pub ice: IceCredentials,
    /// Credentials before an ICE restart; checks under them keep their path valid.
    pub ice_previous: Option<IceCredentials>,
    /// The remote certificate must match one of these. Empty: no DTLS yet.
    pub remote_fingerprints: Vec<Fingerprint>,
    /// RFC 8285 identifiers, 0 where not negotiated.
    pub extensions: HeaderExtensions,
    /// Whether the remote reads our transport-wide numbers.
    pub feedback: Feedback,
    /// When the row ends by itself.
    pub not_after: Option<Time>,
}

/// RFC 8445 section 5.3.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// Ours; its first two characters name the worker.
    pub ufrag: Box<str>,
    /// Ours; the key of MESSAGE-INTEGRITY.
    pub password: Box<str>,
    /// Theirs; empty until the remote description is known.
    pub remote_ufrag: Box<str>,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// RFC 8122 section 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// "sha-256", "sha-384" or "sha-512".
    pub algorithm: Box<str>,
    /// The digest.
    pub value: Box<[u8]>,
}

/// RFC 8285 local identifiers, 0 where not negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderExtensions {
    /// RFC 8843 section 15.
    pub mid: u8,
    /// RFC 8852.
    pub rid: u8,
    /// RFC 8852.
    pub repaired_rid: u8,
    /// Transport-wide sequence number.
    pub transport_cc: u8,
    /// Absolute send time.
    pub abs_send_time: u8,
    /// RFC 6464.
    pub audio_level: u8,
    /// AV1 RTP specification, appendix A.
    pub dependency_descriptor: u8,
    /// Playout delay limits.
    pub playout_delay: u8,
    /// Absolute capture time.
    pub abs_capture_time: u8,
    /// RFC 8285 section 4.1.2: one- and two-byte headers may mix.
    pub allow_mixed: bool,
}

/// What congestion feedback the remote side sends us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feedback {
    /// None beyond receiver reports.
    #[default]
    None,
    /// Transport-wide feedback.
    TransportCc,
    /// Receiver estimated maximum bitrate.
    Remb,
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// One published RTP source.
#[derive(Clone, Debug)]
pub struct StreamRow {
    /// The publisher's transport.
    pub transport: RowId,
    /// RFC 8843: names the m-section it came from.
    pub mid: Box<str>,
    /// Audio or video.
    pub kind: MediaKind,
    /// What its packets may be.
    pub codecs: Vec<Codec>,
    /// Known encodings; empty: any SSRC that the MID names.
    pub encodings: Vec<Encoding>,
}

/// A codec under a payload type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// As in the SDP.
    pub name: Box<str>,
    /// 0..=127.
    pub payload_type: u8,
    /// RTP clock.
    pub clock_hz: u32,
    /// As in the SDP.
    pub fmtp: Box<str>,
    /// RFC 4588.
    pub rtx_payload_type: Option<u8>,
}

/// One encoding of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// RFC 8851; empty where known by SSRC.
    pub rid: Box<str>,
    /// 0 where known by MID or RID.
    pub ssrc: u32,
    /// 0: none known.
    pub rtx_ssrc: u32,
}

/// One subscriber's copy of a stream.
#[derive(Clone, Debug)]
pub struct LegRow {
    /// What is copied.
    pub stream: RowId,
    /// To whom.
    pub transport: RowId,
    /// The m-section of the subscriber.
    pub mid: Box<str>,
    /// SSRC of the copy.
    pub ssrc: u32,
    /// SSRC of retransmissions; 0: none.
    pub rtx_ssrc: u32,
    /// Payload types as the subscriber knows them, matched by name and fmtp.
    pub codecs: Vec<Codec>,
    /// Nothing is sent.
    pub paused: bool,
}

/// What may pass through an SCTP stream of a transport (RFC 8831).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChannelRow {
    /// On whose association.
    pub transport: RowId,
    /// What both ends call it.
    pub label: Box<str>,
    /// Messages keep their order.
    pub ordered: bool,
    /// How often a lost message is repeated; `None`: until it has arrived.
    pub max_retransmits: Option<u32>,
    /// Which way messages go.
    pub role: DataRole,
    /// Channels of one room and group reach each other.
    pub group: Box<str>,
    /// Destinations are named by it.
    pub identity: Box<str>,
    /// Messages of the participant go further.
    pub may_publish: bool,
    /// Encoded fields appended to each message of this participant.
    pub stamp: Box<[u8]>,
    /// Encoded fields appended before them where a message's value is a `UserPacket`.
    pub user_stamp: Box<[u8]>,
    /// Largest message; 0: the machine's bound.
    pub max_message_bytes: u32,
}

impl DataChannelRow {
    /// Largest message that passes.
    pub(crate) fn message_bytes_max(&self) -> usize {
        match self.max_message_bytes as usize {
            0 => MESSAGE_BYTES_MAX,
            bytes => bytes.min(MESSAGE_BYTES_MAX),
        }
    }
}

/// Which way messages of a channel go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataRole {
    /// From the participant to the others.
    Publish,
    /// From the others to the participant.
    Deliver,
}

/// Why a change was not applied. Nothing of it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The row at fault.
    pub row: RowId,
    /// What is wrong with it.
    pub reason: RefusalReason,
    /// A sentence for the log, without secrets and addresses.
    pub detail: &'static str,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// A field's value is impossible.
    Malformed,
    /// It names a row that does not exist or is of another kind or room.
    UnknownReference,
    /// An id, ufrag, mid or SSRC is taken.
    Conflict,
}
