"""Who receives what: a participant's own choice, and whom a publisher lets have its tracks.

Not about layers or sizes (that is congestion's and the datapath's business), and not SDP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True)
class Subscriptions:
    """What one participant wants to receive."""

    auto: bool = True  # every track that nothing was said about
    chosen: dict[str, bool] = field(default_factory=dict)  # track sid -> wanted or not
    disabled: tuple[str, ...] = ()  # wanted, but not to be sent for now

    def choose(self, track_sid: str, *, wanted: bool) -> None:
        """The participant said so itself."""
        self.chosen[track_sid] = wanted

    def want(self, track_sid: str) -> bool:
        """Whether the track is to be offered to this participant."""
        return self.chosen.get(track_sid, self.auto)

    def disable(self, track_sid: str, *, disabled: bool) -> None:
        """Stop sending a track for now, or go on with it."""
        others = tuple(sid for sid in self.disabled if sid != track_sid)
        self.disabled = (*others, track_sid) if disabled else others

    def forget(self, track_sid: str) -> None:
        """The track is gone."""
        self.chosen.pop(track_sid, None)
        self.disable(track_sid, disabled=False)


@dataclass(frozen=True, slots=True)
class Access:
    """What a publisher lets one other participant have. Named by sid, by identity, or both."""

    participant_sid: str = ""
    identity: str = field(default="", repr=False)
    all_tracks: bool = False
    track_sids: tuple[str, ...] = ()

    def names(self, sid: str, identity: str) -> bool:
        """Whether this is about that participant."""
        return (self.participant_sid == sid) if self.participant_sid else self.identity == identity


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a publisher lets have its tracks; everybody until it says otherwise."""

    everybody: bool = True
    accesses: tuple[Access, ...] = ()

    def allows(self, sid: str, identity: str, track_sid: str) -> bool:
        """Whether the participant may have the track."""
        return self.everybody or any(
            access.names(sid, identity) and (access.all_tracks or track_sid in access.track_sids)
            for access in self.accesses
        )


EVERYBODY: Final = Audience()
