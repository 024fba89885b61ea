//! The packet machine.
#![forbid(unsafe_code)]
pub mod srtp;
pub mod dtls;
pub mod feedback;
