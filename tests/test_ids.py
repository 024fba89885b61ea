"""Names that the control plane makes up."""

import re

import pytest

from gateway.ids import MAX_WORKERS, RowIds, new_ice_password, new_sid, new_ufrag


def test_a_sid_is_its_prefix_and_twelve_characters_that_people_do_not_mix_up() -> None:
    assert re.fullmatch(r"PA_[2-9A-HJ-NP-Za-km-z]{12}", new_sid("PA_"))


def test_a_ufrag_begins_with_its_worker_in_hex() -> None:
    assert re.fullmatch(r"0b[A-Za-z0-9]{8}", new_ufrag(11))
    assert new_ufrag(255).startswith("ff")


@pytest.mark.parametrize("worker", [-1, MAX_WORKERS])
def test_a_worker_that_does_not_fit_two_digits_is_refused(worker: int) -> None:
    with pytest.raises(ValueError, match="worker"):
        new_ufrag(worker)


def test_an_ice_password_has_at_least_22_ice_characters() -> None:
    assert re.fullmatch(r"[A-Za-z0-9]{22,256}", new_ice_password())


def test_row_ids_are_never_given_twice_and_stay_above_the_floor() -> None:
    ids = RowIds(floor=7)
    assert [ids.next(), ids.next()] == [8, 9]
    ids.raise_floor(20)
    ids.raise_floor(3)
    assert ids.next() == 21
