"""What goes into and comes out of a negotiation, apart from the agreement itself.

Values only. Refusals are values too: the caller sends them to the client, and the sentence names
the cause and never repeats what the client sent beyond a mid or a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.ids import RowIds
from gateway.sfu.agreement import Agreement, Fingerprint, Ice, Kind, Section

SsrcSource = Callable[[], int]
"""Gives random 32-bit numbers; those that are 0 or taken on the transport are skipped."""

IceSource = Callable[[], Ice]
"""Gives new credentials of ours, which name the worker of the room."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One advertised UDP address of ours (RFC 8839 section 5.1). `address` without brackets."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Ours:
    """What our side brings into every negotiation of a room."""

    row_ids: RowIds  # of new streams and legs
    new_ssrc: SsrcSource
    new_ice: IceSource
    fingerprints: tuple[Fingerprint, ...]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class PendingTrack:
    """A track that was announced by AddTrack, was permitted, and is on no m-section yet."""

    cid: str
    track_sid: str
    kind: Kind
    dtx: bool = True  # audio: ask the sender for discontinuous transmission (unless TF_NO_DTX)
    stereo: bool = False  # audio: TF_STEREO


@dataclass(frozen=True, slots=True)
class WantedLeg:
    """A track that the subscriber shall receive.

    `stream_id` is the first token of the msid, "PA_xxx|camera": exactly one "|".
    """

    track_sid: str
    kind: Kind
    stream_id: str


@dataclass(frozen=True, slots=True)
class NegotiationRefused:
    """The description cannot be answered or accepted; the agreement stays as it was."""

    sentence: str


@dataclass(frozen=True, slots=True)
class SectionRejected:
    """One section was answered with port 0 although the client had not closed it."""

    mid: str
    kind: str  # as the client wrote it
    client_track_id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a client's offer. It may leave once the rows of `agreement` are applied."""

    sdp: str = field(repr=False)
    agreement: Agreement
    tracks: Mapping[str, Section]  # newly published: cid of the pending track -> its section
    unpublished: tuple[str, ...] = ()  # sids of tracks that were published and are no more
    rejected: tuple[SectionRejected, ...] = ()
    mid_to_track_id: Mapping[str, str] = field(default_factory=dict)  # of the legs


@dataclass(frozen=True, slots=True)
class Claimed:
    """Sections that had been offered before their AddTrack came, now with a track and a row id."""

    agreement: Agreement
    tracks: Mapping[str, Section]  # cid -> section


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer to a subscriber, in flight. It dies with its socket; only one at a time.

    `agreement` is the agreement as it stands while the offer is out: what was settled before, with
    the offer's id and session version, so that neither is ever used twice. Store it, without
    deriving new rows from `sections`: they are a proposal until the answer is accepted.
    """

    id: int
    sdp: str = field(repr=False)
    agreement: Agreement
    sections: tuple[Section, ...]
    mid_to_track_id: Mapping[str, str]
    left_out: tuple[str, ...] = ()  # sids for which the transport has no section left


@dataclass(frozen=True, slots=True)
class Accepted:
    """A subscriber's answer, taken. Legs of `agreement` may get rows."""

    agreement: Agreement
    declined: tuple[str, ...] = ()  # sids of offered legs that the client answered with no
