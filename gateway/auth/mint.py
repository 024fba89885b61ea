"""Makes tokens: for trying (`gateway token`), for the probe, and fresh ones for running sessions.

Platforms mint their participants' tokens themselves, with any LiveKit server SDK.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.auth.claims import claims_of
from gateway.auth.grant import DEFAULT_LIMITS, Grant, Limits
from gateway.auth.signature import sign

# A session gets a fresh token at least every 5 min, so that it can reconnect however long the call
# is. A higher value lets a token that leaked from a client be used for longer.
REFRESHED_TTL_S: Final = 600


def mint(
    key: str,
    secret: str,
    *,
    identity: str,
    room: str,
    now_s: float,
    valid_s: float,
    name: str = "",
    can_publish: bool = True,
) -> str:
    """A token that lets `identity` join `room` from `now_s` (seconds since 1970) for `valid_s`.

    Raises ValueError if the secret is empty or looks like another sort of key.
    """
    claims: dict[str, Any] = {"iss": key, "sub": identity}
    claims |= {"nbf": int(now_s), "exp": int(now_s + valid_s)}
    if name:
        claims["name"] = name
    claims["video"] = {"roomJoin": True, "room": room, "canPublish": can_publish}
    return sign(claims, secret)


def refresh(
    grant: Grant, keys: Mapping[str, str], now_s: float, limits: Limits = DEFAULT_LIMITS
) -> str | None:
    """A fresh token for a running session, with the grant's permissions as they are now.

    It lives for REFRESHED_TTL_S, or as long as the original if that is longer. None if the key
    that issued the original is no longer in the settings, since a key that was taken out must not
    live on in fresh tokens, or if the grant has outgrown what `verify` accepts: the session goes
    on with the token that it has.
    """
    secret = keys.get(grant.issuer)
    if secret is None:
        return None
    expires_s = max(grant.expires_s, now_s + REFRESHED_TTL_S)
    fresh = replace(grant, not_before_s=int(now_s), expires_s=int(expires_s))
    token = sign(claims_of(fresh), secret)
    return token if len(token) <= limits.token_bytes else None
