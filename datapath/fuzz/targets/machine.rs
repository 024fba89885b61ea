//! The whole packet machine: rows put and deleted, checks right and wrong, packets of peers that are
//! connected, garbage, replays, time. A real handshake makes a peer; all else is the input's.
//!
//! Besides what the peers themselves assert (what is sent to them opens and parses): nothing goes
//! where no check was valid within 30 s, but the answer to an authenticated check; a datagram is
//! dropped for one reason at most, and for one if nothing else became of it; a refused change leaves
//! nothing; facts are of rows that stand, and their revisions grow; no timer is due for ever; the
//! tables agree with each other (`Machine::audit`) and with what was put.
#![no_main]

#[path = "machine/bytes.rs"]
mod bytes;
#[path = "machine/driver.rs"]
mod driver;
#[path = "../../core/tests/house/mod.rs"]
mod house;
#[path = "machine/packets.rs"]
mod packets;
#[path = "machine/rows.rs"]
mod rows;
#[path = "machine/table.rs"]
mod table;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut bytes = bytes::Bytes::new(input);
    let mut driver = driver::Driver::new();
    while !bytes.is_empty() {
        driver.step(&mut bytes);
    }
});
