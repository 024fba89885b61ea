"""Which addresses clients are told."""

import pytest

from gateway.datapath import datapath_pb2 as pb
from gateway.settings import Endpoint, SettingsError
from gateway.settings.model import Media
from gateway.signalling.candidates import candidates_of


def listeners(*addresses: str) -> list[pb.Row]:
    kind = pb.Listener.UDP
    return [
        pb.Row(id=number, listener=pb.Listener(address=address, kind=kind))
        for number, address in enumerate(addresses, 1)
    ]


def told(udp: list[str], bound: list[str], advertise: list[str] | None = None) -> list[str]:
    media = Media(
        udp=tuple(map(Endpoint.parse, udp)),
        advertise=tuple(map(Endpoint.parse, advertise or [])),
    )
    found = candidates_of(media, listeners(*bound))
    return [str(Endpoint.of(one.address, one.port)) for one in found]


def test_bound_addresses_are_told_in_the_order_of_the_settings() -> None:
    both = ["[::1]:2", "127.0.0.1:1"]
    assert told(both, list(reversed(both))) == both


def test_a_wildcard_stands_for_the_addresses_it_became() -> None:
    bound = ["192.0.2.1:7880", "192.0.2.2:7880", "[2001:db8::1]:7880"]
    assert told(["0.0.0.0:7880"], bound) == bound[:2]
    assert told(["[::]:7880", "0.0.0.0:7880"], bound) == [bound[2], *bound[:2]]


def test_advertised_addresses_replace_the_bound_ones() -> None:
    assert told(["10.0.0.1:1"], ["10.0.0.1:1"], ["203.0.113.9:9"]) == ["203.0.113.9:9"]


def test_a_listener_that_nobody_named_is_not_told() -> None:
    assert told(["127.0.0.1:1"], ["127.0.0.1:1", "192.0.2.1:1"]) == ["127.0.0.1:1"]


@pytest.mark.parametrize("bound", [[], ["127.0.0.1:2"], ["[::1]:1"], ["127.0.0.2:1"]])
def test_a_port_that_the_datapath_lacks_is_named(bound: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"does not listen on 127\.0\.0\.1:1"):
        told(["127.0.0.1:1"], bound)


def test_a_gateway_without_any_address_is_refused() -> None:
    with pytest.raises(SettingsError, match="without an address"):
        told([], [])
