"""Logs say what happened and never to whom."""

import io
import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import logs
from gateway.errors import OperatorError

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkciBhIn0.c2lnbmF0dXJl"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Standard error of a process that logs as the control plane does."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("debug", "json", "control")
    return stream


def only_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_an_event_is_one_line_of_json_with_its_process(written: io.StringIO) -> None:
    logs.get().info("participant_joined", count=2)
    fields = only_line(written)
    assert fields["event"] == "participant_joined"
    assert (fields["process"], fields["count"], fields["level"]) == ("control", 2, "info")


@pytest.mark.parametrize(
    "field", ["identity", "participant_name", "client_address", "token", "accessToken", "ice_ufrag"]
)
def test_a_field_that_is_private_by_name_is_taken_out(written: io.StringIO, field: str) -> None:
    logs.get().info("something_happened", **{field: "Dr A"})
    assert "Dr A" not in written.getvalue()
    assert only_line(written)[field] == logs.REDACTED


def test_a_token_inside_a_text_is_taken_out(written: io.StringIO) -> None:
    logs.get().info("something_happened", detail=f"GET /rtc?x=1&access_token={TOKEN}&y=2")
    assert TOKEN not in written.getvalue()
    assert only_line(written)["detail"] == f"GET /rtc?x=1&{logs.REDACTED}&y=2"


def test_an_object_is_told_by_its_kind(written: io.StringIO) -> None:
    logs.get().info("something_happened", thing={"identity": "Dr A"})
    assert only_line(written)["thing"] == "dict"


def test_an_error_is_told_by_kind_and_place_without_its_text(written: io.StringIO) -> None:
    try:
        raise ValueError(f"cannot read {TOKEN}")
    except ValueError:
        logs.get().exception("reading_failed")
    fields = only_line(written)
    assert fields["error"] == "ValueError"
    assert "test_logs" in fields["raised_at"]
    assert "cannot read" not in written.getvalue()


def test_the_sentence_of_our_own_error_is_kept(written: io.StringIO) -> None:
    logs.get().error("start_failed", exc_info=OperatorError("the port is taken"))
    assert only_line(written)["says"] == "the port is taken"


def test_a_library_is_told_by_its_place_without_its_text(written: io.StringIO) -> None:
    library = logging.getLogger("aiohttp.server")
    try:
        raise ValueError(TOKEN)
    except ValueError:
        library.exception("Error handling request from %s: %s", "192.0.2.1", TOKEN)
    fields = only_line(written)
    assert (fields["library"], fields["error"]) == ("aiohttp.server", "ValueError")
    assert fields["source"].startswith("test_logs:")
    assert "192.0.2.1" not in written.getvalue()
    assert TOKEN not in written.getvalue()


@given(st.text(alphabet="abcXYZ019_-", min_size=8), st.text(), st.text())
def test_no_text_around_a_token_keeps_it(body: str, before: str, after: str) -> None:
    assert f"eyJ{body}" not in logs.without_secrets(f"{before}eyJ{body}{after}")
