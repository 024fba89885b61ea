"""What no token can do, whatever it looks like."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.auth import Grant, Refusal, refresh, verify
from tests.auth.tokens import KEYS, NOW_S, claims, token

GOOD = token(claims())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=6,
)
CLAIM_NAMES = ("iss", "sub", "jti", "name", "nbf", "exp", "kind", "metadata", "attributes", "video")
VIDEO_NAMES = (
    *("roomJoin", "room", "canPublish", "canSubscribe", "canPublishData", "canPublishSources"),
    *("canUpdateOwnMetadata", "roomAdmin", "hidden", "recorder"),
)


@given(st.text())
def test_no_text_makes_verify_raise(text: str) -> None:
    assert isinstance(verify(text, KEYS, NOW_S), Refusal)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_a_token_with_one_character_changed_never_verifies(place: int, character: str) -> None:
    mutated = GOOD[:place] + character + GOOD[place + 1 :]
    assert mutated == GOOD or isinstance(verify(mutated, KEYS, NOW_S), Refusal)


@given(st.integers(0, len(GOOD)), st.text(st.characters(codec="ascii"), min_size=1, max_size=4))
def test_a_token_with_something_inserted_never_verifies(place: int, inserted: str) -> None:
    assert isinstance(verify(GOOD[:place] + inserted + GOOD[place:], KEYS, NOW_S), Refusal)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 8))
def test_a_token_with_something_cut_out_never_verifies(place: int, length: int) -> None:
    assert isinstance(verify(GOOD[:place] + GOOD[place + length :], KEYS, NOW_S), Refusal)


@given(st.dictionaries(st.sampled_from(CLAIM_NAMES), JSON))
def test_claims_of_any_type_never_make_verify_raise(changes: dict[str, Any]) -> None:
    assert isinstance(verify(token(claims() | changes), KEYS, NOW_S), Grant | Refusal)


@given(st.dictionaries(st.sampled_from(VIDEO_NAMES), JSON))
def test_grants_of_any_type_never_make_verify_raise(video: dict[str, Any]) -> None:
    made = claims(video={"roomJoin": True, "room": "consultation"} | video)
    assert isinstance(verify(token(made), KEYS, NOW_S), Grant | Refusal)


@given(
    st.dictionaries(st.sampled_from(VIDEO_NAMES), st.booleans() | st.just(None) | st.just([])),
    st.text(),
    st.dictionaries(st.text(), st.text(), max_size=3),
)
def test_a_refreshed_token_grants_the_same(
    video: dict[str, Any], name: str, attributes: dict[str, str]
) -> None:
    grants = {"roomJoin": True, "room": "consultation"} | video
    made = token(claims(name=name, attributes=attributes, video=grants))
    old = verify(made, KEYS, NOW_S)
    if isinstance(old, Refusal):
        return
    fresh = refresh(old, KEYS, NOW_S)
    assert fresh is not None
    new = verify(fresh, KEYS, NOW_S)
    assert isinstance(new, Grant)
    for field in ("identity", "room", "name", "attributes", "kind", "room_admin"):
        assert getattr(new, field) == getattr(old, field)
    for field in ("can_publish", "can_subscribe", "can_publish_data", "can_publish_sources"):
        assert getattr(new, field) == getattr(old, field)
