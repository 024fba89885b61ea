"""Track: what clients see of one published source of sound or picture.

Not the stream that carries it (that is a row, see `gateway.sfu`), and not a message of the client
protocol. The words are those of the client protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class TrackKind(StrEnum):
    """Sound or picture."""

    AUDIO = "audio"
    VIDEO = "video"


class TrackSource(StrEnum):
    """Where a track comes from, in the words of a token's `canPublishSources`."""

    UNKNOWN = "unknown"
    CAMERA = "camera"
    MICROPHONE = "microphone"
    SCREEN_SHARE = "screen_share"
    SCREEN_SHARE_AUDIO = "screen_share_audio"

    @property
    def default_stream(self) -> str:
        """The name that groups a picture with its sound, so that receivers keep them in step."""
        if self in {TrackSource.SCREEN_SHARE, TrackSource.SCREEN_SHARE_AUDIO}:
            return "screen"
        return "camera"


class Encryption(StrEnum):
    """How the participants encrypt frames among themselves; the gateway has no key to it."""

    NONE = "none"
    GCM = "gcm"
    CUSTOM = "custom"


class LayerQuality(StrEnum):
    """The name of one size of a picture."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Layer:
    """One size in which a picture is offered, in pixels and bits per second."""

    quality: LayerQuality
    width: int = 0
    height: int = 0
    bitrate_bps: int = 0


@dataclass(frozen=True, slots=True)
class Track:
    """A track that a participant has asked to publish.

    `cid` is the client's own name for it. `published` turns true when its media section has been
    negotiated; only then do others learn of it. `mid` and `mime_type` are known from then on.
    """

    sid: str
    cid: str = field(repr=False)
    kind: TrackKind
    source: TrackSource = TrackSource.UNKNOWN
    name: str = field(default="", repr=False)
    muted: bool = False
    width: int = 0
    height: int = 0
    stream: str = field(default="", repr=False)
    encryption: Encryption = Encryption.NONE
    layers: tuple[Layer, ...] = ()
    audio_features: tuple[str, ...] = ()  # the client protocol's names, "TF_STEREO"
    disable_red: bool = False
    simulcast: bool = False
    mime_type: str = ""
    mid: str = ""
    published: bool = False
