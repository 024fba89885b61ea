"""Calls over a network that loses, delays and reorders: repairs and reports (gate C)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.aiortc_guest import guest
from tests.integration.gateway_process import GatewayProcess, gateway
from tests.integration.impairment import Proxy, proxy
from tests.integration.sdk import SdkParticipant, sdk_participant
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

SEED = 20_261
LOSS = 0.08
ONE_WAY_S = 0.01
# Pictures of a call that are looked at: 4 s.
PICTURES = 80
REPAIRS = ("nacks_sent", "nacks_received", "rtx_sent", "rtx_recovered", "plis_sent")

UNANSWERED = 'gateway_datapath_drops_total{reason="nack_unanswered"}'
REPLAYED = 'gateway_datapath_drops_total{reason="srtp_replay"}'
NO_PATH = 'gateway_datapath_drops_total{reason="no_valid_path"}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network() -> AsyncIterator[Proxy]:
    with proxy() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    network: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayProcess]:
    """A gateway that is reached through the network alone: it advertises no other address."""
    settings = {"GATEWAY__MEDIA__ADVERTISE": json.dumps([f"127.0.0.1:{network.port}"])}
    async with gateway(tmp_path_factory.mktemp("gateway"), settings) as process:
        network.gateway = ("127.0.0.1", process.port)
        yield process
        assert await process.stop() == 0
        assert process.faults() == []


@pytest.fixture(autouse=True)
def _a_good_network_at_first(network: Proxy) -> None:
    network.impair(SEED)


async def repairs(house: GatewayProcess) -> dict[str, float]:
    """The datapath's counters of loss and repair."""
    metrics = await house.metrics()
    return {name: metrics[f"gateway_datapath_{name}_total"] for name in REPAIRS}


async def test_two_sdk_rooms_hear_and_see_on_with_8_percent_lost_each_way(
    house: GatewayProcess, network: Proxy, room: str
) -> None:
    """What is lost toward the gateway it asks for, what is lost from it it sends again."""
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        tone, picture = await doctor.publish_tone(440), await doctor.publish_picture()
        await patient.see(picture)
        before = await repairs(house)
        network.impair(SEED, loss=LOSS, delay_s=ONE_WAY_S, reorder=0.02)
        patient.forget()
        await patient.see(picture, PICTURES)
        after = await repairs(house)
        eye, ear = patient.eye(picture), patient.ear(tone)
        (decoded,) = await inbound(patient, "video")

    assert min(network.up.dropped, network.down.dropped) > 15
    assert after["nacks_sent"] > before["nacks_sent"]
    assert after["nacks_received"] > before["nacks_received"]
    assert after["rtx_sent"] > before["rtx_sent"]
    assert eye.is_in_order
    assert eye.share_seen > 0.8  # what waited for a repair is decoded and not shown
    assert eye.longest_gap_s() < 0.8
    assert ear.heard_ms(440) > 0.9 * ear.listened_ms
    assert ear.longest_gap_s(440) < 0.5
    # Repaired, not begun anew: one key frame at the start, at most one for what was given up.
    assert decoded.inbound.key_frames_decoded <= 2
    assert decoded.inbound.retransmitted_packets_received > 0


async def test_aiortc_clients_see_on_because_rtx_repairs_both_ways(
    house: GatewayProcess, network: Proxy, room: str
) -> None:
    """aiortc asks for a packet again only when the next one is missing, so it may wait."""
    async with (
        guest(house.http, token("doctor", room)) as doctor,
        guest(house.http, token("patient", room)) as patient,
    ):
        tone, picture = await doctor.publish_tone(440), await doctor.publish_picture()
        await patient.see(picture)
        before = await repairs(house)
        network.impair(SEED, loss=LOSS, delay_s=ONE_WAY_S, reorder=0.02)
        patient.forget()
        await patient.see(picture, PICTURES)
        after = await repairs(house)
        eye, ear = patient.eye(picture), patient.ear(tone)

    for counter in ("nacks_sent", "rtx_recovered", "nacks_received", "rtx_sent"):
        assert after[counter] > before[counter], counter
    assert eye.is_in_order
    assert eye.share_seen > 0.9
    assert eye.longest_gap_s() < 3.0
    assert ear.longest_gap_s(440) < 1.0


async def test_loss_toward_the_gateway_is_repaired_before_anybody_else_notices(
    house: GatewayProcess, network: Proxy, room: str
) -> None:
    async with (
        guest(house.http, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        picture = await doctor.publish_picture()
        await patient.see(picture)
        before = await repairs(house)
        network.up.impair(SEED, loss=LOSS)
        await patient.see(picture, PICTURES)
        after = await repairs(house)
        (received,) = await inbound(patient, "video")
    assert after["rtx_recovered"] > before["rtx_recovered"]
    assert after["plis_sent"] == before["plis_sent"]
    assert received.inbound.key_frames_decoded == 1
    # A report block's loss is what its own hop lost (RFC 3550 section 6.4.1).
    assert received.received.packets_lost <= 1


async def test_loss_toward_a_subscriber_is_no_affair_of_the_publisher(
    house: GatewayProcess, network: Proxy, room: str
) -> None:
    """Receiver reports are made anew: they tell the publisher of its own hop."""
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        await doctor.publish_tone(440)
        picture = await doctor.publish_picture()
        await patient.see(picture)
        before = await repairs(house)
        network.down.impair(SEED, loss=LOSS, delay_s=2 * ONE_WAY_S)
        await patient.see(picture, PICTURES)
        after = await repairs(house)
        reports = await doctor.stats("remote_inbound_rtp")
    assert after["rtx_sent"] > before["rtx_sent"]
    assert after["nacks_sent"] == before["nacks_sent"]
    assert {report.stream.kind for report in reports} == {"audio", "video"}
    for report in reports:
        assert report.received.packets_lost == 0
        assert report.remote_inbound.fraction_lost == 0
        assert 0 < report.remote_inbound.round_trip_time < 0.25


async def test_a_publishers_own_loss_is_in_the_reports_to_it(
    house: GatewayProcess, network: Proxy, room: str
) -> None:
    """Of the picture: what RTX repairs was lost all the same (RFC 4588 section 6.3)."""
    async with guest(house.http, token("doctor", room)) as doctor:
        sid = await doctor.publish_picture()
        await house.until_metric("gateway_datapath_streams", 1)
        network.up.impair(SEED, loss=0.25)
        lost = await doctor.until_reported(sid, lambda report: report.packetsLost > 5)
        assert 0.05 < lost.fractionLost / 256 < 0.6


async def test_transport_wide_feedback_lets_an_sdk_publisher_send_more(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        picture = await doctor.publish_picture()
        await patient.see(picture, 40)
        told = await house.metric("gateway_datapath_transport_cc_sent_total")
        await patient.see(picture, 40)
        # A packet every 50 ms, each told within 100 ms: a feedback for every three packets.
        assert await house.metric("gateway_datapath_transport_cc_sent_total") >= told + 10
        pairs = [one.candidate_pair for one in await doctor.stats("candidate_pair")]
        # libwebrtc begins at 300 kbit/s and stays there without feedback.
        assert max(pair.available_outgoing_bitrate for pair in pairs) > 500_000


async def test_without_rtx_negotiated_nothing_is_sent_again(
    house: GatewayProcess, network: Proxy, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        guest(house.http, token("patient", room)) as patient,
    ):
        patient.decline_rtx()
        picture = await doctor.publish_picture()
        await patient.see(picture)
        before = await house.metrics()
        network.down.impair(SEED, loss=LOSS)
        await house.until_metric(UNANSWERED, before[UNANSWERED] + 3)
        after = await house.metrics()
    assert after["gateway_datapath_rtx_sent_total"] == before["gateway_datapath_rtx_sent_total"]


async def test_repeated_datagrams_are_dropped_by_reason_and_change_nothing(
    house: GatewayProcess, network: Proxy, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        tone, picture = await doctor.publish_tone(440), await doctor.publish_picture()
        await patient.see(picture)
        network.impair(SEED, repeat=0.5)
        before = await house.metrics()
        patient.forget()
        eye = await patient.see(picture, PICTURES)
        after = await house.metrics()
        assert patient.ear(tone).longest_gap_s(440) < 0.5
    assert after[REPLAYED] > before[REPLAYED] + PICTURES / 4
    assert eye.is_in_order
    assert eye.share_seen > 0.9


async def test_a_call_survives_a_nat_that_gives_it_other_ports(
    house: GatewayProcess, network: Proxy, room: str
) -> None:
    """libwebrtc checks its pair every 2.5 s at the slowest; what comes from the new port before
    that is dropped, because no valid check came from there."""
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        tone, picture = await doctor.publish_tone(440), await doctor.publish_picture()
        await patient.see(picture)
        await patient.hear(tone, 440)
        before = await house.metric(NO_PATH)
        eye = patient.eye(picture)
        del eye.pictures[:-1]  # the pause is to be seen, what was before is not
        network.rebind()
        await patient.see(picture, PICTURES)
        await patient.hear(tone, 440)
        assert eye.longest_gap_s() < 4
        assert await house.metric(NO_PATH) > before
        assert patient.told["reconnecting"] == []


async def inbound(who: SdkParticipant, kind: str) -> list[Any]:
    """The SDK's statistics of what it receives."""
    return [one for one in await who.stats("inbound_rtp") if one.stream.kind == kind]
