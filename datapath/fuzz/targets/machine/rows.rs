//! Rows, plausible where a byte is 0 and less so where it is not.

use datapath_core::Time;
use datapath_core::rows::{
    Codec, Encoding, Feedback, HeaderExtensions, IceCredentials, LegRow, MediaKind, RowId,
    StreamRow, TransportRow,
};

use crate::bytes::Bytes;
use crate::house;

pub const UFRAGS: [&str; 6] = ["00u1", "00u2", "00u3", "00a", "00b", "00c"];
const MIDS: [&str; 5] = ["0", "1", "2", "", "a mid that is longer than sixteen bytes"];
/// Also of what peers send.
pub const SSRCS: [u32; 8] = [1000, 1001, 77, 1002, 1003, 5000, 0, u32::MAX];
pub const PAYLOAD_TYPES: [u8; 6] = [house::VP8, house::OPUS, house::VP8_RTX, 120, 0, 127];

pub fn transport(bytes: &mut Bytes<'_>, now: Time) -> TransportRow {
    let ice = house::credentials(bytes.one_of(&UFRAGS));
    TransportRow {
        ice_previous: bytes.flag().then(|| house::credentials(bytes.one_of(&UFRAGS))),
        not_after: bytes.rare().then(|| not_after(bytes, now)),
        remote_fingerprints: if bytes.rare() {
            Vec::new()
        } else {
            house::transport_row("00u").remote_fingerprints
        },
        ..transport_with(bytes, ice)
    }
}

/// What may be changed of a transport that is connected.
pub fn transport_with(bytes: &mut Bytes<'_>, ice: IceCredentials) -> TransportRow {
    let extensions = match bytes.below(4) {
        0 | 1 => house::EXTENSIONS,
        2 => HeaderExtensions::default(),
        _ => HeaderExtensions {
            mid: bytes.byte(),
            rid: bytes.byte(),
            repaired_rid: bytes.byte(),
            transport_cc: bytes.byte(),
            abs_send_time: bytes.byte(),
            audio_level: bytes.byte(),
            dependency_descriptor: bytes.byte(),
            playout_delay: bytes.byte(),
            abs_capture_time: bytes.byte(),
            allow_mixed: bytes.flag(),
        },
    };
    let feedback = [Feedback::TransportCc, Feedback::Remb, Feedback::None];
    TransportRow { ice, extensions, feedback: bytes.one_of(&feedback), ..house::transport_row("") }
}

fn not_after(bytes: &mut Bytes<'_>, now: Time) -> Time {
    let later = u64::from(bytes.word()) * 1_000_000;
    bytes.one_of(&[Time(now.0 + later), Time(now.0.saturating_sub(later)), Time(0), Time(u64::MAX)])
}

fn codecs(bytes: &mut Bytes<'_>) -> Vec<Codec> {
    let codec = |bytes: &mut Bytes<'_>| Codec {
        name: bytes.one_of(&["VP8", "opus", "H264", ""]).into(),
        payload_type: bytes.one_of(&PAYLOAD_TYPES),
        clock_hz: bytes.one_of(&[90_000, 48_000, 0, u32::MAX]),
        fmtp: bytes.one_of(&["", "minptime=10"]).into(),
        rtx_payload_type: bytes.flag().then(|| bytes.one_of(&PAYLOAD_TYPES)),
    };
    match bytes.below(4) {
        0 | 1 => vec![house::vp8(), house::opus()],
        2 => Vec::new(),
        _ => (0..bytes.below(4)).map(|_| codec(bytes)).collect(),
    }
}

pub fn stream(bytes: &mut Bytes<'_>, transport: RowId) -> StreamRow {
    let encodings = match bytes.below(4) {
        0 => vec![Encoding { rid: "".into(), ssrc: 1000, rtx_ssrc: 1001 }],
        1 => Vec::new(),
        _ => (0..bytes.below(12))
            .map(|_| Encoding {
                rid: bytes.one_of(&["", "q", "f"]).into(),
                ssrc: bytes.one_of(&SSRCS),
                rtx_ssrc: bytes.one_of(&SSRCS),
            })
            .collect(),
    };
    StreamRow {
        transport,
        mid: bytes.one_of(&MIDS).into(),
        kind: bytes.one_of(&[MediaKind::Video, MediaKind::Audio]),
        codecs: codecs(bytes),
        encodings,
    }
}

pub fn leg(bytes: &mut Bytes<'_>, stream: RowId, transport: RowId) -> LegRow {
    let ssrc = 5000 + 2 * u32::from(bytes.byte() % 8);
    let rtx_ssrc = match bytes.below(4) {
        0 | 1 => ssrc + 1,
        2 => 0,
        _ => bytes.one_of(&SSRCS),
    };
    let plausible = house::leg_row(stream, transport, ssrc);
    LegRow {
        rtx_ssrc,
        mid: bytes.one_of(&MIDS).into(),
        codecs: if bytes.rare() { codecs(bytes) } else { plausible.codecs.clone() },
        paused: bytes.rare(),
        ..plausible
    }
}
