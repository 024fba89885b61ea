//! Conversations between a client and an association, on a clock of ours.
