"""The signature of a token and nothing else: JWS compact form, HS256 only (RFC 7515, RFC 7518).

PyJWT does the cryptography. It is asked for signatures alone: it would read the machine's clock to
judge claims, and the time is a parameter here.
"""

import hashlib
import json
import re
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, Final

from jwt import PyJWS
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidKeyError, PyJWTError
from jwt.utils import base64url_decode

from gateway.auth.refusal import Cause, Refusal

ALGORITHM: Final = "HS256"
# Base64url without padding, three times. PyJWT would let "=" pass at the end of a part. A signature
# may be empty: so is that of algorithm "none", whose bearer is told which algorithm is needed.
COMPACT_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)


class SharedSecret(HMACAlgorithm):
    """HS256 that says nothing about short secrets: the settings refuse those, except in --dev,
    where the key is the one that every LiveKit tool uses by default."""

    def check_key_length(self, key: bytes) -> None:
        del key


def _jws() -> PyJWS:
    """A PyJWS that knows no other algorithm, whatever a header says."""
    jws = PyJWS(algorithms=[])
    jws.register_algorithm(ALGORITHM, SharedSecret(hashlib.sha256))
    return jws


def sign(claims: Mapping[str, Any], secret: str) -> str:
    """A token with these claims. Raises ValueError if the secret or the claims cannot be used."""
    payload = json.dumps(claims, separators=(",", ":"), allow_nan=False).encode()
    try:
        return _jws().encode(payload, secret, algorithm=ALGORITHM, headers={"typ": "JWT"})
    except InvalidKeyError:
        raise ValueError("the secret cannot be used for HS256: choose a random text") from None


def open_token(token: str, keys: Mapping[str, str]) -> dict[str, Any] | Refusal:
    """The claims of a token that one of `keys` (API key -> secret) signed."""
    if COMPACT_FORM.fullmatch(token) is None:
        return Refusal(Cause.MALFORMED_TOKEN)
    header_part, payload_part, _ = token.split(".")
    header = _json_object(header_part)
    claims = _json_object(payload_part)
    if header is None or claims is None:
        return Refusal(Cause.MALFORMED_TOKEN)
    if header.get("alg") != ALGORITHM:
        return Refusal(Cause.WRONG_ALGORITHM)
    if "crit" in header or "b64" in header:
        # RFC 7515 section 4.1.11: extensions that are not understood are refused.
        return Refusal(Cause.MALFORMED_TOKEN)
    issuer = claims.get("iss")
    secret = keys.get(issuer) if isinstance(issuer, str) else None
    if secret is None:
        return Refusal(Cause.UNKNOWN_KEY)
    cause = _check(token, secret)
    return claims if cause is None else Refusal(cause)


def _check(token: str, secret: str) -> Cause | None:
    try:
        _jws().decode_complete(token, secret, algorithms=[ALGORITHM])
    except InvalidKeyError:
        return Cause.UNUSABLE_SECRET
    except PyJWTError:
        return Cause.WRONG_SIGNATURE
    return None


def _json_object(part: str) -> dict[str, Any] | None:
    """A base64url part as a JSON object; None if it is none. Nothing is believed yet."""
    try:
        value = json.loads(base64url_decode(part), parse_constant=_no_constant)
    except (ValueError, RecursionError, Base64Error):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(_: str) -> None:
    """NaN and the infinities are no JSON (RFC 8259 section 6)."""
    raise ValueError("not JSON")
