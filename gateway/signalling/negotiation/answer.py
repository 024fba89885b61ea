"""The client offers, we answer: its publisher connection, or its one connection (dialect v1).

RFC 9429 section 5.3 for an answerer that is ICE-lite and bundles everything. On a publisher
connection we only receive; on a single one we also send, on sections that the client offered to
receive on (`legs`). The answer takes no RID and no a=simulcast: a client that offered simulcast
then sends one encoding. Header extensions are taken on sections that carry nothing yet as well,
because a client refuses simulcast later on when the first answer did not have them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ids import RowIds
from gateway.sfu.agreement import (
    Agreement,
    Extensions,
    Feedback,
    Kind,
    NoteError,
    Role,
    Section,
    SectionUse,
)
from gateway.signalling.negotiation import codecs, extensions, legs, sources, transport
from gateway.signalling.negotiation.claims import claim
from gateway.signalling.negotiation.values import (
    Answered,
    Claimed,
    NegotiationRefused,
    Ours,
    PendingTrack,
    SectionRejected,
    WantedLeg,
)
from gateway.signalling.sdp import (
    Direction,
    MediaSection,
    SdpError,
    SessionDescription,
    Setup,
    parse,
    render,
)

# RFC 8841: the port inside DTLS, 5000 by custom; one message as clients of this protocol limit it.
SCTP_PORT = 5000
MAX_MESSAGE_BYTES = 65535

_SCTP_PROTOCOLS = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP")
_RTP_PROTOCOLS = ("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF")


def answer_offer(
    offer_sdp: str,
    *,
    agreement: Agreement,
    pending: Sequence[PendingTrack],
    ours: Ours,
    wanted: Sequence[WantedLeg] = (),
    offer_id: int = 0,
) -> Answered | NegotiationRefused:
    """Answer the client's offer on the transport of `agreement`, whose role is not SUBSCRIBER.

    `pending` are announced and permitted tracks that no section carries yet, in order of their
    AddTrack; a section whose track is not announced yet becomes a STREAM without row
    (`claim_sections`). `wanted` are all tracks that the client shall receive on this transport:
    none on one that only publishes.
    """
    try:
        offer = parse(offer_sdp)
        settled, taken, rejected = _settle(offer, agreement, pending, ours)
        if agreement.role is Role.BOTH:
            placed = legs.place(settled.sections, offer.sections, agreement, wanted, ours)
            settled = dataclasses.replace(settled, sections=placed)
        settled = dataclasses.replace(
            settled,
            feedback=_feedback(offer, settled.sections, settled.extensions),
            last_offer_id=offer_id,
        )
        local = transport.local_transport(settled, ours, Setup.PASSIVE)
        sdp = render(_answer(offer, settled, local))
        settled.to_note()  # a transport whose agreement fits no note would be lost at a restart
    except SdpError as error:
        return NegotiationRefused(str(error))
    except NoteError:
        return NegotiationRefused("The offer has more sections than one transport can hold.")
    return Answered(
        sdp=sdp,
        agreement=settled,
        tracks=taken,
        unpublished=_unpublished(agreement, settled),
        rejected=rejected,
        mid_to_track_id={section.mid: section.track_sid for section in settled.legs},
    )


def claim_sections(
    agreement: Agreement, pending: Sequence[PendingTrack], *, row_ids: RowIds
) -> Claimed:
    """Give tracks announced after their offer the sections that wait for them.

    No new answer is needed: the sections were accepted, their packets only had no stream.
    """
    sections, taken = claim(agreement.sections, pending, row_ids)
    return Claimed(dataclasses.replace(agreement, sections=sections), taken)


# ------------------------------------------------------------------------- what holds from now on


def _settle(
    offer: SessionDescription,
    agreement: Agreement,
    pending: Sequence[PendingTrack],
    ours: Ours,
) -> tuple[Agreement, dict[str, Section], tuple[SectionRejected, ...]]:
    bundled = transport.bundled_mids(offer)
    remote = transport.remote_transport(offer, bundled)
    if remote.setup not in {Setup.ACTPASS, Setup.ACTIVE, None}:  # RFC 4145: None means active
        raise SdpError(
            f"The offer says a=setup:{remote.setup}; we are always the DTLS server, so it must be "
            "actpass or active."
        )
    verdicts = _verdicts(offer, bundled)
    agreed = _agreed_extensions(offer, verdicts)
    announced = {track.cid for track in pending}
    sections, taken = claim(
        [
            _section(offered, verdict, agreement, agreed, announced)
            for offered, verdict in zip(offer.sections, verdicts, strict=True)
        ],
        pending,
        ours.row_ids,
    )
    sources.refuse_shared_ssrcs(sections)
    settled = dataclasses.replace(
        transport.with_remote(transport.restarted_by(remote, agreement, ours), remote),
        extensions=agreed,
        sections=sections,
        session_version=agreement.session_version + 1,
    )
    return settled, taken, _rejected(offer, verdicts)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What we make of an offered section. `sentence` says why it is rejected, if it is."""

    use: SectionUse
    sentence: str = ""


_REJECTED_QUIETLY = _Verdict(SectionUse.REJECTED)


def _verdicts(offer: SessionDescription, bundled: frozenset[str]) -> list[_Verdict]:
    verdicts: list[_Verdict] = []
    for offered in offer.sections:
        verdict = _verdict(offered, bundled)
        if verdict.use is SectionUse.DATA and verdict in verdicts:
            verdict = _reject("there is one data section already")
        verdicts.append(verdict)
    return verdicts


def _verdict(offered: MediaSection, bundled: frozenset[str]) -> _Verdict:
    if offered.port == 0 and not offered.bundle_only:
        return _REJECTED_QUIETLY  # the client itself has closed it
    if not offered.mid or offered.mid not in bundled:
        return _reject("it is not in the BUNDLE group, and there is one transport only")
    if offered.kind == Kind.APPLICATION:
        return _verdict_on_data(offered)
    if offered.kind in {Kind.AUDIO, Kind.VIDEO}:
        return _verdict_on_media(offered, Kind(offered.kind))
    return _reject("its media is of no kind that we carry")


def _verdict_on_data(offered: MediaSection) -> _Verdict:
    if offered.protocol not in _SCTP_PROTOCOLS or offered.formats != ("webrtc-datachannel",):
        return _reject("it does not carry WebRTC data channels (RFC 8841)")
    return _Verdict(SectionUse.DATA)


def _verdict_on_media(offered: MediaSection, kind: Kind) -> _Verdict:
    if offered.protocol not in _RTP_PROTOCOLS:
        return _reject("its protocol is not RTP/SAVPF over DTLS")
    if not offered.rtcp_mux:
        return _reject("it has no a=rtcp-mux, and there is one port only")
    if not codecs.accepted_of(offered, kind):
        return _reject(f"it offers no {kind} codec that we carry")
    return _Verdict(SectionUse.STREAM if offered.direction.sends else SectionUse.IDLE)


def _reject(reason: str) -> _Verdict:
    return _Verdict(SectionUse.REJECTED, f"The section was rejected: {reason}.")


def _rejected(
    offer: SessionDescription, verdicts: Sequence[_Verdict]
) -> tuple[SectionRejected, ...]:
    return tuple(
        SectionRejected(offered.mid, offered.kind, _track_id(offered), verdict.sentence)
        for offered, verdict in zip(offer.sections, verdicts, strict=True)
        if verdict.sentence
    )


def _agreed_extensions(offer: SessionDescription, verdicts: Sequence[_Verdict]) -> Extensions:
    media = [
        offered
        for offered, verdict in zip(offer.sections, verdicts, strict=True)
        if verdict.use in {SectionUse.STREAM, SectionUse.IDLE}
    ]
    return extensions.of_bundle(
        (extmap for offered in media for extmap in extensions.accepted_of(offered)),
        allow_mixed=extensions.agreed_on_mixed([offered.extmap_allow_mixed for offered in media]),
    )


def _section(
    offered: MediaSection,
    verdict: _Verdict,
    agreement: Agreement,
    agreed: Extensions,
    announced: set[str],
) -> Section:
    """The section as it holds from now on, before tracks are claimed."""
    if verdict.use is not SectionUse.STREAM:
        return Section(offered.mid, _kind(offered), verdict.use)
    kind = Kind(offered.kind)
    accepted = codecs.accepted_of(offered, kind)
    before = agreement.section_of_mid(offered.mid)
    base = Section(offered.mid, kind, SectionUse.STREAM, client_track_id=_track_id(offered))
    if before is not None and _same_track(before, offered, announced):
        base = before
    return dataclasses.replace(
        base,
        codecs=accepted,
        encodings=sources.encodings_of(
            offered,
            rtx=any(codec.rtx_payload_type for codec in accepted),
            mid_agreed=bool(agreed.mid),
        ),
        sender_fmtp=base.sender_fmtp if base.track_sid else _default_fmtp(kind),
    )


def _same_track(before: Section, offered: MediaSection, announced: set[str]) -> bool:
    """A section keeps its track, unless it now names another one that was announced."""
    track_id = _track_id(offered)
    return before.use is SectionUse.STREAM and (
        track_id == before.client_track_id or track_id not in announced
    )


def _default_fmtp(kind: Kind) -> str:
    return codecs.DTX if kind is Kind.AUDIO else ""


def _kind(offered: MediaSection) -> Kind:
    """Its kind; a rejected section of a kind that we do not know counts as application."""
    return Kind(offered.kind) if offered.kind in set(Kind) else Kind.APPLICATION


def _track_id(offered: MediaSection) -> str:
    return offered.msids[0].track if offered.msids else ""


def _feedback(
    offer: SessionDescription, sections: Sequence[Section], agreed: Extensions
) -> Feedback:
    """Transport-wide feedback needs the extension and one codec that asks for it."""
    asked = any(
        codecs.TRANSPORT_CC in codecs.feedback_of(offered, codec.payload_type)
        for offered, section in zip(offer.sections, sections, strict=True)
        for codec in section.codecs
    )
    return Feedback.TRANSPORT_CC if agreed.transport_cc and asked else Feedback.NONE


def _unpublished(before: Agreement, after: Agreement) -> tuple[str, ...]:
    still = {section.track_sid for section in after.streams}
    return tuple(s.track_sid for s in before.streams if s.track_sid not in still)


# ------------------------------------------------------------------------------------ the answer


def _answer(
    offer: SessionDescription, settled: Agreement, ours: transport.LocalTransport
) -> SessionDescription:
    sections = [
        ours.on(_answer_section(offered, section, settled.extensions))
        for offered, section in zip(offer.sections, settled.sections, strict=True)
    ]
    return transport.session_of(settled, sections, allow_mixed=settled.extensions.allow_mixed)


def _answer_section(offered: MediaSection, section: Section, agreed: Extensions) -> MediaSection:
    answer = MediaSection(
        kind=offered.kind,
        port=9,
        protocol=offered.protocol,
        formats=offered.formats,
        mid=offered.mid,
        direction=Direction.INACTIVE,
    )
    if section.use is SectionUse.REJECTED:
        # RFC 3264 section 6: the formats of a rejected section mean nothing but must be there.
        return dataclasses.replace(answer, port=0, rtpmaps=offered.rtpmaps, fmtps=offered.fmtps)
    if section.use is SectionUse.DATA:
        return dataclasses.replace(answer, sctp_port=SCTP_PORT, max_message_bytes=MAX_MESSAGE_BYTES)
    accepted = section.codecs or codecs.accepted_of(offered, section.kind)
    formats = codecs.answer_formats(accepted, offered, section.kind, section.sender_fmtp)
    base = dataclasses.replace(
        formats.on(answer),
        direction=Direction.RECVONLY if section.use is SectionUse.STREAM else Direction.INACTIVE,
        extmaps=extensions.accepted_of(offered),
        extmap_allow_mixed=agreed.allow_mixed,
    )
    return legs.described(base, section) if section.use is SectionUse.LEG else base
