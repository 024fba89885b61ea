"""Counters of the signalling, plain numbers by name. `gateway.metrics` reads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class SignallingCounters:
    """Counted since the start of the process."""

    joins: Counter[str] = field(default_factory=Counter)  # by result
    refusals: Counter[str] = field(default_factory=Counter)  # by cause
    requests: Counter[str] = field(default_factory=Counter)  # by kind of SignalRequest
    ignored: Counter[str] = field(default_factory=Counter)  # requests without effect, by reason
    closes: Counter[str] = field(default_factory=Counter)  # sockets closed, by cause
    leaves: Counter[str] = field(default_factory=Counter)  # participants gone, by reason
    rows_refused: Counter[str] = field(default_factory=Counter)  # by the datapath's reason
    activations: int = 0  # participants whose media path came up
    audits: int = 0  # comparisons of the table with what the rooms want
