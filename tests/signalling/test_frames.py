"""Frames: both forms are read, neither can make the reader raise anything but FrameError."""

import contextlib
import json

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models, rtc

from gateway.signalling import frames


@pytest.mark.parametrize("name", ["pingReq", "ping_req"])
def test_both_spellings_of_a_name_are_read(name: str) -> None:
    assert frames.read_text(json.dumps({name: {"timestamp": "7"}})).ping_req.timestamp == 7


def test_unknown_fields_are_passed_over() -> None:
    text = '{"addTrack": {"cid": "mic", "type": "AUDIO", "later": [1]}, "alsoLater": {}}'
    request = frames.read_text(text)
    assert request.add_track == rtc.AddTrackRequest(cid="mic", type=models.AUDIO)


def test_an_unknown_value_of_an_enum_is_passed_over() -> None:
    assert frames.read_text('{"trickle": {"target": "LATER"}}').HasField("trickle")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "1",
        "{",
        '{"ping": "soon"}',
        '{"ping": 1, "pingReq": {}}',
        '{"ping": 1' + "0" * 5000 + "}",
        '{"offer": {"sdp": "\\ud800"}}',
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_request_raises_and_is_not_quoted(text: str) -> None:
    with pytest.raises(frames.FrameError) as error:
        frames.read_text(text)
    assert str(error.value) == "The message is not a SignalRequest in proto3 JSON."


def test_bytes_that_are_no_request_raise() -> None:
    with pytest.raises(frames.FrameError):
        frames.read_binary(b"\xff\xff\xff")


def test_answers_have_lower_camel_case_names() -> None:
    response = rtc.SignalResponse(pong_resp=rtc.Pong(last_ping_timestamp=1, timestamp=2))
    text = frames.as_text(response.SerializeToString())
    assert json.loads(text) == {"pongResp": {"lastPingTimestamp": "1", "timestamp": "2"}}
    assert json_format.Parse(text, rtc.SignalResponse()) == response


@given(st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    with contextlib.suppress(frames.FrameError):
        frames.read_text(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_KINDS = [field.name for field in rtc.SignalRequest.DESCRIPTOR.fields]


@given(st.dictionaries(st.sampled_from(_KINDS), _JSON, max_size=2))
def test_no_json_makes_the_reader_fail(value: dict[str, object]) -> None:
    with contextlib.suppress(frames.FrameError):
        frames.read_text(json.dumps(value))


@given(st.binary())
def test_no_bytes_make_the_reader_fail(frame: bytes) -> None:
    with contextlib.suppress(frames.FrameError):
        frames.read_binary(frame)
