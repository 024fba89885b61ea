//! Data messages: SCTP of a transport, its channels, and the way of a message from one participant
//! to the others, all without the control plane.
//!
//! A `DataChannel` row says what passes. A row that *publishes* is met by the channel that the
//! client opens under its label; a row that *delivers* is a channel that we open, or, on a transport
//! that publishes under the same label too, the other direction of the client's channel.
//!
//! *In* (`drive`): DTLS hands a datagram to [`sctp`], which gives whole messages; a control message
//! opens or confirms a channel (`lifecycle`), any other goes to the router.
//!
//! *Through* (`router`): the top level of the `DataPacket` is scanned for destinations and the
//! sender's number, a message seen before is dropped, the sender's stamp is appended (in protobuf
//! the last one wins), and the message goes to the open channels of the group. For receivers whose
//! channel is not open yet it is kept a while (`replay`).
//!
//! *Out*: SCTP queues per stream. What is queued is bounded per channel, so a receiver that is slow
//! loses lossy messages, and past the bound its reliable channel, which is then opened anew; nobody
//! else notices. A sender that is faster than the fastest of its receivers is held back (`held`).

use std::time::Duration;

#[cfg(debug_assertions)]
mod audit;
mod channel;
mod drive;
mod held;
mod lifecycle;
mod replay;
mod router;
pub mod sctp;

pub(crate) use channel::DataChannel;
pub(crate) use router::DataRoom;
pub use router::SendTo;

/// Largest message that any channel takes or gives, whatever its row says: what libwebrtc offers.
pub(crate) const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Unacknowledged bytes of a reliable channel past which its receiver is too slow and the channel is
/// reset. Higher forgives longer pauses; it is also what a receiver that died costs in memory.
pub(crate) const RELIABLE_QUEUE_BYTES: usize = 1 << 20;
/// Unacknowledged bytes of the fastest of its receivers above which a sender is held back: its window
/// closes until that receiver has caught up to `RESUME_BYTES`. With it a sender is as fast as its
/// fastest receiver, and the others may fall behind by what is left up to `RELIABLE_QUEUE_BYTES`.
pub(crate) const HOLD_BYTES: usize = 256 << 10;
/// Lower makes fewer and longer pauses.
pub(crate) const RESUME_BYTES: usize = 128 << 10;
/// Receivers that hold a sender back and acknowledge nothing for so long lose their channel instead.
pub(crate) const STANDSTILL: Duration = Duration::from_secs(10);
/// The same as `RELIABLE_QUEUE_BYTES` for a lossy channel, past which messages are dropped. Higher delivers older news.
pub(crate) const LOSSY_QUEUE_BYTES: usize = 64 << 10;
