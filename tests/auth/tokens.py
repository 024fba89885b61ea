"""Tokens to test with: made by an unmodified LiveKit server SDK, and by hand for what it refuses
to make."""

import base64
import hashlib
import hmac
import json
from typing import Any

from livekit.api import AccessToken, VideoGrants

KEY = "platform"
SECRET = "a secret of at least thirty-two bytes"
KEYS = {KEY: SECRET, "other": "another secret, also longer than 32 bytes"}
NOW_S = 1_800_000_000.0


def sdk_token(grants: VideoGrants | None = None, secret: str = SECRET) -> AccessToken:
    """What a platform mints; valid at the time at which it is made, not at NOW_S."""
    grants = grants or VideoGrants(room_join=True, room="consultation")
    return AccessToken(KEY, secret).with_identity("doctor").with_grants(grants)


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims at NOW_S with some changed; None takes a claim out."""
    made = {
        "iss": KEY,
        "sub": "doctor",
        "nbf": NOW_S - 5,
        "exp": NOW_S + 600,
        "video": {"roomJoin": True, "room": "consultation"},
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def video(**changes: Any) -> dict[str, Any]:
    """Good claims with some fields of the video grant changed; None takes a field out."""
    made = {"roomJoin": True, "room": "consultation"} | changes
    return claims(video={name: value for name, value in made.items() if value is not None})


def part(value: object) -> str:
    """A base64url part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(
    payload: object,
    secret: str = SECRET,
    header: object = None,
    digest: str = "sha256",
) -> str:
    """A token put together by hand, RFC 7515 section 7.1."""
    signed = part(header or {"alg": "HS256", "typ": "JWT"}) + "." + part(payload)
    signature = hmac.digest(secret.encode(), signed.encode(), getattr(hashlib, digest))
    return signed + "." + part(signature)
