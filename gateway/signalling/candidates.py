"""Which addresses clients are told to send media to. Pure: told the settings and the listeners.

The datapath knows what it bound; what clients can reach is known here alone (a 1:1 NAT in front).
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.datapath import datapath_pb2 as pb
from gateway.settings import Endpoint, SettingsError
from gateway.settings.model import Media
from gateway.signalling.negotiation import Candidate


def candidates_of(media: Media, listeners: Sequence[pb.Row]) -> tuple[Candidate, ...]:
    """Candidates for every description of ours, in the order of the settings.

    `listeners` are the Listener rows of `Hello`. Raises SettingsError when the settings name a
    port that the datapath does not have, or when there is nothing to advertise.
    """
    bound = [
        Endpoint.parse(row.listener.address)
        for row in listeners
        if row.listener.kind == pb.Listener.UDP
    ]
    missing = [wanted for wanted in media.udp if not any(_covers(wanted, one) for one in bound)]
    if missing:
        raise SettingsError(
            f"media.udp: the datapath does not listen on {wanted}, but on "
            f"{', '.join(map(str, bound)) or 'nothing'}; start both with the same settings"
            for wanted in missing
        )
    told = media.advertise or _in_order(media.udp, bound)
    if not told:
        raise SettingsError(["media.udp: without an address there is no media; name one"])
    return tuple(Candidate(endpoint.host, endpoint.port) for endpoint in told)


def _covers(wanted: Endpoint, bound: Endpoint) -> bool:
    """A wildcard stands for every address of its family, port 0 for every port."""
    if wanted.address.version != bound.address.version:
        return False
    address_fits = wanted.address.is_unspecified or wanted.address == bound.address
    return address_fits and wanted.port in (0, bound.port)


def _in_order(wanted: Sequence[Endpoint], bound: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The bound endpoints that the settings name, each once."""
    found = (one for endpoint in wanted for one in bound if _covers(endpoint, one))
    return tuple(dict.fromkeys(found))
