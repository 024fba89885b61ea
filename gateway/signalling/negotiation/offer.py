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
import re
from collections.abc import Sequence

from gateway.ids import RowIds
from gateway.sfu.agreement import Agreement, Fingerprint, Kind, Section, SectionUse
from gateway.signalling.negotiation import codecs, extensions, transport
from gateway.signalling.negotiation.answer import MAX_MESSAGE_BYTES, SCTP_PORT
from gateway.signalling.negotiation.values import (
    Candidate,
    Offer,
    SsrcSource,
    WantedLeg,
)
from gateway.signalling.sdp import (
    MAX_SECTIONS,
    Direction,
    MediaSection,
    Msid,
    Setup,
    SsrcAttribute,
    SsrcGroup,
    render,
)

# Idle sections that may stand by before legs take them over. More: longer descriptions (some 1 KB
# each), to be parsed by every client on every change. Fewer: lip sync is lost after fewer rejoins.
IDLE_SECTIONS = 32

# RFC 8830 section 2 allows 64 characters. Clients split at the "|" and drop a track whose stream id
# does not have exactly one.
_STREAM_ID = re.compile(r"[!-{}~]{1,32}\|[!-{}~]{1,31}")


def offer_to_subscriber(
    agreement: Agreement,
    wanted: Sequence[WantedLeg],
    *,
    row_ids: RowIds,
    new_ssrc: SsrcSource,
    fingerprints: Sequence[Fingerprint],
    candidates: Sequence[Candidate],
) -> Offer:
    """Offer the subscriber exactly the wanted tracks, and the data section (mid "0").

    Tracks that have a leg keep its section, SSRCs and row id. Legs no longer wanted turn idle. New
    legs get new sections, or idle ones where there are many, and row ids from `row_ids`. Call it
    with an agreement that has no other offer in flight.
    """
    sections, left_out = _propose(agreement, wanted, row_ids, new_ssrc)
    out = dataclasses.replace(
        agreement,
        last_offer_id=agreement.last_offer_id + 1,
        session_version=agreement.session_version + 1,
    )
    ours = transport.local_transport(agreement, fingerprints, candidates, Setup.ACTPASS)
    media = [ours.on(_media_section(section)) for section in sections]
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
    agreement: Agreement, wanted: Sequence[WantedLeg], row_ids: RowIds, new_ssrc: SsrcSource
) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """The sections to offer, and sids of tracks for which none is left."""
    legs = {leg.track_sid: leg for leg in wanted}
    sections = [_kept_or_idle(section, legs) for section in agreement.sections]
    if not sections:
        sections.append(Section("0", Kind.APPLICATION, SectionUse.DATA))
    idle = [i for i, s in enumerate(agreement.sections) if s.use is SectionUse.IDLE]
    ssrcs = _FreshSsrcs(new_ssrc, taken=sections)
    left_out = []
    for leg in legs.values():
        if agreement.section_of_track(leg.track_sid) is not None:
            continue
        index = _index_for(leg, sections, idle)
        if index is None or leg.kind is Kind.APPLICATION:
            left_out.append(leg.track_sid)
        elif index == len(sections):
            sections.append(_leg(str(index), leg, _stream_id(leg), row_ids, ssrcs))
        else:
            idle.remove(index)
            sections[index] = _leg(sections[index].mid, leg, _own_stream_id(leg), row_ids, ssrcs)
    return tuple(sections), tuple(left_out)


def _index_for(leg: WantedLeg, sections: Sequence[Section], idle: Sequence[int]) -> int | None:
    """Where a new leg goes: a new section at the end, an idle one, or (None) nowhere."""
    room_at_end = len(sections) < MAX_SECTIONS
    names_itself = _stream_id(leg) == _own_stream_id(leg)
    if names_itself or len(idle) >= IDLE_SECTIONS or not room_at_end:
        index = next((i for i in idle if sections[i].kind is leg.kind), None)
        if index is not None:
            return index
    return len(sections) if room_at_end else None


def _kept_or_idle(section: Section, wanted: dict[str, WantedLeg]) -> Section:
    if section.use is SectionUse.LEG and section.track_sid not in wanted:
        return Section(section.mid, section.kind, SectionUse.IDLE)
    return section


def _leg(mid: str, leg: WantedLeg, stream_id: str, row_ids: RowIds, ssrcs: _FreshSsrcs) -> Section:
    return Section(
        mid=mid,
        kind=leg.kind,
        use=SectionUse.LEG,
        row=row_ids.next(),
        track_sid=leg.track_sid,
        ssrc=ssrcs.next(),
        rtx_ssrc=ssrcs.next() if leg.kind is Kind.VIDEO else 0,
        stream_id=stream_id,
    )


def _stream_id(leg: WantedLeg) -> str:
    """The wanted stream id, or one of the track's own where the client chose an unfit name."""
    return leg.stream_id if _STREAM_ID.fullmatch(leg.stream_id) else _own_stream_id(leg)


def _own_stream_id(leg: WantedLeg) -> str:
    """A stream id that names the track: "PA_x|TR_x"."""
    return f"{leg.stream_id.partition('|')[0]}|{leg.track_sid}"


class _FreshSsrcs:
    """SSRCs that are not in use on the transport; 0 is none."""

    def __init__(self, source: SsrcSource, taken: Sequence[Section]) -> None:
        self._source = source
        self._taken = {0} | {n for s in taken for n in (s.ssrc, s.rtx_ssrc)}

    def next(self) -> int:
        ssrc = self._source()
        while ssrc in self._taken:
            ssrc = self._source()
        self._taken.add(ssrc)
        return ssrc


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
    return _with_leg(base, section) if section.use is SectionUse.LEG else base


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


def _with_leg(base: MediaSection, section: Section) -> MediaSection:
    # RFC 7022: one CNAME per publisher, which its sid names well enough. The source itself comes
    # first: receivers take the second a=ssrc for its retransmissions, FID group or not.
    cname = section.stream_id.partition("|")[0]
    ssrcs = [ssrc for ssrc in (section.ssrc, section.rtx_ssrc) if ssrc]
    return dataclasses.replace(
        base,
        direction=Direction.SENDONLY,
        msids=(Msid(section.stream_id, section.track_sid),),
        ssrcs=tuple(SsrcAttribute(ssrc, "cname", cname) for ssrc in ssrcs),
        ssrc_groups=(SsrcGroup("FID", tuple(ssrcs)),) if len(ssrcs) == 2 else (),
    )
