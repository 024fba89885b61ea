//! The packet machine: told bytes and told the time, it says what to send.
//!
//! It owns no socket, reads no clock and starts no thread; a shell does, and drives it in a fixed
//! order, one machine per worker:
//!
//! 1. inputs, as many as there are: [`Machine::handle_datagram`], [`Machine::apply`],
//!    [`Machine::handle_timeout`];
//! 2. [`Machine::release`], once;
//! 3. outputs until there are none: [`Machine::poll_transmit`], [`Machine::poll_facts`];
//! 4. wait for a datagram, a command, or [`Machine::poll_timeout`].
//!
//! # What a packet goes through
//!
//! *In* (`ingress`, `forward`): classify by the first byte, find the transport by address (only one with a
//! valid check in the last 30 s), open SRTP in place, record the arrival for the publisher's
//! congestion control, find the stream by SSRC or MID and RID, undo RTX, strip padding, keep the
//! packet once in the history of its source, and put a reference into the queue of each leg.
//!
//! *Out* (`egress`): a transport's queue is released; each packet is written into the slab with the
//! leg's SSRC, payload type and number, the subscriber's header extensions are stamped, it is sealed
//! in place, and runs of equal length become one send.
//!
//! # Where things are
//!
//! | module | what it knows |
//! |---|---|
//! | `machine` | the tables, timers and facts |
//! | `apply`, `plan` | rows in and out, all or nothing |
//! | `checks`, `path` | ICE-lite, and which path a transport uses |
//! | `secure`, [`dtls`], [`srtp`] | handshake and keys |
//! | `ingress`, `forward`, `carried`, `history` | packets in, kept once |
//! | `leg`, `renumber`, `egress` | packets out, under a leg's own numbers |
//! | [`data`] | data channels, and the way of a message |
//! | `control`, [`feedback`] | RTCP: reports, NACK, key frames, transport-wide feedback |
//! | [`rows`], [`facts`], [`counters`] | what is told to the machine and what it tells |
#![forbid(unsafe_code)]

mod apply;
#[cfg(debug_assertions)]
mod audit;
mod carried;
mod checks;
mod control;
pub mod counters;
pub mod data;
pub mod dtls;
mod egress;
pub mod facts;
pub mod feedback;
mod forward;
mod history;
mod ingress;
mod leg;
mod machine;
mod path;
mod plan;
mod renumber;
pub mod rows;
mod secure;
mod slots;
pub mod srtp;
mod stream;
mod time;
mod transport;

pub use egress::Transmit;
pub use machine::{Config, Machine};
pub use path::Address;
pub use time::Time;
