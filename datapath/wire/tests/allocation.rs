//! The packet path does not allocate: parsers borrow, writers reuse the caller's capacity.
//!
//! Counts what the calling thread asks of Rust's allocator. What the C library behind the HMAC does
//! is not seen.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use datapath_wire::classify::classify;
use datapath_wire::extension::{self, AudioLevel};
use datapath_wire::rtcp::transport_cc::{Arrival, FeedbackHeader};
use datapath_wire::rtcp::{Nack, ReceiverReport, ReportBlock, ReportBlocks, Rtcp, packets};
use datapath_wire::rtp::{Header, Packet};
use datapath_wire::stun::{self, Builder, Class, Message, Method, TransactionId, kind};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator unchanged. The counter needs no allocation
// (const, without a destructor).
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise about pointer and layout is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations_of(|| drop(std::hint::black_box(vec![0; 64]))), 1);
}

#[test]
fn check_is_read_and_answered_without_allocation() {
    let mut request = Vec::new();
    let id = TransactionId([7; 12]);
    Builder::new(&mut request, Class::Request, Method::Binding, id)
        .attribute(kind::USERNAME, b"ours:theirs")
        .integrity(b"password")
        .finish_with_fingerprint()
        .unwrap();
    let mut answer = Vec::with_capacity(256);
    let from = "192.0.2.1:5000".parse().unwrap();
    let answered = || {
        let message = Message::parse(&request).unwrap();
        assert!(message.integrity_ok(b"password") && message.fingerprint_ok() == Some(true));
        assert_eq!(message.username(), Some(("ours", "theirs")));
        assert_eq!(message.unknown_required().count(), 0);
        stun::write_binding_success(&mut answer, message.transaction_id(), from, b"password");
    };
    assert_eq!(allocations_of(answered), 0);
}

#[test]
fn rtp_is_read_and_rewritten_without_allocation() {
    let mut out = [0; 1500];
    let header = Header {
        marker: false,
        payload_type: 111,
        sequence_number: 1,
        timestamp: 2,
        ssrc: 3,
        has_extension: true,
        has_padding: false,
    };
    let rewritten = || {
        let level = AudioLevel { voice: true, minus_dbov: 20 }.to_bytes();
        let at = header.write(&[], &mut out).unwrap();
        let number = extension::transport_cc_bytes(9);
        let elements = [(1, &level[..]), (3, &number[..])];
        let bytes = at + extension::write(&elements, &mut out[at..]).unwrap();
        let packet = Packet::parse(&out).unwrap();
        assert_eq!(packet.header_bytes, bytes);
        assert_eq!(packet.elements(&out).count(), 2);
        let _ = classify(&out);
    };
    assert_eq!(allocations_of(rewritten), 0);
}

#[test]
fn rtcp_is_written_and_read_without_allocation() {
    let blocks = [ReportBlock::default(); 3];
    let arrivals: [Arrival; 50] = std::array::from_fn(|at| Arrival {
        sequence: 70_000 + 3 * at as u64,
        ticks: 1_000 + 100 * at as u64,
    });
    let header =
        FeedbackHeader { sender_ssrc: 1, media_ssrc: 2, base_sequence: 70_000, feedback_count: 0 };
    let mut out = Vec::with_capacity(1500);
    let written_and_read = || {
        let blocks = ReportBlocks::of(&blocks);
        ReceiverReport { ssrc: 1, blocks }.write(&mut out);
        assert_eq!(Nack::write_lost(&mut out, 1, 2, 5..9), 4);
        assert_eq!(header.write(&arrivals, &mut out), arrivals.len());
        for packet in packets(&out) {
            if let Rtcp::TransportCc(feedback) = packet.unwrap() {
                assert_eq!(feedback.statuses().count(), 148);
            }
        }
    };
    assert_eq!(allocations_of(written_and_read), 0);
}
