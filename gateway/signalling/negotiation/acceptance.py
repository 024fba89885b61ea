"""The subscriber's answer to our offer: what of the proposal holds.

RFC 9429 section 5.10. The answerer may take less than was offered, never more: sections, payload
types and header extensions are checked against the offer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from gateway.sfu.agreement import (
    Agreement,
    Extensions,
    Feedback,
    Kind,
    NoteError,
    Section,
    SectionUse,
)
from gateway.signalling.negotiation import codecs, extensions, transport
from gateway.signalling.negotiation.values import Accepted, NegotiationRefused, Offer
from gateway.signalling.sdp import MediaSection, SdpError, SessionDescription, Setup, parse


def accept_subscriber_answer(
    agreement: Agreement, offer: Offer, answer_sdp: str
) -> Accepted | NegotiationRefused:
    """Take the subscriber's answer to `offer`. `agreement` is the stored `offer.agreement`.

    What the answerer kept is what holds: its payload types, its subset of the header extensions.
    """
    try:
        answer = parse(answer_sdp)
        _check_sections(offer, answer)
        accepted = _accept(agreement, offer, answer)
        accepted.to_note()  # an agreement that fits no note would be lost at a restart
    except SdpError as error:
        return NegotiationRefused(str(error))
    except NoteError:
        return NegotiationRefused("The answer has more in it than one transport can hold.")
    held = {section.track_sid for section in accepted.legs}
    declined = tuple(sid for sid in offer.mid_to_track_id.values() if sid not in held)
    return Accepted(accepted, declined)


def _check_sections(offer: Offer, answer: SessionDescription) -> None:
    """RFC 3264 section 6: as many m-lines as the offer, in its order; RFC 8843: with its mids."""
    offered = [(section.mid, section.kind.value) for section in offer.sections]
    if offered != [(section.mid, section.kind) for section in answer.sections]:
        raise SdpError("The answer's m-sections are not those of the offer, in its order.")


def _accept(agreement: Agreement, offer: Offer, answer: SessionDescription) -> Agreement:
    in_use = [section for section in answer.sections if section.port]
    bundled = transport.bundled_mids(answer)
    outside = next((section.mid for section in in_use if section.mid not in bundled), None)
    if outside is not None:
        raise SdpError(f"The answer leaves mid {outside} out of its BUNDLE group.")
    remote = transport.remote_transport(answer, bundled)
    if any(section.setup is not Setup.ACTIVE for section in in_use):
        raise SdpError("The answer must say a=setup:active: we are always the DTLS server.")
    agreed = _agreed_extensions(answer.sections)
    return dataclasses.replace(
        transport.with_remote(agreement, remote),
        extensions=agreed,
        feedback=_feedback(answer.sections, agreed),
        sections=tuple(
            _section(proposed, answered)
            for proposed, answered in zip(offer.sections, answer.sections, strict=True)
        ),
    )


def _section(proposed: Section, answered: MediaSection) -> Section:
    if answered.port == 0 or proposed.use is SectionUse.REJECTED:
        return Section(proposed.mid, proposed.kind, SectionUse.REJECTED)
    if proposed.use is not SectionUse.LEG:
        return proposed
    kept = codecs.kept_of(answered, proposed.kind, rtx=bool(proposed.rtx_ssrc))
    if not kept or not answered.direction.reversed.sends:
        return Section(proposed.mid, proposed.kind, SectionUse.IDLE)
    rtx = any(codec.rtx_payload_type for codec in kept)
    return dataclasses.replace(proposed, codecs=kept, rtx_ssrc=proposed.rtx_ssrc if rtx else 0)


def _media(sections: Sequence[MediaSection]) -> list[tuple[MediaSection, Kind]]:
    """Sections in use that carry, or may carry, RTP."""
    return [
        (section, Kind(section.kind))
        for section in sections
        if section.port and section.kind != Kind.APPLICATION
    ]


def _agreed_extensions(sections: Sequence[MediaSection]) -> Extensions:
    media = _media(sections)
    return extensions.of_bundle(
        (extmap for section, kind in media for extmap in extensions.kept_of(section, kind)),
        allow_mixed=extensions.agreed_on_mixed([s.extmap_allow_mixed for s, _ in media]),
    )


def _feedback(sections: Sequence[MediaSection], agreed: Extensions) -> Feedback:
    """What the subscriber will tell us of congestion: the better one of what it kept."""
    kept = {feedback.value for section, _ in _media(sections) for feedback in section.rtcp_feedback}
    if agreed.transport_cc and codecs.TRANSPORT_CC in kept:
        return Feedback.TRANSPORT_CC
    return Feedback.REMB if codecs.REMB in kept else Feedback.NONE
