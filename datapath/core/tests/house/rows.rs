//! The rows that calls are made of, as signalling would put them.

use std::sync::LazyLock;

use datapath_core::rows::{
    Codec, Encoding, Feedback, Fingerprint, HeaderExtensions, IceCredentials, LegRow, MediaKind,
    RowId, RowKind, StreamRow, TransportRow,
};

pub const ROOM: u64 = 7;
pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;
pub const VP8_RTX: u8 = 97;
pub const EXTENSIONS: HeaderExtensions = HeaderExtensions {
    mid: 1,
    rid: 0,
    repaired_rid: 0,
    transport_cc: 3,
    abs_send_time: 4,
    audio_level: 5,
    dependency_descriptor: 0,
    playout_delay: 0,
    abs_capture_time: 0,
    allow_mixed: true,
};

/// Of the certificate that every peer shows.
pub static CERTIFICATE: LazyLock<dimpl::DtlsCertificate> = LazyLock::new(|| {
    dimpl::certificate::generate_self_signed_certificate().expect("this machine has randomness")
});

pub fn password(ufrag: &str) -> String {
    format!("{ufrag}-password-of-22-characters")
}

pub fn credentials(ufrag: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ufrag.into(),
        password: password(ufrag).into(),
        remote_ufrag: "them".into(),
    }
}

pub fn transport_row(ufrag: &str) -> TransportRow {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &CERTIFICATE.certificate);
    TransportRow {
        ice: credentials(ufrag),
        ice_previous: None,
        remote_fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: digest.as_ref().into(),
        }],
        extensions: EXTENSIONS,
        feedback: Feedback::None,
        not_after: None,
    }
}

pub fn opus() -> Codec {
    Codec {
        name: "opus".into(),
        payload_type: OPUS,
        clock_hz: 48_000,
        fmtp: "minptime=10".into(),
        rtx_payload_type: None,
    }
}

pub fn vp8() -> Codec {
    Codec {
        name: "VP8".into(),
        payload_type: VP8,
        clock_hz: 90_000,
        fmtp: "".into(),
        rtx_payload_type: Some(VP8_RTX),
    }
}

pub fn video_row(transport: RowId, mid: &str) -> StreamRow {
    StreamRow {
        transport,
        mid: mid.into(),
        kind: MediaKind::Video,
        codecs: vec![vp8()],
        encodings: vec![Encoding { rid: "".into(), ssrc: 1000, rtx_ssrc: 1001 }],
    }
}

/// VP8 under SSRC 1000, repaired under 1001.
pub fn video(transport: RowId, mid: &str) -> RowKind {
    RowKind::Stream(video_row(transport, mid))
}

/// A stream whose SSRC only its MID tells.
pub fn audio(transport: RowId, mid: &str) -> RowKind {
    RowKind::Stream(StreamRow {
        transport,
        mid: mid.into(),
        kind: MediaKind::Audio,
        codecs: vec![opus()],
        encodings: vec![],
    })
}

pub fn leg_row(stream: RowId, transport: RowId, ssrc: u32) -> LegRow {
    LegRow {
        stream,
        transport,
        mid: "3".into(),
        ssrc,
        rtx_ssrc: ssrc + 1,
        codecs: vec![
            Codec { payload_type: 120, rtx_payload_type: Some(121), ..vp8() },
            Codec { payload_type: 122, ..opus() },
        ],
        paused: false,
    }
}

pub fn leg(stream: RowId, transport: RowId, ssrc: u32) -> RowKind {
    RowKind::Leg(leg_row(stream, transport, ssrc))
}

/// A VP8 payload that is the start of a key frame, or is not.
pub fn vp8_payload(key_frame: bool, filling: u8) -> Vec<u8> {
    let mut payload = vec![0x10, u8::from(!key_frame)];
    payload.extend([filling; 60]);
    payload
}
