"""Legs: the sections on which we send, whoever offered them.

In dialect v0 we offer them (`offer`). In dialect v1 the client offers sections to receive on, and
our answer puts legs on those (`place`).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from gateway.ids import RowIds
from gateway.sfu.agreement import Agreement, Kind, Section, SectionUse
from gateway.signalling.negotiation import codecs
from gateway.signalling.negotiation.values import Ours, SsrcSource, WantedLeg
from gateway.signalling.sdp import (
    Direction,
    MediaSection,
    Msid,
    SsrcAttribute,
    SsrcGroup,
)

# RFC 8830 section 2 allows 64 characters. Clients split at the "|" and drop a track whose stream id
# does not have exactly one.
_STREAM_ID = re.compile(r"[!-{}~]{1,32}\|[!-{}~]{1,31}")


class FreshSsrcs:
    """SSRCs that are not in use on the transport, by either side; 0 is none."""

    def __init__(self, source: SsrcSource, taken: Iterable[Section]) -> None:
        self._source = source
        self._taken = {0}
        for section in taken:
            self._taken |= {section.ssrc, section.rtx_ssrc}
            self._taken |= {n for e in section.encodings for n in (e.ssrc, e.rtx_ssrc)}

    def next(self) -> int:
        """One more."""
        ssrc = self._source()
        while ssrc in self._taken:
            ssrc = self._source()
        self._taken.add(ssrc)
        return ssrc


def new_leg(mid: str, leg: WantedLeg, stream: str, row_ids: RowIds, ssrcs: FreshSsrcs) -> Section:
    """The section of a leg that did not exist before."""
    return Section(
        mid=mid,
        kind=leg.kind,
        use=SectionUse.LEG,
        row=row_ids.next(),
        track_sid=leg.track_sid,
        ssrc=ssrcs.next(),
        rtx_ssrc=ssrcs.next() if leg.kind is Kind.VIDEO else 0,
        stream_id=stream,
    )


def stream_id(leg: WantedLeg) -> str:
    """The wanted stream id, or one of the track's own where the client chose an unfit name."""
    return leg.stream_id if _STREAM_ID.fullmatch(leg.stream_id) else own_stream_id(leg)


def own_stream_id(leg: WantedLeg) -> str:
    """A stream id that names the track: "PA_x|TR_x"."""
    return f"{leg.stream_id.partition('|')[0]}|{leg.track_sid}"


def described(base: MediaSection, section: Section) -> MediaSection:
    """Our description of a section, with the leg on it."""
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


# ------------------------------------------------------------------------- on offered sections


def place(
    sections: Sequence[Section],
    offered: Sequence[MediaSection],
    before: Agreement,
    wanted: Sequence[WantedLeg],
    ours: Ours,
) -> tuple[Section, ...]:
    """The sections with the wanted legs on those that the client would receive on.

    A track keeps its section. A section whose track is no longer wanted turns inactive first and
    takes another leg in a later answer: otherwise the client would not see that one track ended
    and another began. What finds no section is left out; the client has to offer more.
    """
    legs = {leg.track_sid: leg for leg in wanted}
    placed, vacant = list(sections), []
    for index, (section, media) in enumerate(zip(sections, offered, strict=True)):
        if section.use is not SectionUse.IDLE or media.direction is not Direction.RECVONLY:
            continue
        placed[index] = dataclasses.replace(section, use=SectionUse.FREE)
        held = before.section_of_mid(section.mid)
        if held is None or held.use is not SectionUse.LEG:
            vacant.append(index)
        elif held.track_sid in legs:
            placed[index] = _with_codecs(held, media)
            del legs[held.track_sid]
    ssrcs = FreshSsrcs(ours.new_ssrc, (*placed, *before.sections))
    for leg in legs.values():
        at = next((i for i in vacant if placed[i].kind is leg.kind), None)
        if at is not None:
            vacant.remove(at)
            fresh = new_leg(placed[at].mid, leg, stream_id(leg), ours.row_ids, ssrcs)
            placed[at] = _with_codecs(fresh, offered[at])
    return tuple(placed)


def _with_codecs(section: Section, offered: MediaSection) -> Section:
    accepted = codecs.accepted_of(offered, section.kind)
    rtx = any(codec.rtx_payload_type for codec in accepted)
    return dataclasses.replace(section, codecs=accepted, rtx_ssrc=section.rtx_ssrc if rtx else 0)
