"""The datapath's numbers as families. The names are its own, and all it knows are always there."""

import re
from collections.abc import Iterable, Iterator

from gateway.datapath import datapath_pb2 as pb
from gateway.metrics.catalogue import Family, Kind

# What Prometheus takes as a name; the datapath promises it and a newer one is not believed blindly.
NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")


def datapath_families(counters: pb.Counters | None) -> Iterator[Family]:
    """Families of one answer; None when the datapath is away."""
    yield Family.plain(
        "datapath_up",
        Kind.GAUGE,
        "Whether the datapath answered this scrape.",
        0 if counters is None else 1,
    )
    if counters is None:
        return
    for name, value in _named(counters.counters):
        text = f"Counter {name} of the datapath."
        yield Family.plain(f"datapath_{name.removesuffix('_total')}", Kind.COUNTER, text, value)
    for name, value in _named(counters.levels):
        yield Family.plain(f"datapath_{name}", Kind.GAUGE, f"Level {name} of the datapath.", value)
    yield Family(
        "datapath_drops",
        Kind.COUNTER,
        "Packets that the datapath discarded, by reason.",
        "reason",
        dict(_named(counters.drops)),
    )


def _named(numbers: Iterable[pb.Counter]) -> Iterator[tuple[str, int]]:
    for number in numbers:
        if NAME.fullmatch(number.name):
            yield number.name, number.value
