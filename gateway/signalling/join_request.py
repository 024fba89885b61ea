"""JoinRequest: what a client of dialect v1 sends with its upgrade, in one parameter of the query.

A WrappedJoinRequest in base64url, with or without padding; inside it a JoinRequest, gzipped or not
(RFC 4648 section 5, RFC 1952). Pure: bytes become values here, once. What it asks for beyond being
let in (tracks, an offer) becomes requests, as if it had sent them right after.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc

from gateway.errors import ClientError
from gateway.signalling.session import Client

# What a JoinRequest may grow to when unpacked. Those of browsers have some 20 KiB.
UNPACKED_LIMIT_BYTES: Final = 1024 * 1024
# zlib's window of 32 KiB, with a gzip header and trailer.
_GZIP_WINDOW_BITS: Final = 16 + zlib.MAX_WBITS
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
# How long the name of an SDK may be.
_SDK_CHARS: Final = 32


class JoinRequestError(ClientError):
    """The parameter cannot be read. The sentence is for the client and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A JoinRequest, read."""

    client: Client
    resumes: bool = False  # it wants to go on with a session
    requests: tuple[rtc.SignalRequest, ...] = field(default=(), repr=False)


def read(parameter: str) -> Opening:
    """The value of `join_request`. Raises JoinRequestError."""
    try:
        wrapped = rtc.WrappedJoinRequest.FromString(_from_base64(parameter))
        request = rtc.JoinRequest.FromString(_unwrapped(wrapped))
    except DecodeError:
        raise JoinRequestError("join_request is not a WrappedJoinRequest in protobuf.") from None
    requests = [rtc.SignalRequest(add_track=track) for track in request.add_track_requests]
    if request.HasField("publisher_offer"):
        requests.append(rtc.SignalRequest(offer=request.publisher_offer))
    return Opening(_client_of(request), request.reconnect, tuple(requests))


def _from_base64(text: str) -> bytes:
    if _BASE64.fullmatch(text) is None:
        raise JoinRequestError("join_request is not base64url.")
    plain = text.rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        raise JoinRequestError("join_request is not base64url.") from None


def _unwrapped(wrapped: rtc.WrappedJoinRequest) -> bytes:
    match wrapped.compression:
        case rtc.WrappedJoinRequest.NONE:
            return wrapped.join_request
        case rtc.WrappedJoinRequest.GZIP:
            return _gunzip(wrapped.join_request)
        case _:
            raise JoinRequestError("join_request is compressed in a way that is not known here.")


def _gunzip(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj(_GZIP_WINDOW_BITS)
    try:
        body = unpacking.decompress(packed, UNPACKED_LIMIT_BYTES)
    except zlib.error:
        raise JoinRequestError("join_request is damaged: it is not gzip.") from None
    if not unpacking.eof:
        raise JoinRequestError("join_request is cut short, or has more than 1 MiB unpacked.")
    return body


def _client_of(request: rtc.JoinRequest) -> Client:
    info = request.client_info
    known = info.sdk in models.ClientInfo.SDK.values()
    return Client(
        protocol=max(0, info.protocol),
        client_protocol=max(0, info.client_protocol),
        sdk=models.ClientInfo.SDK.Name(info.sdk).lower()[:_SDK_CHARS] if known else "",
        auto_subscribe=request.connection_settings.auto_subscribe,
        single=True,
    )
