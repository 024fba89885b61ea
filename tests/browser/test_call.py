"""Calls between browser pages: sound and picture are known by their content, not by bytes."""

import asyncio
from itertools import combinations, pairwise

import pytest

from tests.browser.conftest import Open
from tests.browser.visitor import Seen, Visitor

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(60),
]

# What the promise of a late join allows, on top of one round trip.
FIRST_PICTURE_MS = 500


async def see_and_hear(*visitors: Visitor) -> None:
    """Everybody sees and hears everybody else."""
    ways = [way for a, b in combinations(visitors, 2) for way in ((a, b), (b, a))]
    for seen in await asyncio.gather(*(one.sees(other.identity) for one, other in ways)):
        assert_moving(seen)
    await asyncio.gather(*(one.hears(other.identity) for one, other in ways))


def assert_moving(seen: Seen) -> None:
    """Numbers go up, give or take the wrap of 12 bits."""
    assert all((after - before) % 4096 < 2048 for before, after in pairwise(seen.numbers)), seen


async def test_two_pages_see_and_hear_each_other(joined: Open) -> None:
    doctor, patient = await joined("doctor"), await joined("patient")
    await asyncio.gather(doctor.publish(simulcast=False), patient.publish(simulcast=False))
    await see_and_hear(doctor, patient)


async def test_default_options_send_one_encoding_and_its_picture_arrives(joined: Open) -> None:
    doctor, patient = await joined("doctor"), await joined("patient")
    await doctor.publish()
    assert_moving(await patient.sees("doctor"))
    assert len(await doctor.sent_video()) == 1


async def test_three_pages_see_and_hear_each_other(joined: Open) -> None:
    visitors = [await joined(identity) for identity in ("doctor", "patient", "relative")]
    await asyncio.gather(*(one.publish(simulcast=False) for one in visitors))
    await see_and_hear(*visitors)


async def test_a_late_join_has_a_picture_within_500_ms_of_its_path(joined: Open) -> None:
    doctor = await joined("doctor")
    await doctor.publish(simulcast=False)
    first = await joined("patient")
    await first.sees("doctor")
    # The key frame that the first one asked for is behind: this one needs its own.
    late = await joined("relative")
    picture = await late.first_picture("doctor")
    assert picture.after_path_ms <= FIRST_PICTURE_MS + picture.round_trip_ms, picture


async def test_mute_and_unmute_are_seen_and_media_comes_back(joined: Open) -> None:
    doctor, patient = await joined("doctor"), await joined("patient")
    await doctor.publish(simulcast=False)
    await patient.sees("doctor")
    await patient.hears("doctor")
    await doctor.mute("audio", True)
    await patient.happened("audio muted", "doctor")
    await patient.no_longer_hears("doctor")
    await doctor.mute("video", True)
    await patient.happened("video muted", "doctor")
    await doctor.mute("audio", False)
    await doctor.mute("video", False)
    await patient.happened("audio unmuted", "doctor")
    await patient.happened("video unmuted", "doctor")
    await patient.hears("doctor")
    assert_moving(await patient.sees("doctor"))


async def test_unpublish_is_seen_and_the_track_can_come_again(joined: Open) -> None:
    doctor, patient = await joined("doctor"), await joined("patient")
    await doctor.publish(simulcast=False)
    await patient.sees("doctor")
    await doctor.unpublish("video")
    assert await patient.happened("unpublished", "doctor") == "video"
    await patient.happened("video unsubscribed", "doctor")
    await patient.hears("doctor")
    await doctor.unpublish("audio")
    await patient.happened("unpublished", "doctor", 2)
    await doctor.publish(simulcast=False)
    await patient.happened("video subscribed", "doctor", 2)
    assert_moving(await patient.sees("doctor"))
    await patient.hears("doctor")


async def test_a_track_that_is_not_wanted_stops_and_comes_back_when_wanted(joined: Open) -> None:
    doctor, patient = await joined("doctor"), await joined("patient")
    await doctor.publish(simulcast=False)
    await patient.sees("doctor")
    await patient.subscribe("doctor", "video", False)
    await patient.happened("video unsubscribed", "doctor")
    await patient.hears("doctor")
    await patient.subscribe("doctor", "video", True)
    await patient.happened("video subscribed", "doctor", 2)
    assert_moving(await patient.sees("doctor"))


async def test_who_leaves_is_gone_for_the_others(joined: Open) -> None:
    doctor, patient = await joined("doctor"), await joined("patient")
    await doctor.happened("joined", "patient")
    await patient.leave()
    assert await patient.happened("disconnected") == "CLIENT_INITIATED"
    await doctor.happened("left", "patient")


async def test_a_second_join_of_an_identity_ends_the_first(joined: Open) -> None:
    doctor, patient = await joined("doctor"), await joined("patient")
    await patient.publish(simulcast=False)
    await doctor.sees("patient")
    again = await joined("patient")
    assert await patient.happened("disconnected") == "DUPLICATE_IDENTITY"
    await again.publish(simulcast=False)
    await doctor.happened("video subscribed", "patient", 2)
    assert_moving(await doctor.sees("patient"))
