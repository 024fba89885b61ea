"""Tokens as platforms mint them: made by PyPI livekit-api, not by the code under test."""

from typing import Any

from livekit import api

KEY = "devkey"
SECRET = "secret"


def token(
    identity: str,
    room: str,
    *,
    name: str = "",
    metadata: str = "",
    attributes: dict[str, str] | None = None,
    **grants: Any,
) -> str:
    """A join token; `grants` are further fields of the video grant, as livekit-api names them."""
    made = (
        api.AccessToken(KEY, SECRET)
        .with_identity(identity)
        .with_name(name)
        .with_metadata(metadata)
        .with_attributes(attributes or {})
        .with_grants(api.VideoGrants(**{"room_join": True, "room": room, **grants}))
    )
    return made.to_jwt()
