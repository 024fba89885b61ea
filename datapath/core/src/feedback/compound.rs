//! The reports of one transport as compound packets (RFC 3550 section 6.1): a report first, a CNAME
//! for every SSRC that reports, and no packet beyond an MTU.
//!
//! It writes what it is given and decides nothing. NACK, PLI and transport-wide feedback do not ride
//! along: they leave when they are due, alone, as reduced-size RTCP (RFC 5506).

use datapath_wire::rtcp::{ReceiverReport, ReportBlock, ReportBlocks, Sdes, SenderReport};

use crate::feedback::reports::Cname;

/// Most octets of one compound; with the SRTCP trailer it fits the smallest path MTU.
const COMPOUND_BYTES: usize = 1100;

/// SDES chunk with a `Cname`, header and padding included.
const SDES_BYTES: usize = 28;

/// Sender report without blocks, and its SDES.
const SENDER_BYTES: usize = 28 + SDES_BYTES;

/// What a report can carry, RFC 3550 section 6.4.
const BLOCKS: usize = 31;

/// How much of what was given went into a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Sender reports, from the first.
    pub senders: usize,
    /// Report blocks, from the first.
    pub blocks: usize,
}

/// Appends one compound with as many of `blocks` (under `own_ssrc`) and of `senders` as fit, and
/// nothing if there are none. The rest goes into a further compound.
#[must_use = "what did not fit goes into a further compound"]
pub fn write_compound(
    out: &mut Vec<u8>,
    own_ssrc: u32,
    cname: &Cname,
    blocks: &[ReportBlock],
    senders: &[SenderReport<'_>],
) -> Written {
    let start = out.len();
    let blocks = &blocks[..blocks.len().min(BLOCKS)];
    if !blocks.is_empty() {
        ReceiverReport {
            ssrc: own_ssrc,
            blocks: ReportBlocks::of(blocks),
        }
        .write(out);
        Sdes::write_cname(out, own_ssrc, cname.as_str());
    }
    let room = COMPOUND_BYTES.saturating_sub(out.len() - start) / SENDER_BYTES;
    let senders = &senders[..senders.len().min(room)];
    for sender in senders {
        sender.write(out);
        Sdes::write_cname(out, sender.ssrc, cname.as_str());
    }
    Written {
        senders: senders.len(),
        blocks: blocks.len(),
    }
}

#[cfg(test)]
mod tests {
    use datapath_wire::rtcp::{Rtcp, packets};
    use proptest::prelude::*;

    use super::*;

    fn cname() -> Cname {
        Cname::new([7; 12])
    }

    fn sender(ssrc: u32) -> SenderReport<'static> {
        let blocks = ReportBlocks::of(&[]);
        SenderReport {
            ssrc,
            ntp: 1,
            rtp_timestamp: 2,
            packets: 3,
            octets: 4,
            blocks,
        }
    }

    #[test]
    fn nothing_to_report_is_no_packet() {
        let mut out = Vec::new();
        let written = write_compound(&mut out, 1, &cname(), &[], &[]);
        assert_eq!(
            (written, out.len()),
            (
                Written {
                    senders: 0,
                    blocks: 0
                },
                0
            )
        );
    }

    proptest! {
        #[test]
        fn everything_is_told_once_in_compounds_that_fit_and_every_reporter_has_a_name(
            blocks in 0u32..80, senders in 0u32..80,
        ) {
            let blocks: Vec<_> = (0..blocks).map(|ssrc| ReportBlock { ssrc, ..Default::default() }).collect();
            let senders: Vec<_> = (1000..1000 + senders).map(sender).collect();
            let (mut blocks_left, mut senders_left) = (&blocks[..], &senders[..]);
            let (mut told_blocks, mut told_senders) = (Vec::new(), Vec::new());
            while !(blocks_left.is_empty() && senders_left.is_empty()) {
                let mut out = Vec::new();
                let written = write_compound(&mut out, 9, &cname(), blocks_left, senders_left);
                prop_assert!(!out.is_empty() && out.len() <= COMPOUND_BYTES);
                blocks_left = &blocks_left[written.blocks..];
                senders_left = &senders_left[written.senders..];
                let (mut reporters, mut named) = (Vec::new(), Vec::new());
                for packet in packets(&out) {
                    let packet = packet.expect("well formed");
                    if let Rtcp::ReceiverReport(report) = packet {
                        reporters.push(report.ssrc);
                        told_blocks.extend(report.blocks.iter());
                    } else if let Rtcp::SenderReport(report) = packet {
                        reporters.push(report.ssrc);
                        told_senders.push(report.ssrc);
                    } else if let Rtcp::Sdes(sdes) = packet {
                        named.extend(sdes.items().filter(|item| item.kind == 1).map(|item| item.ssrc));
                    } else {
                        prop_assert!(false, "{:?}", packet);
                    }
                    prop_assert!(!reporters.is_empty(), "a report leads");
                }
                prop_assert_eq!(reporters, named);
            }
            prop_assert_eq!(told_blocks, blocks);
            prop_assert_eq!(told_senders, senders.iter().map(|report| report.ssrc).collect::<Vec<_>>());
        }
    }
}
