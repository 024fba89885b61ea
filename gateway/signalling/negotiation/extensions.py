"""RTP header extensions (RFC 8285): which URIs we know, and the one id each has in a bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.sfu.agreement import Extensions, Kind
from gateway.signalling.sdp import Extmap, MediaSection, SdpError

URIS: Final[Mapping[str, str]] = {
    "mid": "urn:ietf:params:rtp-hdrext:sdes:mid",
    "rid": "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "repaired_rid": "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "transport_cc": ("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
    "abs_send_time": "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "audio_level": "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "dependency_descriptor": (
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
    ),
    "playout_delay": "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    "abs_capture_time": "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
}
"""Field of `Extensions` -> URI."""

_NAMES: Final = {uri: name for name, uri in URIS.items()}

# What we take from a publisher. Not playout-delay: a publisher has nothing to say to us about the
# playout at subscribers.
OF_PUBLISHERS: Final = frozenset(URIS) - {"playout_delay"}

# What we offer to subscribers, with our ids: those that libwebrtc itself would choose, so that they
# never collide with an id that it had in mind. All fit the one-byte form (1-14).
OFFERED: Final[Mapping[Kind, Mapping[str, int]]] = {
    Kind.AUDIO: {"audio_level": 1, "abs_send_time": 2, "transport_cc": 3, "mid": 4},
    Kind.VIDEO: {"abs_send_time": 2, "transport_cc": 3, "mid": 4, "dependency_descriptor": 12},
}

_RESERVED_ID = 15  # RFC 8285 section 4.2: ends a one-byte block
_LAST_ID = 255  # RFC 8285 section 4.3


def accepted_of(section: MediaSection) -> tuple[Extmap, ...]:
    """The publisher's offered extensions that we take, each once, with the offered ids.

    An offered direction is turned round (RFC 8285 section 6).
    """
    return tuple(
        dataclasses.replace(extmap, direction=extmap.direction and extmap.direction.reversed)
        for extmap in dict.fromkeys(section.extmaps)
        if _NAMES.get(extmap.uri) in OF_PUBLISHERS and _usable(extmap.id)
    )


def offered_for(kind: Kind) -> tuple[Extmap, ...]:
    """What a section of ours offers to a subscriber."""
    return tuple(Extmap(number, URIS[name]) for name, number in OFFERED.get(kind, {}).items())


def kept_of(section: MediaSection, kind: Kind) -> tuple[Extmap, ...]:
    """The answerer's subset of `offered_for(kind)`. One with an id that is not ours is not kept."""
    ours = {(extmap.id, extmap.uri) for extmap in offered_for(kind)}
    return tuple(extmap for extmap in section.extmaps if (extmap.id, extmap.uri) in ours)


def of_bundle(extmaps: Iterable[Extmap], *, allow_mixed: bool) -> Extensions:
    """One id per URI and one URI per id (RFC 8843 section 15.2, RFC 8285 section 5).

    Raises SdpError where sections of the bundle contradict each other.
    """
    ids: dict[str, Any] = {}  # the values are numbers; Any because they become keyword arguments
    for extmap in extmaps:
        name = _NAMES[extmap.uri]
        if ids.setdefault(name, extmap.id) != extmap.id:
            raise SdpError(f"The header extension {name} has two ids in one BUNDLE group.")
    if len(set(ids.values())) != len(ids):
        raise SdpError("Two header extensions share an id in one BUNDLE group.")
    return Extensions(**ids, allow_mixed=allow_mixed)


def agreed_on_mixed(section_flags: Sequence[bool]) -> bool:
    """One- and two-byte blocks may mix when every section that carries media says so."""
    return bool(section_flags) and all(section_flags)


def _usable(number: int) -> bool:
    return 1 <= number <= _LAST_ID and number != _RESERVED_ID
