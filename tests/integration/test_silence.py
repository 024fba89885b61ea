"""Sessions that say nothing: clients that ping stay, others are taken for gone."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.gateway_process import gateway
from tests.integration.sdk import sdk_participant
from tests.integration.signalling_client import signal
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration]

TIMES = {
    "GATEWAY__SIGNALLING__PING_INTERVAL_S": "1",
    "GATEWAY__SIGNALLING__PING_TIMEOUT_S": "2",
}


async def test_an_sdk_room_pings_as_it_was_told_and_stays_and_a_silent_socket_is_closed(
    tmp_path: Path, room: str
) -> None:
    began_s = asyncio.get_running_loop().time()
    async with (
        gateway(tmp_path, TIMES) as house,
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        signal(house.http, token("silent", room)) as silent,
    ):
        join = await silent.until("join")
        assert (join.ping_interval, join.ping_timeout) == (1, 2)
        await silent.closed()
        assert asyncio.get_running_loop().time() - began_s > 2
        (gone,) = await doctor.until_told("participant_disconnected")
        assert gone.identity == "silent"
        await house.until_metric('gateway_signal_requests_total{kind="ping_req"}', 4)
        assert doctor.told["reconnecting"] == doctor.told["disconnected"] == []
