//! Conversations between a client and an association, on a clock of ours.

mod conversation;
mod handshakes;
mod refusals;
mod robustness;
