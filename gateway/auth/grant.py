"""What a verified token grants. Values only; `claims` makes them of a token's claims and back.

The words are those of LiveKit's video grant, with its defaults. A repr shows no personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

EMPTY: Mapping[str, Any] = MappingProxyType({})


class Kind(StrEnum):
    """What sort of participant a token is for. Recorders (egress) are refused, hence not here."""

    STANDARD = "standard"
    INGRESS = "ingress"
    SIP = "sip"
    AGENT = "agent"
    CONNECTOR = "connector"
    BRIDGE = "bridge"


class Source(StrEnum):
    """What a track shows or sounds like; a token may restrict publishing to some."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    SCREEN_SHARE = "screen_share"
    SCREEN_SHARE_AUDIO = "screen_share_audio"


@dataclass(frozen=True, slots=True)
class Limits:
    """Most bytes (UTF-8) of what a token carries. Higher values cost memory for each participant
    and each message about it; of the whole token also 40 us for each KiB, before anybody knows
    whether its signature is good. 32 KiB carry 20 KiB of metadata and attributes."""

    token_bytes: int = 32_768
    identity_bytes: int = 256
    name_bytes: int = 256
    room_bytes: int = 256
    metadata_bytes: int = 65_536
    attributes_bytes: int = 65_536


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who may join which room and what they may do there.

    `expires_s` and `not_before_s` are seconds since 1970 (0: none was given); they bound the use
    of the token, not the call. `can_publish_sources` None means all. `video` is the raw video
    grant, which `refresh` repeats so that fields unknown here survive.
    """

    identity: str = field(repr=False)
    room: str = field(repr=False)
    issuer: str
    expires_s: float
    not_before_s: float = 0.0
    name: str = field(default="", repr=False)
    metadata: str = field(default="", repr=False)
    attributes: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    kind: Kind = Kind.STANDARD
    can_publish: bool = True
    can_subscribe: bool = True
    can_publish_data: bool = True
    can_publish_sources: frozenset[Source] | None = None
    can_update_own_metadata: bool = False
    room_admin: bool = False
    video: Mapping[str, Any] = field(default_factory=lambda: EMPTY, repr=False)

    def may_publish(self, source: Source | None) -> bool:
        """May a track of this source be published? None: a source that has no name."""
        if self.can_publish_sources is None:
            return self.can_publish
        return self.can_publish and source in self.can_publish_sources
