"""Claims of a token, parsed into a `Grant`, and a `Grant` as claims again.

Told claims whose signature holds; knows nothing of signatures, keys and time. The claims are those
that LiveKit's server SDKs write. An unset permission has LiveKit's default; a claim of the wrong
type is a refusal, never a guess.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gateway.auth.grant import Grant, Kind, Limits, Source
from gateway.auth.refusal import Cause, Refusal

Claims = Mapping[str, Any]


class RefusedClaim(Exception):
    """Ends the parsing of one token; never leaves this package."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.label)
        self.cause = cause


def grant_of(claims: Claims, limits: Limits) -> Grant | Refusal:
    """What the claims grant to somebody who wants to join a room."""
    try:
        return _grant(claims, limits)
    except RefusedClaim as refused:
        return Refusal(refused.cause)


def claims_of(grant: Grant) -> dict[str, Any]:
    """The claims from which `grant_of` makes an equal grant. JSON, without iss's secret."""
    video = dict(grant.video) | {
        "roomJoin": True,
        "room": grant.room,
        "canPublish": grant.can_publish,
        "canSubscribe": grant.can_subscribe,
        "canPublishData": grant.can_publish_data,
        "canPublishSources": sorted(grant.can_publish_sources or ()),
        "canUpdateOwnMetadata": grant.can_update_own_metadata,
        "roomAdmin": grant.room_admin,
    }
    return {
        "iss": grant.issuer,
        "sub": grant.identity,
        "name": grant.name,
        "metadata": grant.metadata,
        "attributes": dict(grant.attributes),
        "kind": grant.kind.value,
        "nbf": grant.not_before_s,
        "exp": grant.expires_s,
        "video": video,
    }


def number(claims: Claims, name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2), None if unset. Raises RefusedClaim."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedClaim(Cause.MALFORMED_CLAIMS)
    try:
        seconds = float(value)
    except OverflowError:
        raise RefusedClaim(Cause.MALFORMED_CLAIMS) from None
    if not math.isfinite(seconds):
        raise RefusedClaim(Cause.MALFORMED_CLAIMS)
    return seconds


def _grant(claims: Claims, limits: Limits) -> Grant:
    video = _mapping(claims, "video")
    if not _flag(video, "roomJoin", False):
        raise RefusedClaim(Cause.NO_ROOM_JOIN)
    _refuse_unseen(claims, video)
    room = _text(video, "room", limits.room_bytes, Cause.ROOM_TOO_LONG)
    if not room:
        raise RefusedClaim(Cause.NO_ROOM)
    can_publish = _flag(video, "canPublish", True)
    expires_s = number(claims, "exp")
    if expires_s is None:
        raise RefusedClaim(Cause.NO_EXPIRY)
    return Grant(
        identity=_identity(claims, limits),
        room=room,
        issuer=_text(claims, "iss", limits.token_bytes, Cause.MALFORMED_CLAIMS),
        expires_s=expires_s,
        not_before_s=number(claims, "nbf") or 0.0,
        name=_text(claims, "name", limits.name_bytes, Cause.NAME_TOO_LONG),
        metadata=_text(claims, "metadata", limits.metadata_bytes, Cause.METADATA_TOO_LONG),
        attributes=_attributes(claims, limits),
        kind=_kind(claims),
        can_publish=can_publish,
        can_subscribe=_flag(video, "canSubscribe", True),
        can_publish_data=_flag(video, "canPublishData", can_publish),
        can_publish_sources=_sources(video),
        can_update_own_metadata=_flag(video, "canUpdateOwnMetadata", False),
        room_admin=_flag(video, "roomAdmin", False),
        video=MappingProxyType(video),
    )


def _refuse_unseen(claims: Claims, video: Claims) -> None:
    """Secrecy by construction: nobody takes part unseen, nothing is recorded."""
    if _flag(video, "hidden", False):
        raise RefusedClaim(Cause.HIDDEN)
    if _flag(video, "recorder", False) or claims.get("kind") == "egress":
        raise RefusedClaim(Cause.RECORDER)


def _identity(claims: Claims, limits: Limits) -> str:
    """The subject; older SDKs wrote the identity as jti."""
    for name in ("sub", "jti"):
        identity = _text(claims, name, limits.identity_bytes, Cause.IDENTITY_TOO_LONG)
        if identity:
            return identity
    raise RefusedClaim(Cause.NO_IDENTITY)


def _kind(claims: Claims) -> Kind:
    """Kinds that are newer than this text count as standard, as LiveKit's server has it."""
    value = _text(claims, "kind", 256, Cause.MALFORMED_CLAIMS)
    return Kind(value) if value in set(Kind) else Kind.STANDARD


def _sources(video: Claims) -> frozenset[Source] | None:
    """No list and an empty list mean all sources: SDKs do not tell them apart. A name that is not
    known here grants nothing."""
    value = video.get("canPublishSources")
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise RefusedClaim(Cause.MALFORMED_CLAIMS)
    names = {name.lower() for name in value}
    return frozenset(source for source in Source if source.value in names)


def _attributes(claims: Claims, limits: Limits) -> Mapping[str, str]:
    attributes = _mapping(claims, "attributes")
    left_bytes = limits.attributes_bytes
    for name, value in attributes.items():
        if not isinstance(value, str):
            raise RefusedClaim(Cause.MALFORMED_CLAIMS)
        left_bytes -= _utf8_bytes(name) + _utf8_bytes(value)
    if left_bytes < 0:
        raise RefusedClaim(Cause.ATTRIBUTES_TOO_LONG)
    return MappingProxyType(attributes)


def _mapping(claims: Claims, name: str) -> dict[str, Any]:
    value = claims.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusedClaim(Cause.MALFORMED_CLAIMS)
    return value


def _flag(claims: Claims, name: str, default: bool) -> bool:
    value = claims.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise RefusedClaim(Cause.MALFORMED_CLAIMS)
    return value


def _text(claims: Claims, name: str, most_bytes: int, too_long: Cause) -> str:
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusedClaim(Cause.MALFORMED_CLAIMS)
    if _utf8_bytes(value) > most_bytes:
        raise RefusedClaim(too_long)
    return value


def _utf8_bytes(text: str) -> int:
    """JSON can spell lone surrogates, which no other part of the gateway could encode."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise RefusedClaim(Cause.MALFORMED_CLAIMS) from None
