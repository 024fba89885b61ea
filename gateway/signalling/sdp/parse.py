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
from gateway.signalling.sdp.values import (
    MAX_BYTES,
    MAX_SECTIONS,
    RTP_PROFILES,
    Direction,
    Extmap,
    Fmtp,
    Group,
    IceCandidate,
    MediaSection,
    Msid,
    Origin,
    Rid,
    RtcpFeedback,
    Rtpmap,
    SdpError,
    SessionDescription,
    Setup,
    SsrcAttribute,
    SsrcGroup,
)

_T = TypeVar("_T")

# Control characters (C0 but for the line ends that are split on, C1), Unicode's own line ends, and
# halves of surrogate pairs, which no encoder would take back.
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

# RFC 8866 section 9, `token`, bounded: mids, rids, names.
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}", re.ASCII)
# A msid's parts are tokens by RFC 8830; clients put a "|" and other visible characters in them.
_VISIBLE = re.compile(r"[!-~]{1,256}")
_ICE_CHARS = re.compile(r"[0-9A-Za-z+/]{4,256}")  # RFC 8839 section 5.4
_LINE = re.compile(r"([a-z])=(.*)", re.DOTALL)

# Browsers write some 150 a=rtcp-fb lines in a section. More lines cost time that grows faster than
# they do, where they are compared with each other.
MAX_LINES_OF_ONE_NAME = 512

_DIGEST_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}


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
        groups=session.every("group", _group),
        msid_semantic=session.first("msid-semantic", _collapsed) or "",
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
        return tuple(_read(name, value, read) for value in values)

    def first(self, name: str, read: Callable[[str], _T]) -> _T | None:
        """The first line of that name; further ones are not looked at."""
        values = self._values.get(name)
        return _read(name, values[0], read) if values else None


class _Malformed(Exception):
    """A value does not have the form that its attribute asks for."""


def _read(name: str, value: str, read: Callable[[str], _T]) -> _T:
    try:
        return read(value)
    except _Malformed:
        raise SdpError(f"An a={name} line of the description is malformed.") from None


# -------------------------------------------------------------------------------- sections


def _origin(lines: Sequence[tuple[str, str]]) -> Origin:
    if not lines or lines[0] != ("v", "0"):
        raise SdpError("The description does not begin with v=0.")
    for kind, value in lines:
        fields = value.split(" ")
        if kind == "o" and len(fields) == 6:
            try:
                return Origin(_number(fields[1], 2**64), _number(fields[2], 2**64))
            except _Malformed:
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
        ice_ufrag=session.first("ice-ufrag", _ice_chars) or "",
        ice_pwd=session.first("ice-pwd", _ice_chars) or "",
        setup=session.first("setup", _setup),
        fingerprints=session.every("fingerprint", _fingerprint),
        extmaps=session.every("extmap", _extmap),
        extmap_allow_mixed=session.has("extmap-allow-mixed"),
    )


def _media_section(lines: Sequence[tuple[str, str]], session: _Inherited) -> MediaSection:
    try:
        kind, port, protocol, formats = _m_line(lines[0][1])
    except _Malformed:
        raise SdpError("An m= line of the description is malformed.") from None
    own = _Attributes(lines)
    return MediaSection(
        kind=kind,
        port=port,
        protocol=protocol,
        formats=formats,
        mid=own.first("mid", _token) or "",
        direction=_direction_of(own) or session.direction,
        ice_ufrag=own.first("ice-ufrag", _ice_chars) or session.ice_ufrag,
        ice_pwd=own.first("ice-pwd", _ice_chars) or session.ice_pwd,
        setup=own.first("setup", _setup) or session.setup,
        fingerprints=own.every("fingerprint", _fingerprint) or session.fingerprints,
        candidates=tuple(c for c in own.every("candidate", _candidate) if c is not None),
        end_of_candidates=own.has("end-of-candidates"),
        bundle_only=own.has("bundle-only"),
        rtcp_mux=own.has("rtcp-mux"),
        rtcp_rsize=own.has("rtcp-rsize"),
        rtpmaps=own.every("rtpmap", _rtpmap),
        fmtps=own.every("fmtp", _fmtp) if protocol.endswith(RTP_PROFILES) else (),
        rtcp_feedback=own.every("rtcp-fb", _rtcp_feedback),
        extmaps=own.every("extmap", _extmap) + session.extmaps,
        extmap_allow_mixed=own.has("extmap-allow-mixed") or session.extmap_allow_mixed,
        msids=own.every("msid", _msid),
        ssrcs=own.every("ssrc", _ssrc),
        ssrc_groups=own.every("ssrc-group", _ssrc_group),
        rids=own.every("rid", _rid),
        simulcast=own.first("simulcast", _collapsed) or "",
        sctp_port=own.first("sctp-port", lambda value: _number(value, 2**16)),
        max_message_bytes=own.first("max-message-size", lambda value: _number(value, 2**63)),
    )


def _m_line(value: str) -> tuple[str, int, str, tuple[str, ...]]:
    """RFC 8866 section 5.14. A number of ports after "/" is not used by WebRTC and dropped."""
    fields = value.split(" ")
    if len(fields) < 4:
        raise _Malformed
    kind, port, protocol, *formats = fields
    if len(set(formats)) != len(formats):
        raise _Malformed
    return (
        _token(kind),
        _number(port.partition("/")[0], 2**16),
        "/".join(_token(part) for part in protocol.split("/")),
        tuple(_token(part) for part in formats),
    )


def _direction_of(attributes: _Attributes) -> Direction | None:
    return next((direction for direction in Direction if attributes.has(direction)), None)


# ------------------------------------------------------------------------------ attributes


def _number(value: str, below: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 20) or int(value) >= below:
        raise _Malformed
    return int(value)


def _token(value: str) -> str:
    if _TOKEN.fullmatch(value) is None:
        raise _Malformed
    return value


def _visible(value: str) -> str:
    if _VISIBLE.fullmatch(value) is None:
        raise _Malformed
    return value


def _ice_chars(value: str) -> str:
    if _ICE_CHARS.fullmatch(value) is None:
        raise _Malformed
    return value


def _collapsed(value: str) -> str:
    return " ".join(value.split(" ")).strip(" ")


def _payload_type(value: str) -> int:
    return _number(value, 128)


def _direction(value: str) -> Direction:
    try:
        return Direction(value)
    except ValueError:
        raise _Malformed from None


def _setup(value: str) -> Setup:
    try:
        return Setup(value)
    except ValueError:
        raise _Malformed from None


def _group(value: str) -> Group:
    semantics, *mids = value.strip(" ").split(" ")
    return Group(_token(semantics), tuple(_token(mid) for mid in mids if mid))


def _fingerprint(value: str) -> Fingerprint:
    algorithm, _, digest = value.partition(" ")
    algorithm = _token(algorithm).lower()
    if re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}", digest) is None:
        raise _Malformed
    octets = bytes.fromhex(digest.replace(":", ""))
    if len(octets) != _DIGEST_BYTES.get(algorithm, len(octets)):
        raise _Malformed
    return Fingerprint(algorithm, octets)


def _candidate(value: str) -> IceCandidate | None:
    """A candidate, or None for one that we could not read: it would not be used anyway."""
    fields = value.split(" ")
    if len(fields) < 8 or fields[6] != "typ":
        return None
    try:
        return IceCandidate(
            foundation=_token(fields[0]),
            component=_number(fields[1], 257),
            transport=_token(fields[2]).lower(),
            priority=_number(fields[3], 2**32),
            address=_visible(fields[4]),
            port=_number(fields[5], 2**16),
            type=_token(fields[7]),
        )
    except _Malformed:
        return None


def _rtpmap(value: str) -> Rtpmap:
    payload_type, _, encoding = value.partition(" ")
    parts = encoding.strip(" ").split("/")
    if len(parts) not in {2, 3}:
        raise _Malformed
    return Rtpmap(
        payload_type=_payload_type(payload_type),
        name=_token(parts[0]),
        clock_hz=_number(parts[1], 2**32),
        channels=_number(parts[2], 256) if len(parts) == 3 else 1,
    )


def _fmtp(value: str) -> Fmtp:
    payload_type, _, parameters = value.partition(" ")
    return Fmtp(_payload_type(payload_type), _collapsed(parameters))


def _rtcp_feedback(value: str) -> RtcpFeedback:
    payload_type, _, rest = value.partition(" ")
    number = None if payload_type == "*" else _payload_type(payload_type)
    return RtcpFeedback(number, _collapsed(rest))


def _extmap(value: str) -> Extmap:
    """RFC 8285 section 8: "3/sendonly urn:example attributes"."""
    fields = value.split(" ")
    if len(fields) < 2:
        raise _Malformed
    number, _, direction = fields[0].partition("/")
    # 4096-4351 are provisional ids of offers that have more extensions than ids.
    extension_id, uri = _number(number, 4352), _visible(fields[1])
    return Extmap(extension_id, uri, _direction(direction) if direction else None)


def _msid(value: str) -> Msid:
    fields = value.split(" ")
    if len(fields) > 2:
        raise _Malformed
    return Msid(_visible(fields[0]), _visible(fields[1]) if len(fields) == 2 else "")


def _ssrc(value: str) -> SsrcAttribute:
    ssrc, _, rest = value.partition(" ")
    attribute, _, text = rest.partition(":")
    return SsrcAttribute(_number(ssrc, 2**32), _token(attribute), _collapsed(text))


def _ssrc_group(value: str) -> SsrcGroup:
    semantics, *ssrcs = value.strip(" ").split(" ")
    return SsrcGroup(_token(semantics), tuple(_number(ssrc, 2**32) for ssrc in ssrcs if ssrc))


def _rid(value: str) -> Rid:
    fields = value.split(" ")
    if len(fields) < 2 or fields[1] not in {"send", "recv"}:
        raise _Malformed
    return Rid(_token(fields[0]), fields[1])
