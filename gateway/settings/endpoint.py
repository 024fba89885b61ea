"""An IP address and a port as one value, written "192.0.2.1:7880" or "[2001:db8::1]:7880".

Never a host name: what the gateway binds or advertises does not depend on a resolver.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Self

from pydantic import BeforeValidator, PlainSerializer
from pydantic_settings import NoDecode


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """An address to bind or to advertise. Port 0 means "any" where binding allows it."""

    address: IPv4Address | IPv6Address
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads RFC 3986 style "address:port"; ValueError says what is missing."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
            raise ValueError('write address and port, like "192.0.2.1:7880"')
        bracketed = host.startswith("[") and host.endswith("]")
        try:
            address = ip_address(host[1:-1] if bracketed else host)
        except ValueError:
            raise ValueError("an IP address is needed, not a host name") from None
        if bracketed != (address.version == 6):
            raise ValueError('write an IPv6 address in brackets, like "[2001:db8::1]:7880"')
        return cls(address, int(port))

    @classmethod
    def of(cls, host: str, port: int) -> Self:
        """From what a socket says of itself; a zone ("%eth0") is dropped."""
        return cls(ip_address(host.partition("%")[0]), port)

    @property
    def host(self) -> str:
        """The address as sockets take it."""
        return str(self.address)

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}"


def _read(value: object) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    if isinstance(value, str):
        return Endpoint.parse(value)
    raise ValueError('write address and port as text, like "192.0.2.1:7880"')


# How a setting holds an endpoint: text in the file and in the environment, a value after.
EndpointSetting = Annotated[
    Endpoint, NoDecode, BeforeValidator(_read), PlainSerializer(str, return_type=str)
]
