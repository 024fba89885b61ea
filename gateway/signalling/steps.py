"""Steps: what a conference wants done, in order. Values only.

A step's rows are applied, and its signals leave only when the datapath has acknowledged them, so
that no answer promises what the datapath does not hold yet. Only a Leave, which promises nothing,
goes ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from livekit.protocol import rtc

from gateway.auth.grant import Grant
from gateway.datapath import datapath_pb2 as pb
from gateway.ids import RowIds
from gateway.rooms.admission import Limits
from gateway.rooms.moment import Moment
from gateway.settings.model import Signalling
from gateway.sfu.agreement import Fingerprint
from gateway.signalling.counters import SignallingCounters
from gateway.signalling.negotiation import Candidate, SsrcSource


@dataclass(frozen=True, slots=True)
class Tell:
    """A message for one participant's socket."""

    sid: str
    message: rtc.SignalResponse = field(repr=False)


class CloseCause(StrEnum):
    """Why a socket is closed, as counted."""

    LEFT = "left"  # the client left
    TOLD = "told"  # it was sent a Leave
    SILENT = "silent"  # no message for 15 s
    RESUMED = "resumed"  # the client tried to come back on another socket
    SIMULATED = "simulated"  # the client asked for it, to test itself


@dataclass(frozen=True, slots=True)
class Close:
    """Close one participant's socket, after everything it was told before has left."""

    sid: str
    cause: CloseCause


Signal = Tell | Close


@dataclass(frozen=True, slots=True)
class Remark:
    """Something for the log: an event in the past tense, and what we have to say about it."""

    sid: str
    event: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of one room, and what is said once they hold.

    `before` is said first: a Leave, so that a client hears why before its transports close.
    """

    room: int
    before: tuple[Signal, ...] = ()
    puts: tuple[pb.Row, ...] = ()
    deletes: tuple[int, ...] = ()
    then: tuple[Signal, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def has_rows(self) -> bool:
        """Whether there is anything to apply."""
        return bool(self.puts or self.deletes)


@dataclass(frozen=True, slots=True)
class House:
    """What every room of this gateway shares."""

    row_ids: RowIds
    new_ssrc: SsrcSource
    fingerprints: tuple[Fingerprint, ...]  # of the datapath's certificate
    candidates: tuple[Candidate, ...]  # advertised addresses
    refresh: Callable[[Grant, Moment], str | None] = field(repr=False)  # a renewed token
    limits: Limits
    counters: SignallingCounters
    settings: Signalling
    node: str = ""  # differs between processes, means nothing
