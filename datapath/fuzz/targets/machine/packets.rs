//! What peers send once they are connected, and what strangers send.

use datapath_wire::rtcp::{
    Nack, PictureLoss, ReceiverReport, ReportBlock, ReportBlocks, SenderReport,
};
use datapath_wire::rtp::Header;

use crate::bytes::Bytes;
use crate::house::header;
use crate::rows::{PAYLOAD_TYPES, SSRCS};

/// An RTP packet before it is sealed; its number is the sender's to choose.
pub struct Rtp {
    pub header: Header,
    pub elements: Vec<(u8, Vec<u8>)>,
    pub payload: Vec<u8>,
}

pub fn rtp(bytes: &mut Bytes<'_>) -> Rtp {
    let ssrc = bytes.one_of(&SSRCS);
    let payload_type = bytes.one_of(&PAYLOAD_TYPES);
    let mut elements = Vec::new();
    for _ in 0..bytes.below(4) {
        let id = 1 + bytes.byte() % 7;
        let data: &[u8] = match bytes.below(4) {
            0 => b"0",
            1 => b"1",
            2 => &[0, bytes.byte()],
            _ => bytes.take(16),
        };
        if !data.is_empty() {
            elements.push((id, data.to_vec()));
        }
    }
    let mut payload = match bytes.below(4) {
        0 => vec![0x10, 0, 1, 2, 3, 4, 5, 6, 7],
        1 => [&bytes.word().to_be_bytes()[..], &[0x10, 1, 9]].concat(),
        _ => bytes.take(1400).to_vec(),
    };
    payload.truncate(1400);
    let has_padding = bytes.rare();
    let timestamp = u32::from(bytes.word()) << 8;
    let marker = bytes.flag();
    let header = Header { marker, has_padding, ..header(payload_type, ssrc, 0, timestamp) };
    Rtp { header, elements, payload }
}

/// A compound, well-formed or not.
pub fn rtcp(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..=bytes.below(4) {
        let ssrc = bytes.one_of(&SSRCS).wrapping_add(bytes.byte().into());
        match bytes.below(6) {
            0 => {
                let first = bytes.word();
                let numbers = (0..u16::from(bytes.byte())).map(|step| first.wrapping_add(step));
                Nack::write_lost(&mut out, 1, ssrc, numbers);
            }
            1 => PictureLoss { sender_ssrc: 1, media_ssrc: ssrc }.write(&mut out),
            2 => {
                let block = ReportBlock {
                    ssrc,
                    last_sender_report: bytes.word().into(),
                    delay_since_last_sender_report: bytes.word().into(),
                    ..ReportBlock::default()
                };
                ReceiverReport { ssrc: 1, blocks: ReportBlocks::of(&[block]) }.write(&mut out);
            }
            3 => SenderReport {
                ssrc,
                ntp: u64::from(bytes.word()) << 48 | u64::from(bytes.word()),
                rtp_timestamp: bytes.word().into(),
                packets: 1,
                octets: 1,
                blocks: ReportBlocks::of(&[]),
            }
            .write(&mut out),
            _ => {
                let raw = bytes.take(200);
                out.extend([0x80 | bytes.byte() & 0x3f, 200 + bytes.byte() % 8]);
                out.extend(((raw.len() / 4) as u16).to_be_bytes());
                out.extend(raw);
            }
        }
    }
    out.resize(out.len().max(8).min(1400), 0);
    out
}

/// Anything, more often than not with a first byte that means something.
pub fn garbage(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut out = bytes.take(1400).to_vec();
    let kinds = [0, 20, 22, 23, 0x2f, 64, 0x80, 0x90, 0xb0, 255];
    if let (Some(first), false) = (out.first_mut(), bytes.rare()) {
        *first = bytes.one_of(&kinds);
    }
    out
}
