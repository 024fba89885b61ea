//! Bytes and values of the media protocols: no I/O, no clock, no panic.
#![forbid(unsafe_code)]
