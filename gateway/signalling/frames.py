"""Frames: SignalRequests out of WebSocket messages, SignalResponses into them. No session state.

A client speaks protobuf in binary frames or proto3 JSON in text frames, and is answered in the form
that it used last. In JSON both spellings of a name are read ("pingReq", "ping_req"), unknown fields
and unknown values of an enum are passed over, as in protobuf.
"""

from __future__ import annotations

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from livekit.protocol import rtc

from gateway.errors import ClientError


class FrameError(ClientError):
    """A frame holds no SignalRequest. The sentence is for the client and quotes nothing."""


def read_binary(frame: bytes) -> rtc.SignalRequest:
    """A SignalRequest in protobuf. Raises FrameError."""
    try:
        return rtc.SignalRequest.FromString(frame)
    except DecodeError:
        raise FrameError("The message is not a SignalRequest in protobuf.") from None


def read_text(frame: str) -> rtc.SignalRequest:
    """A SignalRequest in proto3 JSON. Raises FrameError."""
    request = rtc.SignalRequest()
    try:
        json_format.Parse(frame, request, ignore_unknown_fields=True)
    except json_format.ParseError:
        raise FrameError("The message is not a SignalRequest in proto3 JSON.") from None
    return request


def as_text(encoded: bytes) -> str:
    """A SignalResponse of ours, from protobuf to JSON with lowerCamelCase names."""
    return json_format.MessageToJson(rtc.SignalResponse.FromString(encoded), indent=None)
