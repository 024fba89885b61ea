"""Where media goes: IPv6 alone, both families, and advertised addresses that are not bound ones."""

import json
from pathlib import Path

import pytest

from tests.integration.aiortc_guest import guest
from tests.integration.gateway_process import GatewayProcess, gateway
from tests.integration.impairment import proxy
from tests.integration.signalling_client import signal
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration]


async def candidates_of(house: GatewayProcess, room: str) -> list[tuple[str, str]]:
    """Addresses and ports that an offer tells."""
    async with signal(house.http, token("looker", room)) as client:
        sdp = (await client.until("offer")).sdp
    lines = [line.split() for line in sdp.splitlines() if line.startswith("a=candidate:")]
    return sorted({(line[4], line[5]) for line in lines})


async def call(house: GatewayProcess, room: str) -> None:
    """A picture goes from one to the other."""
    async with (
        guest(house.http, token("doctor", room)) as doctor,
        guest(house.http, token("patient", room)) as patient,
    ):
        picture = await doctor.publish_picture()
        await patient.see(picture)


async def test_a_call_goes_over_ipv6_alone(tmp_path: Path, room: str) -> None:
    async with gateway(tmp_path, {"GATEWAY__MEDIA__UDP": '["[::1]:0"]'}) as house:
        assert [address for address, _ in await candidates_of(house, room)] == ["::1"]
        await call(house, room)


async def test_both_families_are_offered_and_a_call_goes(tmp_path: Path, room: str) -> None:
    udp = {"GATEWAY__MEDIA__UDP": '["127.0.0.1:0", "[::1]:0"]'}
    async with gateway(tmp_path, udp) as house:
        offered = [address for address, _ in await candidates_of(house, room)]
        assert offered == ["127.0.0.1", "::1"]
        await call(house, room)


async def test_the_advertised_address_is_offered_alone_and_a_call_goes_through_it(
    tmp_path: Path, room: str
) -> None:
    with proxy() as network:
        told = {"GATEWAY__MEDIA__ADVERTISE": json.dumps([f"127.0.0.1:{network.port}"])}
        async with gateway(tmp_path, told) as house:
            network.gateway = ("127.0.0.1", house.port)
            assert await candidates_of(house, room) == [("127.0.0.1", str(network.port))]
            await call(house, room)
            assert min(network.up.passed, network.down.passed) > 5
