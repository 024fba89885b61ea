"""Tokens as platforms mint them, with the key of `--dev`."""

from datetime import timedelta

from livekit import api

KEY = "devkey"
SECRET = "secret"


def mint(
    identity: str,
    room: str,
    *,
    key: str = KEY,
    secret: str = SECRET,
    hours: int = 1,
    name: str = "",
) -> str:
    """Lets `identity` join `room`."""
    grants = api.VideoGrants(room_join=True, room=room)
    made = api.AccessToken(key, secret).with_identity(identity).with_grants(grants)
    return made.with_name(name).with_ttl(timedelta(hours=hours)).to_jwt()
