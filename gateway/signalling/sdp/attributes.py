"""How the value of each attribute is read.

Each function takes the text after the colon and gives a value, or raises `MalformedError`. Numbers
are ASCII digits within their range, names are bounded tokens: what was read can be written again.
"""

from __future__ import annotations

import re

from gateway.sfu.agreement import Fingerprint
from gateway.signalling.sdp.values import (
    Direction,
    Extmap,
    Fmtp,
    Group,
    IceCandidate,
    Msid,
    Rid,
    RtcpFeedback,
    Rtpmap,
    Setup,
    SsrcAttribute,
    SsrcGroup,
)

# RFC 8866 section 9, `token`, bounded: mids, rids, names.
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}", re.ASCII)
# A msid's parts are tokens by RFC 8830; clients put a "|" and other visible characters in them.
_VISIBLE = re.compile(r"[!-~]{1,256}")
_ICE_CHARS = re.compile(r"[0-9A-Za-z+/]{4,256}")  # RFC 8839 section 5.4
_DIGEST_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}


class MalformedError(Exception):
    """A value does not have the form that its attribute asks for."""


def read_number(value: str, below: int) -> int:
    """A decimal number of ASCII digits, 0 <= number < below."""
    if not (value.isascii() and value.isdigit() and len(value) <= 20) or int(value) >= below:
        raise MalformedError
    return int(value)


def read_token(value: str) -> str:
    """A mid, rid or name."""
    if _TOKEN.fullmatch(value) is None:
        raise MalformedError
    return value


def read_visible(value: str) -> str:
    """Visible ASCII without spaces."""
    if _VISIBLE.fullmatch(value) is None:
        raise MalformedError
    return value


def read_ice_chars(value: str) -> str:
    """A ufrag or password."""
    if _ICE_CHARS.fullmatch(value) is None:
        raise MalformedError
    return value


def read_collapsed(value: str) -> str:
    """Words with one space between them."""
    return " ".join(word for word in value.split(" ") if word)


def read_payload_type(value: str) -> int:
    return read_number(value, 128)


def read_direction(value: str) -> Direction:
    try:
        return Direction(value)
    except ValueError:
        raise MalformedError from None


def read_setup(value: str) -> Setup:
    try:
        return Setup(value)
    except ValueError:
        raise MalformedError from None


def read_group(value: str) -> Group:
    semantics, *mids = value.strip(" ").split(" ")
    return Group(read_token(semantics), tuple(read_token(mid) for mid in mids if mid))


def read_fingerprint(value: str) -> Fingerprint:
    algorithm, _, digest = value.partition(" ")
    algorithm = read_token(algorithm).lower()
    if re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}", digest) is None:
        raise MalformedError
    octets = bytes.fromhex(digest.replace(":", ""))
    if len(octets) != _DIGEST_BYTES.get(algorithm, len(octets)):
        raise MalformedError
    return Fingerprint(algorithm, octets)


def read_candidate(value: str) -> IceCandidate | None:
    """A candidate, or None for one that we could not read: it would not be used anyway."""
    fields = value.split(" ")
    if len(fields) < 8 or fields[6] != "typ":
        return None
    try:
        return IceCandidate(
            foundation=read_token(fields[0]),
            component=read_number(fields[1], 257),
            transport=read_token(fields[2]).lower(),
            priority=read_number(fields[3], 2**32),
            address=read_visible(fields[4]),
            port=read_number(fields[5], 2**16),
            type=read_token(fields[7]),
        )
    except MalformedError:
        return None


def read_rtpmap(value: str) -> Rtpmap:
    payload_type, _, encoding = value.partition(" ")
    parts = encoding.strip(" ").split("/")
    if len(parts) not in {2, 3}:
        raise MalformedError
    return Rtpmap(
        payload_type=read_payload_type(payload_type),
        name=read_token(parts[0]),
        clock_hz=read_number(parts[1], 2**32),
        channels=read_number(parts[2], 256) if len(parts) == 3 else 1,
    )


def read_fmtp(value: str) -> Fmtp:
    payload_type, _, parameters = value.partition(" ")
    return Fmtp(read_payload_type(payload_type), read_collapsed(parameters))


def read_rtcp_feedback(value: str) -> RtcpFeedback:
    payload_type, _, rest = value.partition(" ")
    number = None if payload_type == "*" else read_payload_type(payload_type)
    return RtcpFeedback(number, read_collapsed(rest))


def read_extmap(value: str) -> Extmap:
    """RFC 8285 section 8: "3/sendonly urn:example attributes"."""
    fields = value.split(" ")
    if len(fields) < 2:
        raise MalformedError
    number, _, direction = fields[0].partition("/")
    # 4096-4351 are provisional ids of offers that have more extensions than ids.
    extension_id, uri = read_number(number, 4352), read_visible(fields[1])
    return Extmap(extension_id, uri, read_direction(direction) if direction else None)


def read_msid(value: str) -> Msid:
    fields = value.split(" ")
    if len(fields) > 2:
        raise MalformedError
    return Msid(read_visible(fields[0]), read_visible(fields[1]) if len(fields) == 2 else "")


def read_ssrc(value: str) -> SsrcAttribute:
    ssrc, _, rest = value.partition(" ")
    attribute, _, text = rest.partition(":")
    return SsrcAttribute(read_number(ssrc, 2**32), read_token(attribute), read_collapsed(text))


def read_ssrc_group(value: str) -> SsrcGroup:
    semantics, *ssrcs = value.strip(" ").split(" ")
    return SsrcGroup(
        read_token(semantics), tuple(read_number(ssrc, 2**32) for ssrc in ssrcs if ssrc)
    )


def read_rid(value: str) -> Rid:
    fields = value.split(" ")
    if len(fields) < 2 or fields[1] not in {"send", "recv"}:
        raise MalformedError
    return Rid(read_token(fields[0]), fields[1])
