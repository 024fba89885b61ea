"""Names that the control plane makes up: sids, row ids, ICE credentials.

Not identities of people: those come from tokens. Randomness is the operating system's.
"""

import secrets
import string
from typing import Final

# Letters and digits without those that people mix up (0 O 1 l I): sids are read out on the phone.
SID_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SID_RANDOM_CHARACTERS: Final = 12

# RFC 8839 section 5.4, `ice-char` less "+" and "/".
ICE_ALPHABET: Final = string.ascii_letters + string.digits
# 8 characters are 47 bits; RFC 8445 section 5.3 asks for 24.
UFRAG_RANDOM_CHARACTERS: Final = 8
# 24 characters are 142 bits; RFC 8445 section 5.3 asks for 128.
ICE_PASSWORD_CHARACTERS: Final = 24
# The worker is two hex digits of the ufrag.
MAX_WORKERS: Final = 256


def _random(alphabet: str, characters: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(characters))


def new_sid(prefix: str) -> str:
    """A server id as clients know it: "PA_", "RM_", "TR_" or the like and 12 random characters."""
    return prefix + _random(SID_ALPHABET, SID_RANDOM_CHARACTERS)


def new_ufrag(worker: int) -> str:
    """An ICE user name fragment that tells the datapath which worker it belongs to.

    Its first two characters are the worker as lowercase hex digits (datapath.proto,
    IceCredentials), so 0 <= worker < 256; anything else raises ValueError.
    """
    if not 0 <= worker < MAX_WORKERS:
        raise ValueError(f"worker {worker} does not fit two hex digits")
    return f"{worker:02x}{_random(ICE_ALPHABET, UFRAG_RANDOM_CHARACTERS)}"


def new_ice_password() -> str:
    """An ICE password, RFC 8445 section 5.3."""
    return _random(ICE_ALPHABET, ICE_PASSWORD_CHARACTERS)


class RowIds:
    """Numbers for rows (and for rooms) of the contract: each is given once, above a floor.

    After a restart of the control plane the floor is the highest id in `Dump`.
    """

    def __init__(self, floor: int = 0) -> None:
        self._last = floor

    def next(self) -> int:
        """The next number, never given before by this object, at least floor + 1."""
        self._last += 1
        return self._last

    def raise_floor(self, floor: int) -> None:
        """Numbers up to `floor` are taken; a floor below what was given changes nothing."""
        self._last = max(self._last, floor)
