"""Families as the text that Prometheus reads (text format 0.0.4 or OpenMetrics 1.0)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway.metrics.catalogue import PREFIX, Family, Kind


@dataclass(frozen=True, slots=True)
class Exposition:
    """The answer to a scrape."""

    content_type: str
    body: bytes


class _Snapshot(Collector):
    """Gives the library the families of one scrape."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            yield _metric(family)


def expose(families: Iterable[Family], accept: str) -> Exposition:
    """The families, and this process's own use of the machine, in the format preferred."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(families))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return Exposition(content_type, encode(registry))


def _metric(family: Family) -> Metric:
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    labels = [family.label] if family.label else []
    metric = kind(PREFIX + family.name, family.help, labels=labels)
    for value, number in family.values.items():
        metric.add_metric([value] if labels else [], number)
    return metric
