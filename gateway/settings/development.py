"""What `gateway serve --dev` changes: loopback, well-known keys, the machine's own addresses.

Every tutorial and tool of the client protocol works against it as it stands. Nothing here is for
production: the key is public. What the operator has set explicitly stays, within loopback.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from pydantic import SecretStr

from gateway.settings.endpoint import Endpoint
from gateway.settings.model import Section, Settings
from gateway.settings.sources import SettingsError

KEY: Final = "devkey"
SECRET: Final = "secret"  # noqa: S105 (public on purpose: the LiveKit tools' own default)
PORT: Final = 7880


def for_development(settings: Settings) -> Settings:
    """The settings with development's defaults; SettingsError if HTTP would leave loopback."""
    outside = [str(one) for one in settings.http.listen if not one.address.is_loopback]
    if outside:
        raise SettingsError([f"http.listen: --dev serves loopback only, not {', '.join(outside)}"])
    keys = {KEY: SecretStr(SECRET), **settings.auth.keys}
    changes: dict[str, Section] = {"auth": settings.auth.model_copy(update={"keys": keys})}
    if "listen" not in settings.http.model_fields_set:
        changes["http"] = settings.http.model_copy(update={"listen": _loopback()})
    if "udp" not in settings.media.model_fields_set:
        udp = _loopback() + _default_route()
        changes["media"] = settings.media.model_copy(update={"udp": udp})
    return settings.model_copy(update=changes)


def _loopback() -> tuple[Endpoint, ...]:
    """Both loopbacks, IPv6's when this machine has it."""
    addresses: list[IPv4Address | IPv6Address] = [IPv4Address("127.0.0.1")]
    if _can_bind_ipv6_loopback():
        addresses.append(IPv6Address("::1"))
    return tuple(Endpoint(address, PORT) for address in addresses)


def _can_bind_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _default_route() -> tuple[Endpoint, ...]:
    """The address that the routing table would send from, if it has a default route.

    Connecting a UDP socket looks the route up and sends nothing. 192.0.2.1 is reserved for
    documentation (RFC 5737), so only a default route leads to it.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            address = ip_address(probe.getsockname()[0])
    except OSError:
        return ()
    return () if address.is_loopback else (Endpoint(address, PORT),)
