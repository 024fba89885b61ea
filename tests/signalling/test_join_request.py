"""The join_request parameter: read in every form that clients send, bounded, and never echoed."""

from __future__ import annotations

import base64
import contextlib
import gzip
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models, rtc

from gateway.signalling.join_request import JoinRequestError, Opening, read
from gateway.signalling.session import Client

NONE, GZIP = rtc.WrappedJoinRequest.NONE, rtc.WrappedJoinRequest.GZIP
REQUEST = rtc.JoinRequest(
    client_info=models.ClientInfo(
        sdk=models.ClientInfo.PYTHON, protocol=17, client_protocol=2, version="1.2.1"
    ),
    connection_settings=rtc.ConnectionSettings(auto_subscribe=True),
    add_track_requests=[rtc.AddTrackRequest(cid="mic")],
    publisher_offer=rtc.SessionDescription(type="offer", sdp="v=0 >>>???~~~ ", id=1),
)


def packed(
    request: rtc.JoinRequest = REQUEST,
    compression: Any = NONE,
) -> bytes:
    body = request.SerializeToString()
    body = gzip.compress(body) if compression == GZIP else body
    return rtc.WrappedJoinRequest(compression=compression, join_request=body).SerializeToString()


@pytest.mark.parametrize("compression", [NONE, GZIP])
@pytest.mark.parametrize("encode", [base64.urlsafe_b64encode, base64.b64encode])
@pytest.mark.parametrize("padding", ["", "="])
def test_every_form_reads_alike(compression: Any, encode: Any, padding: str) -> None:
    parameter = encode(packed(compression=compression)).decode()
    opening = read(parameter if padding else parameter.rstrip("="))
    assert opening == Opening(
        Client(protocol=17, client_protocol=2, sdk="python", single=True),
        requests=(
            rtc.SignalRequest(add_track=rtc.AddTrackRequest(cid="mic")),
            rtc.SignalRequest(offer=REQUEST.publisher_offer),
        ),
    )


def test_without_an_offer_nothing_is_asked_for() -> None:
    opening = read(base64.urlsafe_b64encode(packed(rtc.JoinRequest())).decode())
    assert opening == Opening(Client(sdk="unknown", auto_subscribe=False, single=True))


def test_a_resume_is_seen() -> None:
    assert read(base64.urlsafe_b64encode(packed(rtc.JoinRequest(reconnect=True))).decode()).resumes


@pytest.mark.parametrize(
    ("parameter", "word"),
    [
        ("!", "base64url"),
        ("A", "base64url"),
        ("_____", "base64url"),
        (base64.urlsafe_b64encode(b"\xff\xff").decode(), "protobuf"),
        (base64.urlsafe_b64encode(b"\x08\x07").decode(), "compressed"),
        (base64.urlsafe_b64encode(b"\x08\x01\x12\x03abc").decode(), "gzip"),
    ],
)
def test_what_cannot_be_read_says_why(parameter: str, word: str) -> None:
    with pytest.raises(JoinRequestError, match=word):
        read(parameter)


def test_more_than_1_mib_unpacked_is_refused() -> None:
    large = rtc.JoinRequest(metadata="x" * (1024 * 1024))
    with pytest.raises(JoinRequestError, match="1 MiB"):
        read(base64.urlsafe_b64encode(packed(large, GZIP)).decode())


def test_gzip_that_is_cut_short_is_refused() -> None:
    body = gzip.compress(REQUEST.SerializeToString())[:-9]
    wrapped = rtc.WrappedJoinRequest(compression=GZIP, join_request=body)
    with pytest.raises(JoinRequestError, match="cut short"):
        read(base64.urlsafe_b64encode(wrapped.SerializeToString()).decode())


@given(st.text() | st.binary().map(lambda b: base64.urlsafe_b64encode(b).decode()))
def test_no_parameter_makes_the_reader_fail(parameter: str) -> None:
    with contextlib.suppress(JoinRequestError):
        read(parameter)


@given(st.binary(), st.sampled_from([NONE, GZIP]), st.booleans())
def test_no_body_makes_the_reader_fail(body: bytes, compression: Any, zipped: bool) -> None:
    inner = gzip.compress(body) if zipped else body
    wrapped = rtc.WrappedJoinRequest(compression=compression, join_request=inner)
    with contextlib.suppress(JoinRequestError):
        read(base64.urlsafe_b64encode(wrapped.SerializeToString()).decode())
