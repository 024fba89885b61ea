//! A Transport row's fields: ICE credentials (RFC 8445, RFC 8839), fingerprints (RFC 8122) and header
//! extensions (RFC 8285).

use std::ops::RangeInclusive;

use datapath_core::rows as core;

use super::{Fault, note, time};
use crate::contract::Reason;
use crate::contract::proto;

/// Most fingerprints of one remote: an SDP has one per certificate, and browsers send one.
const MAX_FINGERPRINTS: usize = 8;
/// RFC 8445 section 5.3.
const UFRAG_BYTES: RangeInclusive<usize> = 4..=256;
const PASSWORD_BYTES: RangeInclusive<usize> = 22..=256;

pub(super) fn transport(worker: u32, row: &proto::Transport) -> Result<core::TransportRow, Fault> {
    note(&row.note)?;
    let ice = row.ice.as_ref().ok_or((Reason::Malformed, "a transport has ICE credentials"))?;
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
        return Err((Reason::Malformed, "the ICE password is not 22 to 256 ice-chars"));
    }
    if ice.remote_ufrag.len() > *UFRAG_BYTES.end() || !ice_chars(&ice.remote_ufrag) {
        return Err((Reason::Malformed, "the remote ufrag is not at most 256 ice-chars"));
    }
    if ice.ufrag.get(..2) != Some(format!("{worker:02x}").as_str()) {
        return Err((Reason::Malformed, "the ufrag does not begin with the row's worker"));
    }
    Ok(core::IceCredentials {
        ufrag: ice.ufrag.as_str().into(),
        password: ice.password.as_str().into(),
        remote_ufrag: ice.remote_ufrag.as_str().into(),
    })
}

/// RFC 8839 section 5.4.
fn ice_chars(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
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
        return Err((Reason::Malformed, "the fingerprint's length is not its algorithm's"));
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
            return Err((Reason::Malformed, "two header extensions have one identifier"));
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
        Ok(_) | Err(_) => Err((Reason::Malformed, "a header extension's identifier is impossible")),
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
