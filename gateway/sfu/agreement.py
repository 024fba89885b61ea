"""Agreement: the immutable outcome of one negotiation of one transport.

What both ends have settled on: m-lines and their mids, payload types, header extension ids, SSRCs,
ICE credentials, the remote certificate. It lives as long as the transport, and travels in the
transport row's note, so that a control plane that starts again finds every call as it was. Rows
are derived from it; an offer that is not answered yet is not part of it.

It is not SDP (that is `gateway.signalling.sdp`) and knows no participant. Serves RFC 9429 (JSEP),
RFC 8839 (ICE in SDP), RFC 8842 (DTLS in SDP) and RFC 8843 (BUNDLE) in so far as it holds what they
settle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from gateway.errors import InternalError

NOTE_LIMIT_BYTES = 65536
"""The contract's bound on a row's note."""


class NoteError(InternalError):
    """A note cannot be written (too large) or read (malformed, of an unknown version).

    The sentence never holds content of the note: it carries ICE credentials.
    """


class Role(StrEnum):
    """What the participant does on this transport."""

    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"


class Kind(StrEnum):
    """The media field of an m-line, RFC 8866 section 5.14."""

    AUDIO = "audio"
    VIDEO = "video"
    APPLICATION = "application"


class SectionUse(StrEnum):
    """What an m-section carries. Sections are never removed (RFC 9429 section 5.2.2)."""

    STREAM = "stream"  # the participant publishes on it
    LEG = "leg"  # we send to the participant on it
    DATA = "data"  # SCTP
    IDLE = "idle"  # agreed on, carries nothing, may be used again
    REJECTED = "rejected"  # port 0; never used again


class Feedback(StrEnum):
    """The congestion feedback that the remote side sends us."""

    NONE = "none"
    TRANSPORT_CC = "transport-cc"
    REMB = "remb"


@dataclass(frozen=True, slots=True)
class Ice:
    """Credentials of RFC 8445 section 5.3.

    The remote password is not kept: an ICE-lite agent sends no checks.
    """

    ufrag: str
    password: str = field(repr=False)
    remote_ufrag: str = ""  # empty until the remote description is known


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """RFC 8122 section 5: hash name in lower case ("sha-256") and the digest itself."""

    __pydantic_config__ = ConfigDict(ser_json_bytes="hex", val_json_bytes="hex")

    algorithm: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Extensions:
    """Identifiers of RFC 8285 header extensions, one set for the bundle; 0 where not agreed."""

    mid: int = 0
    rid: int = 0
    repaired_rid: int = 0
    transport_cc: int = 0
    abs_send_time: int = 0
    audio_level: int = 0
    dependency_descriptor: int = 0
    playout_delay: int = 0
    abs_capture_time: int = 0
    allow_mixed: bool = False  # RFC 8285 section 4.1.2


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec of a section with its payload types as the remote side knows them.

    `fmtp` holds only parameters that tell two formats of one codec apart (an H.264 profile), so
    that a stream's and a leg's codec can be matched by name and fmtp; empty for Opus and VP8.
    """

    name: str  # as in the SDP, RFC 4855: "opus", "VP8"
    payload_type: int
    clock_hz: int
    channels: int = 1
    fmtp: str = ""
    rtx_payload_type: int = 0  # 0: no RTX
    red_payload_type: int = 0  # 0: no RED


@dataclass(frozen=True, slots=True)
class Encoding:
    """One layer of a published stream, known by RID or by SSRC."""

    rid: str = ""
    ssrc: int = 0
    rtx_ssrc: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """One m-section. Which fields matter depends on `use`.

    STREAM: `row` (the Stream's row id), `track_sid`, `codecs`, `encodings` (empty: any SSRC that
    the MID names), `client_track_id` (second token of the client's msid), `sender_fmtp`. A STREAM
    whose `row` is 0 was offered before its AddTrack came: it has no track and must get no row.
    LEG: `row` (the Leg's row id), `track_sid`, `stream_id`, `codecs`, `ssrc`, `rtx_ssrc` (0: no
    RTX).
    """

    mid: str
    kind: Kind
    use: SectionUse
    row: int = 0
    track_sid: str = ""
    codecs: tuple[Codec, ...] = ()
    encodings: tuple[Encoding, ...] = ()
    ssrc: int = 0
    rtx_ssrc: int = 0
    stream_id: str = ""  # first token of our msid: "PA_x|camera"
    client_track_id: str = ""
    sender_fmtp: str = (
        ""  # format parameters that we ask the sender for; repeated in each later answer
    )


class ChannelLabel(StrEnum):
    """What LiveKit clients call their data channels."""

    RELIABLE = "_reliable"
    LOSSY = "_lossy"
    DATA_TRACK = "_data_track"


class ChannelRole(StrEnum):
    """Which way messages go."""

    PUBLISH = "publish"
    DELIVER = "deliver"


@dataclass(frozen=True, slots=True)
class DataChannel:
    """One data channel of a transport: one DataChannel row."""

    row: int
    label: ChannelLabel
    role: ChannelRole


@dataclass(frozen=True, slots=True)
class Agreement:
    """Everything that both ends of one transport have settled on.

    `transport` is the Transport's row id.
    """

    transport: int
    role: Role
    ice: Ice
    ice_previous: Ice | None = None
    remote_fingerprints: tuple[Fingerprint, ...] = ()  # empty until the remote description is known
    extensions: Extensions = Extensions()
    feedback: Feedback = Feedback.NONE
    sections: tuple[Section, ...] = ()  # in the order of the m-lines
    last_offer_id: int = 0
    session_version: int = 0  # of the last description that we made (RFC 8866 section 5.2)
    channels: tuple[DataChannel, ...] = ()  # see gateway.sfu.channels

    @classmethod
    def fresh(cls, *, transport: int, role: Role, ufrag: str, password: str) -> Agreement:
        """The agreement of a transport about which nothing has been said yet."""
        return cls(transport=transport, role=role, ice=Ice(ufrag, password))

    def section_of_mid(self, mid: str) -> Section | None:
        """The section with that mid."""
        return next((section for section in self.sections if section.mid == mid), None)

    def section_of_track(self, track_sid: str) -> Section | None:
        """The STREAM or LEG section that carries the track now."""
        return next((s for s in self.sections if track_sid and s.track_sid == track_sid), None)

    @property
    def streams(self) -> tuple[Section, ...]:
        """Sections on which a known track is published: each is one Stream row."""
        return tuple(s for s in self.sections if s.use is SectionUse.STREAM and s.row)

    @property
    def legs(self) -> tuple[Section, ...]:
        """Sections on which we send: each is one Leg row."""
        return tuple(s for s in self.sections if s.use is SectionUse.LEG)

    def to_note(self) -> bytes:
        """Versioned compact JSON, UTF-8. Holds our ICE password: never to be logged.

        Raises NoteError when it would exceed the contract's 64 KiB.
        """
        note = _NOTE.dump_json(_Note(v=1, agreement=self), exclude_defaults=True)
        if len(note) > NOTE_LIMIT_BYTES:
            raise NoteError(
                f"the agreement takes {len(note)} bytes, a note may take {NOTE_LIMIT_BYTES}"
            )
        return note

    @staticmethod
    def from_note(note: bytes) -> Agreement:
        """What `to_note` wrote. Raises NoteError for anything else."""
        try:
            return _NOTE.validate_json(note, strict=True).agreement
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
            raise NoteError(
                f"not an agreement's note of version 1, at {where or 'its start'}"
            ) from None


@dataclass(frozen=True, slots=True)
class _Note:
    """The envelope. `v` grows when a field changes its meaning; unknown versions are refused."""

    v: Literal[1]
    agreement: Agreement


_NOTE: TypeAdapter[_Note] = TypeAdapter(_Note)
