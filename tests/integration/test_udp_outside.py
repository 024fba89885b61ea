"""What UDP from outside gets: without a valid check no answer and no state, and a counter."""

import asyncio
import re
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from aioice import stun

from tests.integration.gateway_process import GatewayProcess
from tests.integration.signalling_client import Signal, signal
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

LEVELS = ("transports", "transports_connected", "streams", "legs", "rows", "memos", "table_bytes")
# A DTLS 1.2 ClientHello as far as a classifier looks, RTP of payload type 111, an RTCP report.
CLIENT_HELLO = bytes.fromhex("16fefd0000000000000000002a0100001e00000000000000001efefd") + bytes(32)
RTP = bytes.fromhex("806f000100000001deadbeef") + bytes(40)
RTCP = bytes.fromhex("80c90001deadbeef") + bytes(30)
CHANNEL_DATA = bytes.fromhex("40000008") + bytes(8)
NO_PROTOCOL = bytes([12]) + bytes(30)


@dataclass(frozen=True)
class Credentials:
    """Our half of ICE, as the gateway's offer told it."""

    ufrag: str
    password: str

    def check(self, *, ufrag: str = "", password: str = "", priority: int = 1) -> stun.Message:
        """A Binding request as RFC 8445 section 7.2.2 has it."""
        message = self.unsigned(ufrag=ufrag)
        message.attributes["PRIORITY"] = priority
        message.attributes["ICE-CONTROLLING"] = 1
        message.add_message_integrity((password or self.password).encode())  # and FINGERPRINT
        return message

    def unsigned(self, *, ufrag: str = "") -> stun.Message:
        """The same without MESSAGE-INTEGRITY and FINGERPRINT."""
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, secrets.token_bytes(12))
        message.attributes["USERNAME"] = f"{ufrag or self.ufrag}:them"
        return message


async def credentials_of(client: Signal) -> Credentials:
    """What the first offer tells."""
    sdp = (await client.until("offer")).sdp
    found = [re.search(rf"a=ice-{name}:(\S+)", sdp) for name in ("ufrag", "pwd")]
    assert found[0] is not None
    assert found[1] is not None
    return Credentials(found[0][1], found[1][1])


@pytest.fixture
async def ours(house: GatewayProcess, room: str) -> AsyncIterator[Credentials]:
    """Credentials of a participant that has joined and never sent a datagram."""
    async with signal(house.http, token("dr-a", room)) as client:
        yield await credentials_of(client)


@contextmanager
def outside(house: GatewayProcess) -> Iterator[socket.socket]:
    """An address of its own, "connected" to the gateway's media port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setblocking(False)
        one.connect(("127.0.0.1", house.port))
        yield one


async def answer_to(one: socket.socket, request: stun.Message) -> stun.Message:
    """Sends a request; the next datagram must be its answer."""
    one.send(bytes(request))
    async with asyncio.timeout(5):
        received = await asyncio.get_running_loop().sock_recv(one, 2048)
    answer = stun.parse_message(received)
    assert answer.transaction_id == request.transaction_id
    return answer


async def drops_of(
    house: GatewayProcess, ours: Credentials, datagrams: list[bytes], before: stun.Message | None
) -> dict[str, float]:
    """Sends datagrams from one address, of which `before` was a valid check if given; the drops
    that they caused. They got no answer and changed no level: what follows them is answered."""
    with outside(house) as stranger, outside(house) as witness:
        if before is not None:
            await answer_to(stranger, before)
        metrics = await house.metrics()
        for datagram in datagrams:
            stranger.send(datagram)
        await answer_to(witness, ours.check())
        with pytest.raises(BlockingIOError):
            stranger.recv(2048)
        after = await house.metrics()
    for level in LEVELS:
        assert after[f"gateway_datapath_{level}"] == metrics[f"gateway_datapath_{level}"]
    drops = {name: after[name] - metrics[name] for name in after if "datapath_drops" in name}
    return {name.split('"')[1]: grown for name, grown in drops.items() if grown}


async def test_a_valid_check_is_answered_with_the_address_that_it_came_from(
    house: GatewayProcess, ours: Credentials
) -> None:
    with outside(house) as one:
        answer = await answer_to(one, ours.check())
        assert answer.message_class == stun.Class.RESPONSE
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == one.getsockname()
        assert answer.check_message_integrity(ours.password.encode())


async def test_an_unknown_ufrag_gets_nothing(house: GatewayProcess, ours: Credentials) -> None:
    wrong = [bytes(ours.check(ufrag=ufrag)) for ufrag in ("nobody", ours.ufrag + "x", "0" * 32)]
    assert await drops_of(house, ours, wrong, None) == {"stun_unknown_ufrag": 3}


async def test_a_bad_message_integrity_gets_nothing(
    house: GatewayProcess, ours: Credentials
) -> None:
    forged = bytearray(bytes(ours.check()))
    forged[-20] ^= 1  # within MESSAGE-INTEGRITY
    wrong = [bytes(ours.check(password="not the password")), bytes(forged)]
    assert await drops_of(house, ours, wrong, None) == {"stun_bad_integrity": 2}


async def test_a_check_without_integrity_or_fingerprint_gets_nothing(
    house: GatewayProcess, ours: Credentials
) -> None:
    without, damaged = ours.check(), ours.check()
    del without.attributes["FINGERPRINT"]
    damaged.attributes["FINGERPRINT"] ^= 1
    wrong = [bytes(message) for message in (ours.unsigned(), without, damaged)]
    assert await drops_of(house, ours, wrong, None) == {"stun_incomplete": 3}


async def test_stun_that_is_no_check_gets_nothing(house: GatewayProcess, ours: Credentials) -> None:
    wrong = [
        bytes(stun.Message(method, stun.Class.REQUEST, secrets.token_bytes(12)))
        for method in (stun.Method.ALLOCATE, stun.Method.SHARED_SECRET)
    ]
    wrong.append(bytes(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, bytes(12))))
    assert await drops_of(house, ours, wrong, None) == {"stun_not_binding": 3}


async def test_dtls_rtp_and_rtcp_without_a_valid_check_get_nothing(
    house: GatewayProcess, ours: Credentials
) -> None:
    drops = await drops_of(house, ours, [CLIENT_HELLO, RTP, RTCP], None)
    assert drops == {"no_valid_path": 3}


async def test_media_from_another_port_of_a_checked_address_gets_nothing(
    house: GatewayProcess, ours: Credentials
) -> None:
    with outside(house) as checked:
        await answer_to(checked, ours.check())
        drops = await drops_of(house, ours, [CLIENT_HELLO, RTP], None)
    assert drops == {"no_valid_path": 2}


async def test_dtls_before_the_fingerprint_is_known_gets_nothing(
    house: GatewayProcess, ours: Credentials
) -> None:
    drops = await drops_of(house, ours, [CLIENT_HELLO], ours.check())
    assert drops == {"dtls_unexpected": 1}


async def test_srtp_before_dtls_gets_nothing(house: GatewayProcess, ours: Credentials) -> None:
    drops = await drops_of(house, ours, [RTP, RTCP], ours.check())
    assert drops == {"srtp_not_ready": 2}


async def test_what_belongs_to_no_protocol_gets_nothing(
    house: GatewayProcess, ours: Credentials
) -> None:
    drops = await drops_of(house, ours, [NO_PROTOCOL, CHANNEL_DATA, b"\x00", b""], None)
    assert drops.pop("turn_channel") == 1
    assert sum(drops.values()) == 3
    assert set(drops) <= {"unclassified", "stun_malformed"}


async def test_a_thousand_strangers_leave_no_trace(
    house: GatewayProcess, ours: Credentials
) -> None:
    strange = [secrets.token_bytes(secrets.randbelow(1200) + 1) for _ in range(1000)]
    drops = await drops_of(house, ours, strange, None)
    assert sum(drops.values()) == 1000


async def test_an_agent_that_wants_to_be_controlled_is_told_of_the_role_conflict(
    house: GatewayProcess, ours: Credentials
) -> None:
    message = ours.unsigned()
    message.attributes["ICE-CONTROLLED"] = 1
    message.add_message_integrity(ours.password.encode())
    with outside(house) as one:
        answer = await answer_to(one, message)
        assert answer.error_code == 487
