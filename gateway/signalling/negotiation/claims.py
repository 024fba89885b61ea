"""Which announced track is which m-section of a publisher.

The client names a track twice: as `cid` in AddTrack, and as second token of the section's a=msid.
Where the two differ (some browsers make up their own track ids), the first section of that kind
that nobody has claimed takes the track.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from gateway.ids import RowIds
from gateway.sfu.agreement import Section, SectionUse
from gateway.signalling.negotiation.codecs import sender_fmtp_for
from gateway.signalling.negotiation.values import PendingTrack


def claim(
    sections: Sequence[Section], pending: Sequence[PendingTrack], row_ids: RowIds
) -> tuple[tuple[Section, ...], dict[str, Section]]:
    """Sections with their tracks, and what was claimed: cid -> section.

    First every track finds the section that names it, then the rest take what is left, in order.
    """
    claimed = list(sections)
    taken: dict[str, Section] = {}
    for exactly in (True, False):
        for track in pending:
            if track.cid in taken:
                continue
            index = _index_for(claimed, track, exactly=exactly)
            if index is not None:
                claimed[index] = _with_track(claimed[index], track, row_ids)
                taken[track.cid] = claimed[index]
    return tuple(claimed), taken


def _index_for(sections: Sequence[Section], track: PendingTrack, *, exactly: bool) -> int | None:
    return next(
        (
            index
            for index, section in enumerate(sections)
            if section.use is SectionUse.STREAM
            and not section.track_sid
            and section.kind is track.kind
            and (section.client_track_id == track.cid or not exactly)
        ),
        None,
    )


def _with_track(section: Section, track: PendingTrack, row_ids: RowIds) -> Section:
    return dataclasses.replace(
        section,
        row=row_ids.next(),
        track_sid=track.track_sid,
        sender_fmtp=sender_fmtp_for(track),
    )
