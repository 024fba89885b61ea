"""From a session description to text.

Lines end in CRLF and stand in the order in which browsers write them. A value that would not come
back as itself (a control character, a line end) raises `SdpError`: nothing that a client chose can
add a line to a description that another client reads.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.sfu.agreement import Fingerprint
from gateway.signalling.sdp.parse import FORBIDDEN
from gateway.signalling.sdp.values import (
    RTP_PROFILES,
    Extmap,
    IceCandidate,
    MediaSection,
    RtcpFeedback,
    Rtpmap,
    SdpError,
    SessionDescription,
    SsrcAttribute,
)


def render(description: SessionDescription) -> str:
    """Write a session description. Raises SdpError for a value that holds a control character."""
    lines = list(_session(description))
    for section in description.sections:
        lines += _media(section, description)
    for line in lines:
        if FORBIDDEN.search(line):
            raise SdpError("A value of the description contains a control character.")
    return "\r\n".join(lines) + "\r\n"


def fingerprint_text(fingerprint: Fingerprint) -> str:
    """RFC 8122 section 5: "sha-256 AB:CD:..."."""
    return f"{fingerprint.algorithm} {fingerprint.value.hex(':').upper()}"


def candidate_text(candidate: IceCandidate) -> str:
    """RFC 8839 section 5.1, without "candidate:"."""
    return (
        f"{candidate.foundation} {candidate.component} {candidate.transport} {candidate.priority}"
        f" {candidate.address} {candidate.port} typ {candidate.type}"
    )


def _session(description: SessionDescription) -> Iterator[str]:
    origin = description.origin
    yield "v=0"
    yield f"o=- {origin.session_id} {origin.version} IN IP4 0.0.0.0"
    yield "s=-"
    yield "t=0 0"
    if description.ice_lite:
        yield "a=ice-lite"
    for group in description.groups:
        yield " ".join((f"a=group:{group.semantics}", *group.mids))
    if description.extmap_allow_mixed:
        yield "a=extmap-allow-mixed"
    if description.msid_semantic:
        yield f"a=msid-semantic:{description.msid_semantic}"


def _media(section: MediaSection, description: SessionDescription) -> Iterator[str]:
    yield f"m={section.kind} {section.port} {section.protocol} {' '.join(section.formats)}"
    # All candidates are in the description, or trickled: the default one is never used.
    yield "c=IN IP4 0.0.0.0"
    if section.mid:
        yield f"a=mid:{section.mid}"
    yield from _transport(section)
    if section.extmap_allow_mixed and not description.extmap_allow_mixed:
        yield "a=extmap-allow-mixed"
    for extmap in section.extmaps:
        yield _extmap(extmap)
    if section.kind != "application":
        yield f"a={section.direction}"
    yield from _formats(section)
    yield from _sources(section)
    if section.sctp_port is not None:
        yield f"a=sctp-port:{section.sctp_port}"
    if section.max_message_bytes is not None:
        yield f"a=max-message-size:{section.max_message_bytes}"


def _transport(section: MediaSection) -> Iterator[str]:
    if section.bundle_only:
        yield "a=bundle-only"
    if section.ice_ufrag:
        yield f"a=ice-ufrag:{section.ice_ufrag}"
    if section.ice_pwd:
        yield f"a=ice-pwd:{section.ice_pwd}"
    for fingerprint in section.fingerprints:
        yield f"a=fingerprint:{fingerprint_text(fingerprint)}"
    if section.setup is not None:
        yield f"a=setup:{section.setup}"
    for candidate in section.candidates:
        yield f"a=candidate:{candidate_text(candidate)}"
    if section.end_of_candidates:
        yield "a=end-of-candidates"
    if section.rtcp_mux:
        yield "a=rtcp-mux"
    if section.rtcp_rsize:
        yield "a=rtcp-rsize"


def _formats(section: MediaSection) -> Iterator[str]:
    for rtpmap in section.rtpmaps:
        yield _rtpmap(rtpmap)
    for feedback in section.rtcp_feedback:
        yield _rtcp_feedback(feedback)
    for fmtp in section.fmtps if section.protocol.endswith(RTP_PROFILES) else ():
        yield f"a=fmtp:{fmtp.payload_type} {fmtp.parameters}"


def _sources(section: MediaSection) -> Iterator[str]:
    for msid in section.msids:
        yield f"a=msid:{msid.stream} {msid.track}".rstrip(" ")
    for group in section.ssrc_groups:
        yield " ".join((f"a=ssrc-group:{group.semantics}", *map(str, group.ssrcs)))
    for ssrc in section.ssrcs:
        yield _ssrc(ssrc)
    for rid in section.rids:
        yield f"a=rid:{rid.id} {rid.direction}"
    if section.simulcast:
        yield f"a=simulcast:{section.simulcast}"


def _rtpmap(rtpmap: Rtpmap) -> str:
    channels = f"/{rtpmap.channels}" if rtpmap.channels != 1 else ""
    return f"a=rtpmap:{rtpmap.payload_type} {rtpmap.name}/{rtpmap.clock_hz}{channels}"


def _rtcp_feedback(feedback: RtcpFeedback) -> str:
    number = "*" if feedback.payload_type is None else str(feedback.payload_type)
    return f"a=rtcp-fb:{number} {feedback.value}"


def _extmap(extmap: Extmap) -> str:
    direction = f"/{extmap.direction}" if extmap.direction else ""
    return f"a=extmap:{extmap.id}{direction} {extmap.uri}"


def _ssrc(ssrc: SsrcAttribute) -> str:
    return f"a=ssrc:{ssrc.ssrc} {ssrc.attribute}" + (f":{ssrc.value}" if ssrc.value else "")
