"""From text to a session description. Raises `SdpError` and nothing else, whatever the text.

Strict where a wrong reading could hurt: sizes, characters, numbers, and the form of every attribute
that is used. Attributes that are not used are skipped, and so are candidates that do not parse: an
ICE-lite agent never sends to one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.sfu.agreement import Fingerprint
from gateway.signalling.sdp.attributes import (
    MalformedError,
    read_candidate,
    read_collapsed,
    read_extmap,
    read_fingerprint,
    read_fmtp,
    read_group,
    read_ice_chars,
    read_msid,
    read_number,
    read_rid,
    read_rtcp_feedback,
    read_rtpmap,
    read_setup,
    read_ssrc,
    read_ssrc_group,
    read_token,
)
from gateway.signalling.sdp.values import (
    MAX_BYTES,
    MAX_SECTIONS,
    RTP_PROFILES,
    Direction,
    Extmap,
    MediaSection,
    Origin,
    SdpError,
    SessionDescription,
    Setup,
)

_T = TypeVar("_T")

# Control characters (C0 but for the line ends that are split on, C1), Unicode's own line ends, and
# halves of surrogate pairs, which no encoder would take back.
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_LINE = re.compile(r"([a-z])=(.*)", re.DOTALL)

# Browsers write some 150 a=rtcp-fb lines in a section. More lines cost time that grows faster than
# they do, where they are compared with each other.
MAX_LINES_OF_ONE_NAME = 512


def parse(text: str) -> SessionDescription:
    """Read a session description. Raises SdpError."""
    session_lines, media_lines = _split(text)
    origin = _origin(session_lines)
    session = _Attributes(session_lines)
    inherited = _inherited(session)
    sections = tuple(_media_section(lines, inherited) for lines in media_lines)
    mids = [section.mid for section in sections if section.mid]
    if len(set(mids)) != len(mids):
        raise SdpError("Two m-sections have the same a=mid.")
    return SessionDescription(
        origin=origin,
        ice_lite=session.has("ice-lite"),
        groups=session.every("group", read_group),
        msid_semantic=session.first("msid-semantic", read_collapsed) or "",
        extmap_allow_mixed=session.has("extmap-allow-mixed"),
        sections=sections,
    )


# ----------------------------------------------------------------------------------- lines


def _split(text: str) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
    """The session's (type, value) lines, and those of each m-section, the m-line first."""
    # Characters bound bytes from below, so that a huge text is not even encoded.
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise SdpError(f"The description exceeds {MAX_BYTES} bytes.")
    session: list[tuple[str, str]] = []
    sections: list[list[tuple[str, str]]] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        if not line:
            continue
        kind, value = _line(number, line)
        if kind == "m":
            sections.append([])
        (sections[-1] if sections else session).append((kind, value))
    if len(sections) > MAX_SECTIONS:
        raise SdpError(f"The description has more than {MAX_SECTIONS} m-sections.")
    return session, sections


def _line(number: int, line: str) -> tuple[str, str]:
    if FORBIDDEN.search(line):
        raise SdpError(f"Line {number} of the description contains a control character.")
    match = _LINE.fullmatch(line)
    if match is None:
        raise SdpError(f"Line {number} of the description is not of the form <type>=<value>.")
    return match[1], match[2]


class _Attributes:
    """The a= lines of one part of a description, by name, and how to read them."""

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for kind, value in lines:
            if kind == "a":
                name, _, rest = value.partition(":")
                self._values.setdefault(name, []).append(rest)

    def has(self, name: str) -> bool:
        return name in self._values

    def every(self, name: str, read: Callable[[str], _T]) -> tuple[_T, ...]:
        """Each line of that name. Raises SdpError that names the attribute."""
        values = self._values.get(name, ())
        if len(values) > MAX_LINES_OF_ONE_NAME:
            raise SdpError(f"An m-section has more than {MAX_LINES_OF_ONE_NAME} a={name} lines.")
        return tuple(_read_value(name, value, read) for value in values)

    def first(self, name: str, read: Callable[[str], _T]) -> _T | None:
        """The first line of that name; further ones are not looked at."""
        values = self._values.get(name)
        return _read_value(name, values[0], read) if values else None


def _read_value(name: str, value: str, read: Callable[[str], _T]) -> _T:
    try:
        return read(value)
    except MalformedError:
        raise SdpError(f"An a={name} line of the description is malformed.") from None


# -------------------------------------------------------------------------------- sections


def _origin(lines: Sequence[tuple[str, str]]) -> Origin:
    if not lines or lines[0] != ("v", "0"):
        raise SdpError("The description does not begin with v=0.")
    for kind, value in lines:
        fields = value.split(" ")
        if kind == "o" and len(fields) == 6:
            try:
                return Origin(read_number(fields[1], 2**64), read_number(fields[2], 2**64))
            except MalformedError:
                break
    raise SdpError("The description has no usable o= line.")


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What the session part says for each section that says nothing itself; read once."""

    direction: Direction
    ice_ufrag: str
    ice_pwd: str
    setup: Setup | None
    fingerprints: tuple[Fingerprint, ...]
    extmaps: tuple[Extmap, ...]
    extmap_allow_mixed: bool


def _inherited(session: _Attributes) -> _Inherited:
    return _Inherited(
        direction=_direction_of(session) or Direction.SENDRECV,
        ice_ufrag=session.first("ice-ufrag", read_ice_chars) or "",
        ice_pwd=session.first("ice-pwd", read_ice_chars) or "",
        setup=session.first("setup", read_setup),
        fingerprints=session.every("fingerprint", read_fingerprint),
        extmaps=session.every("extmap", read_extmap),
        extmap_allow_mixed=session.has("extmap-allow-mixed"),
    )


def _media_section(lines: Sequence[tuple[str, str]], session: _Inherited) -> MediaSection:
    try:
        kind, port, protocol, formats = _m_line(lines[0][1])
    except MalformedError:
        raise SdpError("An m= line of the description is malformed.") from None
    own = _Attributes(lines)
    return MediaSection(
        kind=kind,
        port=port,
        protocol=protocol,
        formats=formats,
        mid=own.first("mid", read_token) or "",
        direction=_direction_of(own) or session.direction,
        ice_ufrag=own.first("ice-ufrag", read_ice_chars) or session.ice_ufrag,
        ice_pwd=own.first("ice-pwd", read_ice_chars) or session.ice_pwd,
        setup=own.first("setup", read_setup) or session.setup,
        fingerprints=own.every("fingerprint", read_fingerprint) or session.fingerprints,
        candidates=tuple(c for c in own.every("candidate", read_candidate) if c is not None),
        end_of_candidates=own.has("end-of-candidates"),
        bundle_only=own.has("bundle-only"),
        rtcp_mux=own.has("rtcp-mux"),
        rtcp_rsize=own.has("rtcp-rsize"),
        rtpmaps=own.every("rtpmap", read_rtpmap),
        fmtps=own.every("fmtp", read_fmtp) if protocol.endswith(RTP_PROFILES) else (),
        rtcp_feedback=own.every("rtcp-fb", read_rtcp_feedback),
        extmaps=own.every("extmap", read_extmap) + session.extmaps,
        extmap_allow_mixed=own.has("extmap-allow-mixed") or session.extmap_allow_mixed,
        msids=own.every("msid", read_msid),
        ssrcs=own.every("ssrc", read_ssrc),
        ssrc_groups=own.every("ssrc-group", read_ssrc_group),
        rids=own.every("rid", read_rid),
        simulcast=own.first("simulcast", read_collapsed) or "",
        sctp_port=own.first("sctp-port", lambda value: read_number(value, 2**16)),
        max_message_bytes=own.first("max-message-size", lambda value: read_number(value, 2**63)),
    )


def _m_line(value: str) -> tuple[str, int, str, tuple[str, ...]]:
    """RFC 8866 section 5.14. A number of ports after "/" is not used by WebRTC and dropped."""
    fields = value.split(" ")
    if len(fields) < 4:
        raise MalformedError
    kind, port, protocol, *formats = fields
    if len(set(formats)) != len(formats):
        raise MalformedError
    return (
        read_token(kind),
        read_number(port.partition("/")[0], 2**16),
        "/".join(read_token(part) for part in protocol.split("/")),
        tuple(read_token(part) for part in formats),
    )


def _direction_of(attributes: _Attributes) -> Direction | None:
    return next((direction for direction in Direction if attributes.has(direction)), None)
