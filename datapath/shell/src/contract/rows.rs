//! Puts of the contract become rows of the machine here, once: what is impossible in itself is
//! refused with a sentence, so that nothing behind this file looks at it again. What only a table
//! can know (does the stream exist, is the SSRC taken) is not asked here.

use datapath_core::Time;
use datapath_core::rows as core;

use super::proto::{self, row::Kind};
use super::{Reason, Refusal};

/// Most bytes of a note or a memo's value. A higher value makes a `Dump`, and with it a restart of
/// the control plane, slower.
const MAX_NOTE_BYTES: usize = 64 << 10;
/// RFC 5888 and RFC 8851 set no bound on these tokens; an RTP header extension element does.
const MAX_TOKEN_BYTES: usize = 255;
const MAX_CODECS: usize = 32;
const MAX_ENCODINGS: usize = 16;
const MAX_FINGERPRINTS: usize = 8;
/// RFC 8445 section 5.3.
const UFRAG_BYTES: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 22..=256;

/// What a put asks for.
pub(crate) enum Put {
    /// A row that carries packets.
    Machine(core::Row),
    /// A note and nothing else.
    Memo,
}

/// Why a field is impossible; the row's id is added by `parse`.
type Fault = (Reason, &'static str);

/// Makes of a put what it asks for, or says what is wrong with it.
pub(crate) fn parse(row: &proto::Row) -> Result<Put, Refusal> {
    let parsed = match row.kind.as_ref() {
        Some(Kind::Transport(value)) => transport(row.worker, value).map(core::RowKind::Transport),
        Some(Kind::Stream(value)) => stream(value).map(core::RowKind::Stream),
        Some(Kind::Leg(value)) => leg(value).map(core::RowKind::Leg),
        Some(Kind::Memo(value)) => {
            return memo(value).map_err(|(reason, detail)| Refusal::row(row.id, reason, detail));
        }
        Some(Kind::Listener(_)) => Err((
            Reason::Unsupported,
            "listeners come from the command line and cannot be put",
        )),
        Some(
            Kind::DataChannel(_)
            | Kind::Allocation(_)
            | Kind::Permission(_)
            | Kind::Channel(_)
            | Kind::Link(_),
        ) => Err((
            Reason::Unsupported,
            "rows of this kind are not in this datapath's capabilities",
        )),
        None => Err((
            Reason::Unsupported,
            "the row is of no kind that this datapath knows",
        )),
    };
    match parsed {
        Ok(kind) => Ok(Put::Machine(core::Row { id: row.id, kind })),
        Err((reason, detail)) => Err(Refusal::row(row.id, reason, detail)),
    }
}

fn memo(memo: &proto::Memo) -> Result<Put, Fault> {
    note(&memo.value)?;
    note(memo.scope.as_bytes())?;
    note(memo.key.as_bytes())?;
    Ok(Put::Memo)
}

fn transport(worker: u32, row: &proto::Transport) -> Result<core::TransportRow, Fault> {
    note(&row.note)?;
    let ice = row
        .ice
        .as_ref()
        .ok_or((Reason::Malformed, "a transport has ICE credentials"))?;
    if row.remote_fingerprints.len() > MAX_FINGERPRINTS {
        return Err((Reason::Limit, "too many fingerprints"));
    }
    Ok(core::TransportRow {
        ice: credentials(worker, ice)?,
        ice_previous: row
            .ice_previous
            .as_ref()
            .map(|previous| credentials(worker, previous))
            .transpose()?,
        remote_fingerprints: row
            .remote_fingerprints
            .iter()
            .map(fingerprint)
            .collect::<Result<_, _>>()?,
        extensions: extensions(&row.extensions.unwrap_or_default())?,
        feedback: feedback(row.feedback)?,
        not_after: time(row.not_after_ns),
    })
}

fn credentials(worker: u32, ice: &proto::IceCredentials) -> Result<core::IceCredentials, Fault> {
    if !UFRAG_BYTES.contains(&ice.ufrag.len()) || !ice_chars(&ice.ufrag) {
        return Err((Reason::Malformed, "the ufrag is not 4 to 256 ice-chars"));
    }
    if !PASSWORD_BYTES.contains(&ice.password.len()) || !ice_chars(&ice.password) {
        return Err((
            Reason::Malformed,
            "the ICE password is not 22 to 256 ice-chars",
        ));
    }
    if ice.remote_ufrag.len() > *UFRAG_BYTES.end() || !ice_chars(&ice.remote_ufrag) {
        return Err((
            Reason::Malformed,
            "the remote ufrag is not at most 256 ice-chars",
        ));
    }
    if ice.ufrag.get(..2) != Some(format!("{worker:02x}").as_str()) {
        return Err((
            Reason::Malformed,
            "the ufrag does not begin with the row's worker",
        ));
    }
    Ok(core::IceCredentials {
        ufrag: ice.ufrag.as_str().into(),
        password: ice.password.as_str().into(),
        remote_ufrag: ice.remote_ufrag.as_str().into(),
    })
}

/// RFC 8839 section 5.4.
fn ice_chars(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

fn fingerprint(fingerprint: &proto::Fingerprint) -> Result<core::Fingerprint, Fault> {
    let bytes = match fingerprint.algorithm.as_str() {
        "sha-256" => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        _ => {
            return Err((
                Reason::Malformed,
                "the fingerprint is not of sha-256, sha-384 or sha-512",
            ));
        }
    };
    if fingerprint.value.len() != bytes {
        return Err((
            Reason::Malformed,
            "the fingerprint's length is not its algorithm's",
        ));
    }
    Ok(core::Fingerprint {
        algorithm: fingerprint.algorithm.as_str().into(),
        value: fingerprint.value.as_slice().into(),
    })
}

fn extensions(ext: &proto::HeaderExtensions) -> Result<core::HeaderExtensions, Fault> {
    let parsed = core::HeaderExtensions {
        mid: extension(ext.mid)?,
        rid: extension(ext.rid)?,
        repaired_rid: extension(ext.repaired_rid)?,
        transport_cc: extension(ext.transport_cc)?,
        abs_send_time: extension(ext.abs_send_time)?,
        audio_level: extension(ext.audio_level)?,
        dependency_descriptor: extension(ext.dependency_descriptor)?,
        playout_delay: extension(ext.playout_delay)?,
        abs_capture_time: extension(ext.abs_capture_time)?,
        allow_mixed: ext.allow_mixed,
    };
    let mut used = [false; 256];
    for id in identifiers(&parsed).into_iter().filter(|id| *id != 0) {
        if std::mem::replace(&mut used[usize::from(id)], true) {
            return Err((
                Reason::Malformed,
                "two header extensions have one identifier",
            ));
        }
    }
    Ok(parsed)
}

const fn identifiers(ext: &core::HeaderExtensions) -> [u8; 9] {
    [
        ext.mid,
        ext.rid,
        ext.repaired_rid,
        ext.transport_cc,
        ext.abs_send_time,
        ext.audio_level,
        ext.dependency_descriptor,
        ext.playout_delay,
        ext.abs_capture_time,
    ]
}

/// RFC 8285 sections 4.2 and 4.3: 15 means "stop" in one-byte headers and is not negotiated.
fn extension(id: u32) -> Result<u8, Fault> {
    match u8::try_from(id) {
        Ok(id) if id != 15 => Ok(id),
        Ok(_) | Err(_) => Err((
            Reason::Malformed,
            "a header extension's identifier is impossible",
        )),
    }
}

fn feedback(value: i32) -> Result<core::Feedback, Fault> {
    match proto::Feedback::try_from(value) {
        Ok(proto::Feedback::None) => Ok(core::Feedback::None),
        Ok(proto::Feedback::TransportCc) => Ok(core::Feedback::TransportCc),
        Ok(proto::Feedback::Remb) => Ok(core::Feedback::Remb),
        Err(_) => Err((Reason::Malformed, "the feedback is of no known kind")),
    }
}

fn stream(row: &proto::Stream) -> Result<core::StreamRow, Fault> {
    note(&row.note)?;
    if row.encodings.len() > MAX_ENCODINGS {
        return Err((Reason::Limit, "too many encodings"));
    }
    Ok(core::StreamRow {
        transport: row.transport,
        mid: token(&row.mid)?,
        kind: match row.kind() {
            proto::MediaKind::Audio => core::MediaKind::Audio,
            proto::MediaKind::Video => core::MediaKind::Video,
            proto::MediaKind::Unspecified => {
                return Err((Reason::Malformed, "a stream is audio or video"));
            }
        },
        codecs: codecs(&row.codecs)?,
        encodings: row
            .encodings
            .iter()
            .map(|encoding| {
                Ok(core::Encoding {
                    rid: token(&encoding.rid)?,
                    ssrc: encoding.ssrc,
                    rtx_ssrc: encoding.rtx_ssrc,
                })
            })
            .collect::<Result<_, _>>()?,
    })
}

fn leg(row: &proto::Leg) -> Result<core::LegRow, Fault> {
    note(&row.note)?;
    if row.ssrc == 0 {
        return Err((Reason::Malformed, "a leg has an SSRC"));
    }
    if row.ssrc == row.rtx_ssrc {
        return Err((
            Reason::Malformed,
            "a leg's retransmissions have an SSRC of their own",
        ));
    }
    if row.red() == proto::leg::Red::Unwrap {
        return Err((Reason::Unsupported, "RED is not unwrapped by this datapath"));
    }
    Ok(core::LegRow {
        stream: row.stream,
        transport: row.transport,
        mid: token(&row.mid)?,
        ssrc: row.ssrc,
        rtx_ssrc: row.rtx_ssrc,
        codecs: codecs(&row.codecs)?,
        paused: row.paused,
    })
}

fn codecs(codecs: &[proto::Codec]) -> Result<Vec<core::Codec>, Fault> {
    if codecs.is_empty() {
        return Err((Reason::Malformed, "a codec is needed"));
    }
    if codecs.len() > MAX_CODECS {
        return Err((Reason::Limit, "too many codecs"));
    }
    codecs.iter().map(codec).collect()
}

fn codec(codec: &proto::Codec) -> Result<core::Codec, Fault> {
    if codec.name.is_empty() || codec.clock_hz == 0 {
        return Err((Reason::Malformed, "a codec has a name and a clock"));
    }
    note(codec.fmtp.as_bytes())?;
    Ok(core::Codec {
        name: token(&codec.name)?,
        payload_type: payload_type(codec.payload_type)?,
        clock_hz: codec.clock_hz,
        fmtp: codec.fmtp.as_str().into(),
        rtx_payload_type: match codec.rtx_payload_type {
            0 => None,
            number => Some(payload_type(number)?),
        },
    })
}

fn payload_type(number: u32) -> Result<u8, Fault> {
    match u8::try_from(number) {
        Ok(number) if number < 128 => Ok(number),
        Ok(_) | Err(_) => Err((Reason::Malformed, "a payload type is above 127")),
    }
}

fn token(text: &str) -> Result<Box<str>, Fault> {
    if text.len() > MAX_TOKEN_BYTES {
        return Err((Reason::Malformed, "a mid, rid or codec name is too long"));
    }
    Ok(text.into())
}

fn note(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() > MAX_NOTE_BYTES {
        return Err((Reason::Limit, "a note, memo or text is above 64 KiB"));
    }
    Ok(())
}

const fn time(ns: u64) -> Option<Time> {
    if ns == 0 { None } else { Some(Time(ns)) }
}

/// What the machine refuses, as the contract says it.
impl From<core::Refusal> for Refusal {
    fn from(refusal: core::Refusal) -> Self {
        let reason = match refusal.reason {
            core::RefusalReason::Malformed => Reason::Malformed,
            core::RefusalReason::UnknownReference => Reason::UnknownReference,
            core::RefusalReason::Conflict => Reason::Conflict,
        };
        Self::row(refusal.row, reason, refusal.detail)
    }
}
