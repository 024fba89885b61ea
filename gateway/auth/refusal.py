"""Why a token was not accepted: a closed list, each cause with its HTTP status and a sentence.

The sentence says what is wrong and what to do next. It is written here, never put together from
what the client sent, so that nothing of a token can leak through it.

The statuses are those on which LiveKit clients act well: 401 and 403 end an attempt to connect for
good, 400 is shown to the developer, 404 is never used (clients take it for another protocol
version or a missing room).
"""

from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """Name in logs and metrics, HTTP status, sentence."""

    MISSING_TOKEN = (
        "missing_token",
        401,
        "No access token was sent: give it as 'Authorization: Bearer <token>' or as the query "
        "parameter access_token.",
    )
    TOKEN_TOO_LONG = (
        "token_too_long",
        401,
        "The access token is longer than this gateway accepts: put less metadata and fewer "
        "attributes into it.",
    )
    MALFORMED_TOKEN = (
        "malformed_token",
        401,
        "The access token is not a JSON Web Token in compact form: send it whole and unchanged.",
    )
    WRONG_ALGORITHM = (
        "wrong_algorithm",
        401,
        "The access token is not signed with HS256, the only algorithm that this gateway accepts.",
    )
    UNKNOWN_KEY = (
        "unknown_key",
        401,
        "The API key that the access token names as its issuer (iss) is not known here: mint the "
        "token with a key from the gateway's settings.",
    )
    UNUSABLE_SECRET = (
        "unusable_secret",
        500,
        "The secret of this API key in the gateway's settings cannot be used for HS256: the "
        "operator has to replace it.",
    )
    WRONG_SIGNATURE = (
        "wrong_signature",
        401,
        "The signature of the access token is wrong: mint it with the secret that belongs to its "
        "API key.",
    )
    MALFORMED_CLAIMS = (
        "malformed_claims",
        401,
        "A claim of the access token has the wrong type: see the documentation of access tokens.",
    )
    NO_EXPIRY = (
        "no_expiry",
        401,
        "The access token has no expiry (exp): mint one that has.",
    )
    EXPIRED = (
        "expired",
        401,
        "The access token has expired: ask your platform for a new one.",
    )
    NOT_YET_VALID = (
        "not_yet_valid",
        401,
        "The access token is not valid yet (nbf): come back later, or set the clock of the "
        "machine that mints it.",
    )
    NO_ROOM_JOIN = (
        "no_room_join",
        401,
        "The access token does not allow joining a room: its video grant lacks roomJoin.",
    )
    NO_ROOM = (
        "no_room",
        400,
        "The access token names no room: set room in its video grant.",
    )
    ROOM_TOO_LONG = ("room_too_long", 400, "The room name in the access token is too long.")
    NO_IDENTITY = (
        "no_identity",
        400,
        "The access token names no identity: set its subject (sub).",
    )
    IDENTITY_TOO_LONG = ("identity_too_long", 400, "The identity in the access token is too long.")
    NAME_TOO_LONG = ("name_too_long", 400, "The name in the access token is too long.")
    METADATA_TOO_LONG = ("metadata_too_long", 400, "The metadata in the access token is too long.")
    ATTRIBUTES_TOO_LONG = (
        "attributes_too_long",
        400,
        "The attributes in the access token are too long together.",
    )
    HIDDEN = (
        "hidden",
        403,
        "The access token asks for a hidden participant. There are none here, because everybody "
        "in a consultation must see who takes part: mint the token without hidden.",
    )
    RECORDER = (
        "recorder",
        403,
        "The access token asks for a recorder. There are none here, because consultations are "
        "never recorded by the gateway: mint the token without recorder and of another kind "
        "than egress.",
    )

    def __init__(self, label: str, status: int, sentence: str) -> None:
        self.label = label
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Refusal:
    """A token that was not accepted."""

    cause: Cause

    @property
    def status(self) -> int:
        """The HTTP status to answer with."""
        return self.cause.status

    @property
    def sentence(self) -> str:
        """What to tell the client and the log."""
        return self.cause.sentence
