"""Where a connection comes from, as told by whoever accepted it.

Everything asks the `Origin`. Never `request.remote` or the socket: under TLS the socket is one end
of a pair and has no peer name; and never X-Forwarded-For, which anybody may write.
"""

from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Origin:
    """A connection's far end. Its address is personal data: never logged, never a label."""

    client_address: str = field(repr=False)
    tls_version: str = ""  # "TLSv1.3"; empty without TLS
    sni: str = ""
    alpn: str = ""


def origin_of(request: web.Request) -> Origin:
    """The origin of the connection that this request came in on."""
    origin = getattr(request.protocol, "origin", None)
    if not isinstance(origin, Origin):
        raise TypeError("a request came in by another way than the front door")
    return origin
