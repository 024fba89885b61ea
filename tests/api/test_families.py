"""The catalogue of the control plane's metrics."""

import pytest

from gateway.api.families import contract_families, door_families, signalling_families
from gateway.api.front_door import DoorCounters
from gateway.auth import Cause
from gateway.clock import SystemClock
from gateway.datapath.client import ClientCounters
from gateway.datapath.fake import FakeDatapath, HeldClock
from gateway.metrics import Family, expose
from gateway.rooms.participant import LeaveReason
from gateway.settings import Settings
from gateway.signalling.service import SignallingService


@pytest.fixture
def service() -> SignallingService:
    settings = Settings()
    return SignallingService(
        FakeDatapath(HeldClock()),
        SystemClock(),
        keys={},
        candidates=lambda _hello: (),
        signalling=settings.signalling,
        rooms=settings.rooms,
    )


def by_name(families: list[Family]) -> dict[str, Family]:
    return {family.name: family for family in families}


def test_every_cause_of_a_refusal_is_there_before_it_happened(service: SignallingService) -> None:
    refusals = by_name(list(signalling_families(service)))["join_refusals"]
    assert {cause.label for cause in Cause} < set(refusals.values)
    assert not any(refusals.values.values())


def test_every_reason_of_a_departure_is_there_before_it_happened(
    service: SignallingService,
) -> None:
    departures = by_name(list(signalling_families(service)))["departures"]
    assert set(departures.values) == set(map(str, LeaveReason))


def test_what_is_counted_is_shown(service: SignallingService) -> None:
    service.counters.refusals["expired"] += 2
    service.counters.ignored["simulate"] += 1
    families = by_name(list(signalling_families(service)))
    assert families["join_refusals"].values["expired"] == 2
    assert families["signal_requests_ignored"].values == {"": 1}


def test_all_families_together_are_one_exposition(service: SignallingService) -> None:
    families = [
        *signalling_families(service),
        *door_families(DoorCounters()),
        *contract_families(ClientCounters()),
    ]
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert b"gateway_joins_total" in expose(families, "").body
