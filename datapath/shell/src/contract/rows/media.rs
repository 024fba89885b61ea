//! The fields of Stream and Leg rows: codecs, encodings, SSRCs.

use datapath_core::rows as core;

use super::{Fault, note, token};
use crate::contract::Reason;
use crate::contract::proto;

/// Most codecs of one row: RFC 3551 leaves 32 dynamic payload types in its first range.
const MAX_CODECS: usize = 32;
/// Most encodings of one stream: RFC 8853 has no bound, clients send three.
const MAX_ENCODINGS: usize = 16;

pub(super) fn stream(row: &proto::Stream) -> Result<core::StreamRow, Fault> {
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

pub(super) fn leg(row: &proto::Leg) -> Result<core::LegRow, Fault> {
    note(&row.note)?;
    if row.ssrc == 0 {
        return Err((Reason::Malformed, "a leg has an SSRC"));
    }
    if row.ssrc == row.rtx_ssrc {
        return Err((Reason::Malformed, "a leg's retransmissions have an SSRC of their own"));
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
