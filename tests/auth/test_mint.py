"""Tokens that the gateway makes itself."""

import time
from dataclasses import replace

import pytest
from livekit.api import TokenVerifier

from gateway.auth import Grant, Refusal, mint, refresh, verify
from tests.auth.tokens import KEY, KEYS, NOW_S, SECRET, claims, token


def grant_of(made: str | None, now_s: float = NOW_S) -> Grant:
    grant = verify(made, KEYS, now_s)
    assert isinstance(grant, Grant), grant
    return grant


def test_a_minted_token_admits_to_its_room_until_it_expires() -> None:
    made = mint(KEY, SECRET, identity="doctor", room="consultation", now_s=NOW_S, valid_s=21_600)
    grant = grant_of(made)
    assert (grant.identity, grant.room) == ("doctor", "consultation")
    assert (grant.not_before_s, grant.expires_s) == (NOW_S, NOW_S + 21_600)
    assert isinstance(verify(made, KEYS, NOW_S + 21_660), Refusal)


def test_a_minted_token_is_one_that_the_python_sdk_verifies() -> None:
    made = mint(
        KEY,
        SECRET,
        identity="doctor",
        room="consultation",
        now_s=time.time(),
        valid_s=60,
        name="Dr. Who",
        can_publish=False,
    )
    seen = TokenVerifier(KEY, SECRET).verify(made)
    assert (seen.identity, seen.name) == ("doctor", "Dr. Who")
    assert seen.video is not None
    assert (seen.video.room, seen.video.can_publish) == ("consultation", False)


def test_the_development_secret_signs_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    mint("devkey", "secret", identity="a", room="b", now_s=NOW_S, valid_s=60)
    assert not recwarn.list


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="cannot be used for HS256"):
        mint(KEY, "", identity="a", room="b", now_s=NOW_S, valid_s=60)


def test_a_refreshed_token_lives_ten_minutes_when_the_old_one_would_expire_sooner() -> None:
    grant = grant_of(token(claims(exp=NOW_S + 30)))
    assert grant_of(refresh(grant, KEYS, NOW_S)).expires_s == NOW_S + 600


def test_a_refreshed_token_keeps_a_longer_expiry() -> None:
    grant = grant_of(token(claims(exp=NOW_S + 21_600)))
    assert grant_of(refresh(grant, KEYS, NOW_S)).expires_s == NOW_S + 21_600


def test_a_refreshed_token_has_the_permissions_as_they_are_now() -> None:
    grant = replace(grant_of(token(claims())), can_publish=False)
    assert not grant_of(refresh(grant, KEYS, NOW_S)).can_publish


def test_a_refreshed_token_keeps_grants_that_are_not_known_here() -> None:
    video = {"roomJoin": True, "room": "consultation", "canSubscribeMetrics": True}
    grant = grant_of(token(claims(video=video)))
    assert grant_of(refresh(grant, KEYS, NOW_S)).video["canSubscribeMetrics"] is True


def test_a_key_that_was_taken_out_signs_no_fresh_token() -> None:
    grant = grant_of(token(claims()))
    assert refresh(grant, {"other": KEYS["other"]}, NOW_S) is None


def test_a_grant_that_has_outgrown_a_token_gets_no_fresh_one() -> None:
    grant = replace(grant_of(token(claims())), metadata="m" * 40_000)
    assert refresh(grant, KEYS, NOW_S) is None
