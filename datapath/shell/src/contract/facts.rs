//! Facts of the machine become messages of the contract here. Addresses are not among them.

use datapath_core::Time;
use datapath_core::facts as core;
use datapath_core::srtp::Profile;

use super::proto::{self, facts::Kind};

/// The first listener has row id 1: the machine counts listeners from 0.
pub(crate) const fn listener_row(index: u16) -> u64 {
    index as u64 + 1
}

/// What the machine knows of one row, as the contract says it.
pub(crate) fn facts(facts: &core::Facts) -> proto::Facts {
    let kind = match &facts.kind {
        core::FactsKind::Transport(value) => Kind::Transport(transport(value)),
        core::FactsKind::Stream(value) => Kind::Stream(stream(value)),
        core::FactsKind::Leg(value) => Kind::Leg(leg(value)),
        core::FactsKind::Ended => Kind::Ended(ended(proto::ended::Reason::NotAfter)),
    };
    proto::Facts { row: facts.row, revision: facts.revision, room: facts.room, kind: Some(kind) }
}

/// The last facts of a row.
pub(crate) fn ended(reason: proto::ended::Reason) -> proto::Ended {
    proto::Ended { reason: reason.into() }
}

fn transport(facts: &core::TransportFacts) -> proto::TransportFacts {
    let (dtls, failure) = dtls(facts.dtls);
    proto::TransportFacts {
        path: facts.path.map(path),
        reach: reach(facts.reach).into(),
        reach_since_ns: facts.reach_since.0,
        dtls: dtls.into(),
        dtls_failure: failure.into(),
        srtp_profile: facts.srtp_profile.map_or("", profile).into(),
        estimate_bps: 0,
        connected_ns: ns(facts.connected),
    }
}

fn path(path: core::PathFacts) -> proto::Path {
    let family = if path.ipv6 { proto::path::Family::Ipv6 } else { proto::path::Family::Ipv4 };
    proto::Path {
        listener: listener_row(path.listener),
        protocol: proto::path::Protocol::Udp.into(),
        family: family.into(),
    }
}

const fn reach(reach: core::Reach) -> proto::transport_facts::Reach {
    use proto::transport_facts::Reach;
    match reach {
        core::Reach::New => Reach::New,
        core::Reach::Up => Reach::Up,
        core::Reach::Silent => Reach::Silent,
        core::Reach::Lost => Reach::Lost,
    }
}

const fn dtls(
    state: core::DtlsState,
) -> (proto::transport_facts::Dtls, proto::transport_facts::DtlsFailure) {
    use proto::transport_facts::{Dtls, DtlsFailure};
    match state {
        core::DtlsState::New => (Dtls::New, DtlsFailure::None),
        core::DtlsState::Connected => (Dtls::Connected, DtlsFailure::None),
        core::DtlsState::Closed => (Dtls::Closed, DtlsFailure::None),
        core::DtlsState::Failed(why) => (
            Dtls::Failed,
            match why {
                core::DtlsFailure::Fingerprint => DtlsFailure::Fingerprint,
                core::DtlsFailure::Handshake => DtlsFailure::Handshake,
                core::DtlsFailure::Timeout => DtlsFailure::Timeout,
                core::DtlsFailure::NoSrtpProfile => DtlsFailure::NoSrtpProfile,
            },
        ),
    }
}

/// RFC 5764 section 4.1.2 and RFC 7714 section 14.2 name the profiles.
const fn profile(profile: Profile) -> &'static str {
    match profile {
        Profile::AeadAes128Gcm => "AEAD_AES_128_GCM",
        Profile::AeadAes256Gcm => "AEAD_AES_256_GCM",
        Profile::Aes128CmHmacSha1_80 => "AES128_CM_HMAC_SHA1_80",
    }
}

fn stream(facts: &core::StreamFacts) -> proto::StreamFacts {
    proto::StreamFacts {
        flowing: facts.flowing,
        first_packet_ns: ns(facts.first_packet),
        encodings: facts
            .encodings
            .iter()
            .map(|encoding| proto::EncodingFacts {
                rid: encoding.rid.as_ref().into(),
                ssrc: encoding.ssrc,
                flowing: encoding.flowing,
                bps: 0,
            })
            .collect(),
        payload_type: facts.payload_type.into(),
    }
}

fn leg(facts: &core::LegFacts) -> proto::LegFacts {
    proto::LegFacts {
        flowing: facts.flowing,
        first_packet_ns: ns(facts.first_packet),
        ..proto::LegFacts::default()
    }
}

fn ns(time: Option<Time>) -> u64 {
    time.map_or(0, |time| time.0)
}
