"""What the control plane counts, as families: the catalogue of its metrics. Reads, never counts."""

from collections.abc import Iterator
from typing import Final

from livekit.protocol import rtc

from gateway.api.front_door import DoorCounters
from gateway.auth import Cause
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.client import ClientCounters
from gateway.metrics import Family, Kind
from gateway.rooms.admission import RefuseCause
from gateway.rooms.participant import LeaveReason
from gateway.signalling.counters import SignallingCounters
from gateway.signalling.service import SignallingService
from gateway.signalling.steps import CloseCause
from gateway.signalling.websocket import BAD_JOIN_REQUEST

# Results of a join: in, or why not although the token was good.
JOIN_RESULTS: Final = ("joined", *RefuseCause, "datapath_away", "gateway_full", "resume_refused")
REFUSAL_CAUSES: Final = (
    *(cause.label for cause in Cause),
    *RefuseCause,
    "datapath_away",
    "gateway_full",
    BAD_JOIN_REQUEST,
)
REQUEST_KINDS: Final = tuple(
    field.name for field in rtc.SignalRequest.DESCRIPTOR.oneofs_by_name["message"].fields
)
CLOSE_CAUSES: Final = (*CloseCause, "unreadable")
# Statuses that the front door itself gives; others are the routes' and counted there.
FAILED_STATUSES: Final = ("400", "500")


def signalling_families(service: SignallingService) -> Iterator[Family]:
    """Rooms, joins, refusals and the conversation with clients."""
    numbers = service.counters
    for name, now, text in (
        ("rooms", service.rooms(), "Rooms with somebody in them."),
        ("participants", service.participants(), "Participants of all rooms."),
        ("sessions", service.sessions(), "Participants with a connection."),
    ):
        yield Family.plain(name, Kind.GAUGE, text, now)
    for name, count, text in (
        ("activations", numbers.activations, "Participants whose media path came up."),
        (
            "signal_requests_ignored",
            sum(numbers.ignored.values()),
            "Messages of clients without effect.",
        ),
    ):
        yield Family.plain(name, Kind.COUNTER, text, count)
    yield from _labelled(numbers)


def _labelled(numbers: SignallingCounters) -> Iterator[Family]:
    for name, label, known, counted, text in (
        ("joins", "result", JOIN_RESULTS, numbers.joins, "Joins with a good token, by result."),
        (
            "join_refusals",
            "cause",
            REFUSAL_CAUSES,
            numbers.refusals,
            "Requests to join or validate that were refused, by cause.",
        ),
        (
            "signal_requests",
            "kind",
            REQUEST_KINDS,
            numbers.requests,
            "Messages of clients, by kind.",
        ),
        (
            "session_closes",
            "cause",
            CLOSE_CAUSES,
            numbers.closes,
            "Connections that the gateway closed, by cause.",
        ),
        (
            "departures",
            "reason",
            tuple(LeaveReason),
            numbers.leaves,
            "Participants that are gone, by reason.",
        ),
        (
            "rows_refused",
            "reason",
            tuple(pb.Refused.Reason.keys()),
            numbers.rows_refused,
            "Rows that the datapath refused, by reason.",
        ),
    ):
        yield Family.by(label, map(str, known), counted, name=name, help_text=text)


def door_families(numbers: DoorCounters) -> Iterator[Family]:
    """The client port."""
    yield Family.plain("http_connections", Kind.COUNTER, "Connections taken.", numbers.connections)
    yield Family.plain("http_connections_open", Kind.GAUGE, "Connections now.", numbers.open)
    yield Family.plain(
        "http_connections_turned_away",
        Kind.COUNTER,
        "Connections closed at once because there were too many.",
        numbers.turned_away,
    )
    yield Family.by(
        "status",
        FAILED_STATUSES,
        {str(status): count for status, count in numbers.failed_requests.items()},
        name="http_requests_failed",
        help_text="Requests that could not be read, or whose handling failed, by status.",
    )


def contract_families(numbers: ClientCounters) -> Iterator[Family]:
    """The connection to the datapath."""
    yield Family.plain(
        "datapath_connections",
        Kind.COUNTER,
        "Times that the datapath was found.",
        numbers.connections,
    )
    yield Family.plain(
        "datapath_losses", Kind.COUNTER, "Times that the datapath went away.", numbers.losses
    )
