//! RTCP as a conversation: what we say to publishers about what we receive, and to subscribers about
//! what we send.
//!
//! Machines that are told the time and plain values, and give plain values back. None of them knows
//! a packet, a socket or a key; none allocates per packet; each bounds what a remote can make it
//! remember. `wire::rtcp` turns the values into bytes.
//!
//! | machine | one per | towards | source |
//! |---|---|---|---|
//! | [`receive::Reception`] | received SSRC | publisher | RFC 3550 section 6.4, appendix A |
//! | [`nack::NackGenerator`] | received media SSRC | publisher | RFC 4585 section 6.2.1 |
//! | [`transport_cc::TransportCcRecorder`] | publisher transport | publisher | draft-holmer-rmcat-transport-wide-cc-extensions-01 |
//! | [`key_frame::KeyFrameThrottle`] | received video SSRC | publisher | RFC 4585 section 6.3.1 |
//! | [`sender_report::PublisherClock`] | publisher transport | subscribers | RFC 3550 section 6.4.1 |
//! | [`sender_report::StreamClock`] | received media SSRC | subscribers | RFC 3550 section 6.4.1 |
//! | [`reports::ReportSchedule`] | transport | both | RFC 3550 section 6.2 |
//!
//! [`ntp`] converts times and measures round trips; [`reports::Cname`] is our name in SDES.

pub mod key_frame;
pub mod nack;
pub mod ntp;
pub mod receive;
pub mod reports;
pub mod sender_report;
pub mod transport_cc;
