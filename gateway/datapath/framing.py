"""Frames of the contract on a stream: a 4-byte big-endian length and one Frame of at most 1 MiB.

Told bytes; owns no socket. The rule stands in `datapath/proto/datapath.proto`, FRAMING.
"""

from typing import Final

from google.protobuf.message import DecodeError

from gateway.datapath import datapath_pb2 as pb
from gateway.errors import InternalError

LENGTH_BYTES: Final = 4
# Of the Frame, its length not counted. The contract's number: both sides must have the same.
MAX_FRAME_BYTES: Final = 1 << 20


class FramingError(InternalError):
    """The other side does not speak the contract. The connection is of no further use."""


def encode(frame: pb.Frame) -> bytes:
    """A frame with its length. Raises FramingError above MAX_FRAME_BYTES: see `parts`."""
    body = frame.SerializeToString()
    if len(body) > MAX_FRAME_BYTES:
        raise FramingError(f"a frame of {len(body)} bytes was not cut into parts")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[pb.Frame]:
        """The frames that are whole now. Raises FramingError when the bytes are none; this reader
        is then of no further use."""
        self._bytes += data
        frames = []
        start = 0
        while (body := self._next(start)) is not None:
            frames.append(self._decode(body))
            start = body.stop
        del self._bytes[:start]
        return frames

    def _next(self, start: int) -> slice | None:
        """Where the body of the frame at `start` lies, if all of it is here."""
        body_start = start + LENGTH_BYTES
        if len(self._bytes) < body_start:
            return None
        length = int.from_bytes(self._bytes[start:body_start], "big")
        if length > MAX_FRAME_BYTES:
            raise FramingError(f"a frame of {length} bytes is above the contract's bound")
        stop = body_start + length
        return slice(body_start, stop) if len(self._bytes) >= stop else None

    def _decode(self, body: slice) -> pb.Frame:
        try:
            return pb.Frame.FromString(bytes(self._bytes[body]))
        except DecodeError:
            raise FramingError("the bytes of a frame are no Frame of the contract") from None
