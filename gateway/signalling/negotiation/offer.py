"""The subscriber connection: we offer, the client answers.

RFC 9429 section 5.2 for an offerer that is ICE-lite, bundles everything and only sends. The data
section comes first and is always there, so that ICE and DTLS come up in an empty room. Sections are
never removed: that of a leg no longer wanted turns inactive and stays.

A new leg takes an inactive section over only if it must. A browser's track keeps the id that it had
when its section was new, and clients know a track by that id unless the stream id names it ("PA_x|
TR_x"): so a leg that takes a section over gets such a stream id, and is no longer played in step
with its publisher's other tracks. And the section must have been inactive in an offer that was
answered, or the client would not see that one track ended and another began.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from gateway.sfu.agreement import Agreement, Kind, Section, SectionUse
from gateway.signalling.negotiation import codecs, extensions, legs, transport
from gateway.signalling.negotiation.answer import MAX_MESSAGE_BYTES, SCTP_PORT
from gateway.signalling.negotiation.values import Offer, Ours, WantedLeg
from gateway.signalling.sdp import (
    MAX_SECTIONS,
    Direction,
    MediaSection,
    Setup,
    render,
)

# Idle sections that may stand by before legs take them over. More: longer descriptions (some 1 KB
# each), to be parsed by every client on every change. Fewer: lip sync is lost after fewer rejoins.
IDLE_SECTIONS = 32


def offer_to_subscriber(
    agreement: Agreement,
    wanted: Sequence[WantedLeg],
    *,
    ours: Ours,
    restart: bool = False,
) -> Offer:
    """Offer the subscriber exactly the wanted tracks, and the data section (mid "0").

    Tracks that have a leg keep its section, SSRCs and row id. Legs no longer wanted turn idle. New
    legs get new sections, or idle ones where there are many. Call it with an agreement that has no
    other offer in flight. `restart`: with new ICE credentials (RFC 8445 section 9).
    """
    sections, left_out = _propose(agreement, wanted, ours)
    out = dataclasses.replace(
        agreement.restarted(ours.new_ice()) if restart else agreement,
        last_offer_id=agreement.last_offer_id + 1,
        session_version=agreement.session_version + 1,
    )
    local = transport.local_transport(out, ours, Setup.ACTPASS)
    media = [local.on(_media_section(section)) for section in sections]
    return Offer(
        id=out.last_offer_id,
        sdp=render(transport.session_of(out, media, allow_mixed=True)),
        agreement=out,
        sections=sections,
        mid_to_track_id={s.mid: s.track_sid for s in sections if s.use is SectionUse.LEG},
        left_out=left_out,
    )


# ---------------------------------------------------------------------------------- the proposal


def _propose(
    agreement: Agreement, wanted: Sequence[WantedLeg], ours: Ours
) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """The sections to offer, and sids of tracks for which none is left."""
    tracks = {leg.track_sid: leg for leg in wanted}
    sections = [_kept_or_idle(section, tracks) for section in agreement.sections]
    if not sections:
        sections.append(Section("0", Kind.APPLICATION, SectionUse.DATA))
    idle = [i for i, s in enumerate(agreement.sections) if s.use is SectionUse.IDLE]
    ssrcs = legs.FreshSsrcs(ours.new_ssrc, taken=sections)
    left_out = []
    for leg in tracks.values():
        if agreement.section_of_track(leg.track_sid) is not None:
            continue
        index = _index_for(leg, sections, idle)
        if index is None or leg.kind is Kind.APPLICATION:
            left_out.append(leg.track_sid)
        elif index == len(sections):
            sections.append(legs.new_leg(str(index), leg, legs.stream_id(leg), ours.row_ids, ssrcs))
        else:
            idle.remove(index)
            mid, stream = sections[index].mid, legs.own_stream_id(leg)
            sections[index] = legs.new_leg(mid, leg, stream, ours.row_ids, ssrcs)
    return tuple(sections), tuple(left_out)


def _index_for(leg: WantedLeg, sections: Sequence[Section], idle: Sequence[int]) -> int | None:
    """Where a new leg goes: a new section at the end, an idle one, or (None) nowhere."""
    room_at_end = len(sections) < MAX_SECTIONS
    names_itself = legs.stream_id(leg) == legs.own_stream_id(leg)
    if names_itself or len(idle) >= IDLE_SECTIONS or not room_at_end:
        index = next((i for i in idle if sections[i].kind is leg.kind), None)
        if index is not None:
            return index
    return len(sections) if room_at_end else None


def _kept_or_idle(section: Section, wanted: dict[str, WantedLeg]) -> Section:
    if section.use is SectionUse.LEG and section.track_sid not in wanted:
        return Section(section.mid, section.kind, SectionUse.IDLE)
    return section


# -------------------------------------------------------------------------------- the description


def _media_section(section: Section) -> MediaSection:
    if section.kind is Kind.APPLICATION:
        return _data_section(section)
    base = MediaSection(
        kind=section.kind,
        port=0 if section.use is SectionUse.REJECTED else 9,
        protocol="UDP/TLS/RTP/SAVPF",
        formats=(),
        mid=section.mid,
        direction=Direction.INACTIVE,
        extmaps=extensions.offered_for(section.kind),
        extmap_allow_mixed=True,
    )
    # An idle section keeps all formats, as whatever comes next on it may use them.
    rtx = section.use is not SectionUse.LEG or bool(section.rtx_ssrc)
    base = codecs.offer_formats(section.kind, rtx=rtx).on(base)
    return legs.described(base, section) if section.use is SectionUse.LEG else base


def _data_section(section: Section) -> MediaSection:
    return MediaSection(
        kind=section.kind,
        port=0 if section.use is SectionUse.REJECTED else 9,
        protocol="UDP/DTLS/SCTP",
        formats=("webrtc-datachannel",),
        mid=section.mid,
        sctp_port=SCTP_PORT,
        max_message_bytes=MAX_MESSAGE_BYTES,
    )
