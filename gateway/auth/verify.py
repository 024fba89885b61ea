"""From a token to a grant or a refusal. Pure: told the keys and the time.

The signature comes first, the time second, the grant last: a bearer of a forged token learns
nothing about what a good one would have allowed.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.auth.claims import RefusedClaim, grant_of, number
from gateway.auth.grant import DEFAULT_LIMITS, Grant, Limits
from gateway.auth.refusal import Cause, Refusal
from gateway.auth.signature import open_token

# How far the clocks of platform and gateway may be apart. A higher value keeps expired tokens
# alive for longer; LiveKit's tools assume 60 s.
LEEWAY_S: Final = 60.0


def verify(
    token: str | None,
    keys: Mapping[str, str],
    now_s: float,
    leeway_s: float = LEEWAY_S,
    limits: Limits = DEFAULT_LIMITS,
) -> Grant | Refusal:
    """What the bearer of `token` may do in the room it names, or why nothing.

    `keys` maps API keys to secrets; several pairs at once let keys rotate. `now_s` is seconds
    since 1970. Never raises, whatever the token is.
    """
    claims = authenticate(token, keys, now_s, leeway_s, limits)
    if isinstance(claims, Refusal):
        return claims
    return grant_of(claims, limits)


def authenticate(
    token: str | None,
    keys: Mapping[str, str],
    now_s: float,
    leeway_s: float = LEEWAY_S,
    limits: Limits = DEFAULT_LIMITS,
) -> dict[str, Any] | Refusal:
    """The claims of a token that is signed by one of `keys` and valid now, whatever it grants."""
    if not token:
        return Refusal(Cause.MISSING_TOKEN)
    if len(token) > limits.token_bytes:
        return Refusal(Cause.TOKEN_TOO_LONG)
    claims = open_token(token, keys)
    if isinstance(claims, Refusal):
        return claims
    try:
        cause = _out_of_time(number(claims, "exp"), number(claims, "nbf"), now_s, leeway_s)
    except RefusedClaim as refused:
        cause = refused.cause
    return claims if cause is None else Refusal(cause)


def _out_of_time(
    expires_s: float | None, not_before_s: float | None, now_s: float, leeway_s: float
) -> Cause | None:
    """RFC 7519 sections 4.1.4 and 4.1.5, with leeway. exp is required here."""
    if expires_s is None:
        return Cause.NO_EXPIRY
    if now_s >= expires_s + leeway_s:
        return Cause.EXPIRED
    if not_before_s is not None and now_s < not_before_s - leeway_s:
        return Cause.NOT_YET_VALID
    return None
