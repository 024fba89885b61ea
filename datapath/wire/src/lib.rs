//! Bytes and values of the media protocols.
//!
//! Every module turns bytes from the network into values, or values into bytes. Nothing here does
//! I/O, reads a clock, keeps state beyond its arguments (but [`sequence::Extender`], a counter) or
//! decides anything. Two promises hold throughout and are tested and fuzzed:
//!
//! - **no panic on any input**: bytes are reached through `get` and fixed-size chunks, never by an
//!   index that a packet chose;
//! - **no allocation on the packet path**: parsing borrows, iterators are lazy, writers append to a
//!   buffer whose capacity the caller keeps, or fill a slice.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`classify`] | which protocol a datagram belongs to | RFC 7983, RFC 9443, RFC 5761 |
//! | [`stun`] | messages, integrity, answers to checks | RFC 8489, RFC 8445 |
//! | [`rtp`], [`rtx`] | fixed header, CSRCs, padding; retransmission payloads | RFC 3550, RFC 4588 |
//! | [`extension`] | RTP header extensions | RFC 8285 and each element's own |
//! | [`sequence`] | 16-bit numbers made monotonic | RFC 3550 appendix A.1 |
//! | [`rtcp`] | compound packets, a file per packet type | RFC 3550, 4585, 5104, 5506, 3611 |
//! | [`dcep`] | data channels' opening | RFC 8832 |
//! | [`data_packet`] | where a data message goes | LiveKit protocol |
//! | [`vp8`] | payload descriptor, key frames | RFC 7741 |
#![forbid(unsafe_code)]

mod bytes;
pub mod classify;
pub mod data_packet;
pub mod dcep;
pub mod extension;
pub mod rtcp;
pub mod rtp;
pub mod rtx;
pub mod sequence;
pub mod stun;
pub mod vp8;
