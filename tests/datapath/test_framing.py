"""Frames on a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.framing import MAX_FRAME_BYTES, FrameReader, FramingError, encode


def frame(exchange: int, text: str = "") -> pb.Frame:
    return pb.Frame(exchange=exchange, log=pb.LogLine(event=text))


@given(st.lists(st.text(max_size=40), max_size=6), st.integers(1, 50))
def test_frames_come_out_whole_however_the_bytes_arrive(texts: list[str], step: int) -> None:
    frames = [frame(number, text) for number, text in enumerate(texts)]
    stream = b"".join(encode(one) for one in frames)
    reader = FrameReader()
    read = []
    for start in range(0, len(stream), step):
        read += reader.feed(stream[start : start + step])
    assert read == frames


@given(st.binary(max_size=200))
def test_bytes_are_frames_or_a_framing_error_never_anything_else(data: bytes) -> None:
    try:
        read = FrameReader().feed(data)
    except FramingError:
        return
    assert sum(4 + one.ByteSize() for one in read) <= len(data)


def test_a_length_above_the_bound_is_an_error_before_its_bytes_arrive() -> None:
    with pytest.raises(FramingError):
        FrameReader().feed((MAX_FRAME_BYTES + 1).to_bytes(4, "big"))


def test_a_frame_of_exactly_the_bound_is_waited_for() -> None:
    assert FrameReader().feed(MAX_FRAME_BYTES.to_bytes(4, "big") + b"\0") == []


def test_a_frame_above_the_bound_is_not_written() -> None:
    with pytest.raises(FramingError, match="parts"):
        encode(frame(1, "x" * MAX_FRAME_BYTES))


def test_no_bytes_of_a_bad_frame_are_in_the_error() -> None:
    with pytest.raises(FramingError) as caught:
        FrameReader().feed(b"\0\0\0\x08" + b"\xffsecret\xff")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
