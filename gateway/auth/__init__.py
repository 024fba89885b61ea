"""From a token to what its bearer may do: pure, told the keys and the time.

`verify` makes a `Grant` or a `Refusal` of a token, `mint` and `refresh` make tokens. No HTTP here:
where a token comes from and how a refusal is written is the API's. A token appears in no exception
text, message or repr.
"""

from gateway.auth.grant import Grant, Kind, Limits, Source
from gateway.auth.mint import mint, refresh
from gateway.auth.refusal import Cause, Refusal
from gateway.auth.verify import authenticate, verify

__all__ = [
    "Cause",
    "Grant",
    "Kind",
    "Limits",
    "Refusal",
    "Source",
    "authenticate",
    "mint",
    "refresh",
    "verify",
]
