"""A session description as values: the subset of SDP that WebRTC uses.

Plain data. Neither offers nor answers: what they mean to each other is `negotiation`'s matter.
Serves RFC 8866 (SDP) as profiled by RFC 9429 (JSEP), with the attributes of RFC 5761 (rtcp-mux),
RFC 5576 (ssrc), RFC 8285 (extmap), RFC 8830 (msid), RFC 8839 (ICE), RFC 8841 (sctp-port), RFC 8842
(setup, fingerprint), RFC 8843 (mid, BUNDLE), RFC 8851 (rid), RFC 8853 (simulcast).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.errors import ClientError
from gateway.sfu.agreement import Fingerprint

MAX_BYTES = 262144
"""A description of 128 sections as browsers write them; larger ones only cost us memory."""

MAX_SECTIONS = 128
"""Sections of one transport. Their agreement must fit the note of a row (64 KiB)."""


RTP_PROFILES = ("AVP", "AVPF", "SAVP", "SAVPF")
"""Ends of a protocol under which formats are payload types; others have format parameters of their
own, which nothing here reads or writes."""


class SdpError(ClientError):
    """The text is no session description that we could use. The sentence names line and cause."""


class Direction(StrEnum):
    """RFC 8866 section 6.7, seen from the side that wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """The writer may send on the section."""
        return self in {Direction.SENDRECV, Direction.SENDONLY}

    @property
    def reversed(self) -> Direction:
        """The same direction as the other side writes it."""
        return _REVERSED[self]


_REVERSED = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


class Setup(StrEnum):
    """RFC 4145 section 4: who opens the DTLS association."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


@dataclass(frozen=True, slots=True)
class Origin:
    """RFC 8866 section 5.2, without an address: nobody needs ours, and we need nobody's."""

    session_id: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """RFC 5888 section 5: "BUNDLE" and the mids."""

    semantics: str
    mids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rtpmap:
    """RFC 8866 section 6.6. `channels` is 1 where the line says nothing."""

    payload_type: int
    name: str
    clock_hz: int
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Fmtp:
    """RFC 8866 section 6.15. `parameters` as written: "minptime=10;useinbandfec=1"."""

    payload_type: int
    parameters: str


@dataclass(frozen=True, slots=True)
class RtcpFeedback:
    """RFC 4585 section 4.2. `payload_type` None is "*"; `value` e.g. "nack pli"."""

    payload_type: int | None
    value: str


@dataclass(frozen=True, slots=True)
class Extmap:
    """RFC 8285 section 8. Extension attributes after the URI are not kept."""

    id: int
    uri: str
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class SsrcAttribute:
    """RFC 5576 section 4.1: `attribute` "cname", `value` "..."; value "" for a bare attribute."""

    ssrc: int
    attribute: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class SsrcGroup:
    """RFC 5576 section 4.2: "FID" (a source and its retransmissions) or "SIM"."""

    semantics: str
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Msid:
    """RFC 8830 section 2. `stream` is "-" for a track without stream; `track` "" if absent."""

    stream: str
    track: str = ""


@dataclass(frozen=True, slots=True)
class Rid:
    """RFC 8851 section 4. Restrictions are not kept."""

    id: str
    direction: str  # "send" or "recv"


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """RFC 8839 section 5.1. What follows the type is not kept."""

    foundation: str
    component: int
    transport: str  # "udp", in lower case
    priority: int
    address: str
    port: int
    type: str  # "host"


@dataclass(frozen=True, slots=True)
class MediaSection:
    """One m-section. ICE, DTLS and direction given for the whole session are folded in."""

    kind: str  # "audio", "video", "application" or something that we reject
    port: int
    protocol: str  # "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...]
    mid: str = ""
    direction: Direction = Direction.SENDRECV
    # transport
    ice_ufrag: str = ""
    ice_pwd: str = field(default="", repr=False)
    setup: Setup | None = None
    fingerprints: tuple[Fingerprint, ...] = ()
    candidates: tuple[IceCandidate, ...] = ()
    end_of_candidates: bool = False
    bundle_only: bool = False
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    # formats
    rtpmaps: tuple[Rtpmap, ...] = ()
    fmtps: tuple[Fmtp, ...] = ()
    rtcp_feedback: tuple[RtcpFeedback, ...] = ()
    extmaps: tuple[Extmap, ...] = ()
    extmap_allow_mixed: bool = False
    # sources
    msids: tuple[Msid, ...] = ()
    ssrcs: tuple[SsrcAttribute, ...] = ()
    ssrc_groups: tuple[SsrcGroup, ...] = ()
    rids: tuple[Rid, ...] = ()
    simulcast: str = ""  # RFC 8853 section 5.1, as written
    # data
    sctp_port: int | None = None
    max_message_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description: the session part and its m-sections, in order."""

    origin: Origin = Origin()
    ice_lite: bool = False
    groups: tuple[Group, ...] = ()
    msid_semantic: str = ""  # "WMS *"
    extmap_allow_mixed: bool = False
    sections: tuple[MediaSection, ...] = ()

    @property
    def bundle(self) -> tuple[str, ...] | None:
        """Mids of the first BUNDLE group, RFC 8843 section 7; None without such a group."""
        return next((g.mids for g in self.groups if g.semantics == "BUNDLE"), None)
