"""A family: one metric with its meaning and its values at this moment. Values only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "gateway_"


class Kind(StrEnum):
    """How values may change: a counter only grows, a gauge says what is now."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric. `label` is empty when it has one value, which then stands under ""."""

    name: str  # without prefix; counters without "_total"
    kind: Kind
    help: str  # a sentence
    label: str
    values: Mapping[str, float]

    @classmethod
    def plain(cls, name: str, kind: Kind, help_text: str, value: float) -> "Family":
        """A metric without a label."""
        return cls(name, kind, help_text, "", {"": value})

    @classmethod
    def by(
        cls,
        label: str,
        known: Iterable[str],
        counted: Mapping[str, int],
        *,
        name: str,
        help_text: str,
        kind: Kind = Kind.COUNTER,
    ) -> "Family":
        """A metric by a closed list; what was not counted yet stands at 0.

        A value outside the list is counted under "other": a label never takes free text.
        """
        values = dict.fromkeys(known, 0.0)
        for value, count in counted.items():
            key = value if value in values else "other"
            values[key] = values.get(key, 0.0) + count
        return cls(name, kind, help_text, label, values)
