"""The certificate that a client announces is the one that it must show (RFC 8122, RFC 5763)."""

import re

import pytest
from livekit.protocol import rtc

from tests.integration.aiortc_guest import Guest, guest
from tests.integration.gateway_process import GatewayProcess
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

FAILED = "gateway_datapath_dtls_failed_total"
CONNECTED = "gateway_datapath_dtls_connected_total"


def announce_another_certificate(who: Guest) -> None:
    """Its answers name fingerprints that its certificate does not have."""
    send = who.participant._send

    async def send_forged(request: rtc.SignalRequest) -> None:
        if request.WhichOneof("message") == "answer":
            request.answer.sdp = re.sub(
                r"(a=fingerprint:\S+ )(..)",
                lambda line: f"{line[1]}{int(line[2], 16) ^ 1:02X}",
                request.answer.sdp,
            )
        await send(request)

    who.participant._send = send_forged  # type: ignore[method-assign]


async def test_a_certificate_other_than_announced_gets_no_keys_and_its_client_is_called_back(
    house: GatewayProcess, room: str
) -> None:
    async with guest(house.http, token("doctor", room)) as doctor:
        await doctor.publish_tone(440)
        await house.until_metric(CONNECTED, 2)
        before = await house.metrics()
        forger = Guest(house.http, token("forger", room))
        announce_another_certificate(forger)
        async with forger.participant:
            leave = await forger.until_sent_away()
        assert leave.action == rtc.LeaveRequest.RECONNECT
        after = await house.metrics()
    assert after[FAILED] > before[FAILED]
    assert after[CONNECTED] == before[CONNECTED]
    assert after["gateway_datapath_rtp_sent_total"] == before["gateway_datapath_rtp_sent_total"]
