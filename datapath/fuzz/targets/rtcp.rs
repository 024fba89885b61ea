//! RTCP: an error is the last item, every packet is written back to the same, and feedback made
//! from what a feedback says is the same feedback.
#![no_main]

use datapath_wire::rtcp::transport_cc::{Arrival, FeedbackHeader};
use datapath_wire::rtcp::{Nack, Rtcp, TransportCc, packets};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // One packet of any type over all the bytes.
    if let [first, packet_type, body @ ..] = bytes {
        let words = body.len() / 4;
        let [w0, w1] = (words as u16).to_be_bytes();
        let packet_type = 200 + packet_type % 8;
        check(&[&[0x80 | first & 0x3f, packet_type, w0, w1], &body[..4 * words]].concat());
    }
});

fn check(bytes: &[u8]) {
    let mut failed = false;
    for packet in packets(bytes) {
        assert!(!failed, "an error is the last item");
        match packet {
            Ok(packet) => check_packet(&packet),
            Err(_) => failed = true,
        }
    }
}

fn check_packet(packet: &Rtcp<'_>) {
    let mut out = Vec::new();
    packet.write(&mut out);
    assert_eq!(only(&out), *packet);
    match packet {
        Rtcp::SenderReport(report) => assert_eq!(report.blocks.iter().count(), report.blocks.len()),
        Rtcp::ReceiverReport(report) => assert!(report.blocks.iter().count() <= 31),
        Rtcp::Sdes(description) => check_cnames(description),
        Rtcp::Nack(nack) => check_nack(nack),
        Rtcp::TransportCc(feedback) => check_feedback(feedback),
        Rtcp::FullIntra(intra) => drop(intra.requests().count()),
        Rtcp::ExtendedReport(report) => drop(report.blocks().count()),
        Rtcp::Bye(bye) => assert!(bye.sources.len() <= 31),
        Rtcp::Remb(remb) => assert!(remb.ssrcs.len() <= 255),
        Rtcp::PictureLoss(_) => {}
        Rtcp::Other(other) => assert_eq!(other.body.len() % 4, 0),
    }
}

fn only(bytes: &[u8]) -> Rtcp<'_> {
    let mut found = packets(bytes);
    let packet = found.next().expect("a packet").expect("of ours");
    assert!(found.next().is_none());
    packet
}

fn check_cnames(description: &datapath_wire::rtcp::Sdes<'_>) {
    for item in description.items() {
        assert!(item.kind != 0 && item.text.len() <= 255);
        let _ = description.cname(item.ssrc);
    }
}

fn check_nack(nack: &Nack<'_>) {
    let lost: BTreeSet<_> = nack.sequence_numbers().collect();
    let mut left: Vec<_> = lost.iter().copied().collect();
    let mut read = BTreeSet::new();
    while !left.is_empty() {
        let mut out = Vec::new();
        let taken = Nack::write_lost(&mut out, 1, 2, left.iter().copied());
        assert!(taken > 0);
        left.drain(..taken);
        let Rtcp::Nack(again) = only(&out) else {
            panic!("not a NACK");
        };
        read.extend(again.sequence_numbers());
    }
    assert_eq!(read, lost);
}

fn check_feedback(feedback: &TransportCc<'_>) {
    assert_eq!(feedback.statuses().count(), usize::from(feedback.status_count));
    // Away from zero, where a reference time cannot be; a multiple of its 24 bits.
    let epoch = 256i64 << 24;
    let base_sequence = 1 << 32 | u64::from(feedback.base_sequence);
    let numbered = (base_sequence..).zip(feedback.statuses());
    let arrivals: Vec<_> = numbered
        .filter_map(|(sequence, status)| {
            let ticks = (status.arrival_ticks? + epoch) as u64;
            Some(Arrival { sequence, ticks })
        })
        .collect();
    let mut header =
        FeedbackHeader { sender_ssrc: 1, media_ssrc: 2, base_sequence, feedback_count: 0 };
    let mut left = &arrivals[..];
    while !left.is_empty() {
        let mut out = Vec::new();
        let taken = header.write(left, &mut out);
        assert!(taken > 0 && out.len() <= 1100);
        let Rtcp::TransportCc(again) = only(&out) else {
            panic!("not a feedback");
        };
        let read =
            (header.base_sequence..).zip(again.statuses()).filter_map(|(sequence, status)| {
                assert_eq!(status.sequence, sequence as u16);
                let ticks = status.arrival_ticks?.rem_euclid(epoch) as u64;
                Some((sequence, ticks))
            });
        let wrapped = |it: &Arrival| (it.sequence, it.ticks % epoch as u64);
        assert!(read.eq(left[..taken].iter().map(wrapped)));
        header.base_sequence = left[taken - 1].sequence + 1;
        left = &left[taken..];
    }
}
