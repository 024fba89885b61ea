"""Health and metrics for operators."""

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from gateway.api.front_door import FrontDoor
from gateway.api.management import management_application
from gateway.metrics import Exposition, Family, Kind, expose
from gateway.settings import Endpoint


class House:
    """What the management port asks."""

    ready = False
    audited: Mapping[str, int] | None = None

    async def scrape(self, accept: str) -> Exposition:
        return expose([Family.plain("rooms", Kind.GAUGE, "Rooms that are open.", 3)], accept)

    async def audit(self) -> Mapping[str, int] | None:
        return self.audited


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[aiohttp.ClientSession]:
    door = FrontDoor(management_application(lambda: house.ready, house.scrape, house.audit))
    await door.open((Endpoint.parse("127.0.0.1:0"),))
    async with aiohttp.ClientSession(f"http://{door.endpoints()[0]}") as session:
        yield session
    await door.close()


async def test_live_says_nothing_about_ready(client: aiohttp.ClientSession) -> None:
    async with client.get("/livez") as response:
        assert response.status == 200
    async with client.get("/readyz") as response:
        assert response.status == 503


async def test_ready_once_the_datapath_takes_rows(
    client: aiohttp.ClientSession, house: House
) -> None:
    house.ready = True
    async with client.get("/readyz") as response:
        assert response.status == 200


async def test_metrics_are_text_for_prometheus(client: aiohttp.ClientSession) -> None:
    async with client.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        assert "gateway_rooms 3.0\n" in await response.text()


async def test_openmetrics_is_given_to_who_asks(client: aiohttp.ClientSession) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with client.get("/metrics", headers=accept) as response:
        assert (await response.text()).endswith("# EOF\n")


async def test_an_audit_is_made_for_who_asks(client: aiohttp.ClientSession, house: House) -> None:
    async with client.get("/audit") as response:
        assert response.status == 503
    house.audited = {"missing_rows": 0, "surplus_rows": 2}
    async with client.get("/audit") as response:
        assert await response.json() == {"missing_rows": 0, "surplus_rows": 2}


@pytest.mark.parametrize("path", ["/rtc", "/", "/try/"])
async def test_no_client_route_is_here(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(path) as response:
        assert response.status == 404
