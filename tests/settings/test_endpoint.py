"""Addresses with ports."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import Endpoint


@given(st.ip_addresses(), st.integers(0, 0xFFFF))
def test_an_endpoint_reads_back_what_it_wrote(
    address: IPv4Address | IPv6Address, port: int
) -> None:
    endpoint = Endpoint(address, port)
    assert Endpoint.parse(str(endpoint)) == endpoint


@given(st.text())
def test_any_text_is_an_endpoint_or_a_value_error(text: str) -> None:
    try:
        Endpoint.parse(text)
    except ValueError as error:
        assert "like" in str(error) or "IP address" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "127.0.0.1:", ":1", "::1:7880", "[::1]", "[127.0.0.1]:1", "1.2.3.4:65536"]
)
def test_what_lacks_a_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"like|IP address"):
        Endpoint.parse(text)
