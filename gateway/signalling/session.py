"""Session: what a conference keeps of one participant's connection. No socket, no I/O.

The participant itself is `gateway.rooms`; the agreements live here because a conference is where
negotiation meets rows. An offer in flight and the timers die with the socket; participant and
agreements outlive it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.auth.grant import Grant
from gateway.datapath import datapath_pb2 as pb
from gateway.rooms.moment import Moment
from gateway.rooms.participant import Participant
from gateway.settings.model import Signalling
from gateway.sfu.agreement import Agreement, Kind
from gateway.sfu.rows import Agreements
from gateway.signalling.negotiation import Offer


class SessionState(StrEnum):
    """Whether somebody listens. There is no way back: a return is a new session."""

    CONNECTED = "connected"  # has a socket
    ORPHANED = "orphaned"  # the socket is gone without a Leave; its media is still carried


class Timer(StrEnum):
    """Why a session may be woken up."""

    ACTIVATION = "activation"  # its media path never came up
    SILENCE = "silence"  # no message: the socket is taken for gone
    REFRESH = "refresh"  # its token is renewed, so that it can come back later
    ORPHAN = "orphan"  # nobody came back
    TAKEOVER = "takeover"  # its predecessor goes, whether or not its own path is up
    CLOSED = "closed"  # the client closed a transport and did not come back
    RESTART = "restart"  # credentials from before an ICE restart have served their time


# Seconds, where the settings say nothing. Lower loses participants on slow networks sooner, higher
# keeps dead ones visible longer.
DURATION_S: Final[dict[Timer, float]] = {
    Timer.ACTIVATION: 60.0,
    Timer.REFRESH: 300.0,
    Timer.TAKEOVER: 5.0,
    Timer.CLOSED: 5.0,
    # As long as a path lives without a check; longer, and a restart in a restart comes back to it.
    Timer.RESTART: 30.0,
}
# What runs in which state; TAKEOVER, CLOSED and RESTART run only while there is a reason.
TIMERS: Final[dict[SessionState, tuple[Timer, ...]]] = {
    SessionState.CONNECTED: (Timer.ACTIVATION, Timer.SILENCE, Timer.REFRESH),
    SessionState.ORPHANED: (Timer.ORPHAN,),
}


def durations(settings: Signalling) -> dict[Timer, float]:
    """Seconds of every timer."""
    return {
        **DURATION_S,
        Timer.SILENCE: float(settings.ping_timeout_s),
        Timer.ORPHAN: float(settings.rejoin_timeout_s),
    }


@dataclass(frozen=True, slots=True)
class Client:
    """What a client says of itself when it connects."""

    protocol: int = 0
    client_protocol: int = 0
    sdk: str = ""
    auto_subscribe: bool = True
    single: bool = False  # it has one connection for both directions: dialect v1


@dataclass(slots=True)
class Session:
    """One participant's connection. `grant` is None after a restart: the token was not kept."""

    participant: Participant
    agreements: Agreements
    durations: dict[Timer, float] = field(repr=False)
    client: Client = Client()
    grant: Grant | None = field(default=None, repr=False)
    state: SessionState = SessionState.CONNECTED
    offer: Offer | None = None  # to the subscriber, in flight
    asked: Counter[Kind] = field(default_factory=Counter)  # sections that the client is to add
    wants_restart: bool = False  # the next offer to the subscriber has new ICE credentials
    nudged: bool = False  # the client was asked for an offer, which has not come yet
    declined: set[str] = field(default_factory=set)  # tracks that the client will not take
    received: set[str] = field(default_factory=set)  # own tracks that somebody receives
    timers: dict[Timer, int] = field(default_factory=dict)  # monotonic nanoseconds
    facts: dict[int, pb.TransportFacts] = field(default_factory=dict)  # newest, by transport row
    revisions: dict[int, int] = field(default_factory=dict)

    @property
    def sid(self) -> str:
        """The participant's sid, which names the session too."""
        return self.participant.sid

    @property
    def connected(self) -> bool:
        """Whether messages reach the client."""
        return self.state is SessionState.CONNECTED

    @property
    def primary(self) -> Agreement | None:
        """The transport whose path makes the participant active; None before it exists."""
        if self.participant.permission.can_subscribe:
            return self.agreements.subscriber
        return self.agreements.publisher

    def agree(self, agreement: Agreement) -> None:
        """A negotiation has ended."""
        self.agreements = self.agreements.updated(agreement)

    # -------------------------------------------------------------------------------- timers

    def start(self, timer: Timer, now: Moment) -> None:
        """(Re)start a timer."""
        self.timers[timer] = now.in_s(self.durations[timer])

    def stop(self, timer: Timer) -> None:
        """Stop a timer that may be running."""
        self.timers.pop(timer, None)

    def begin(self, state: SessionState, now: Moment) -> None:
        """Enter a state: its timers run, others do not, except a takeover that is under way."""
        self.state = state
        self.timers = {t: at for t, at in self.timers.items() if t is Timer.TAKEOVER}
        for timer in TIMERS[state]:
            self.start(timer, now)

    def due(self, now: Moment) -> list[Timer]:
        """Timers that have run out; they are stopped by this."""
        due = [timer for timer, at in self.timers.items() if at <= now.monotonic_ns]
        for timer in due:
            del self.timers[timer]
        return due

    # --------------------------------------------------------------------------------- facts

    def has_transport(self, row: int) -> bool:
        """Whether that row is one of its transports."""
        return any(agreement.transport == row for agreement in self.agreements.transports)

    def learn(self, facts: pb.Facts) -> bool:
        """Newer facts of a transport. False if older than what is known, or of another row."""
        if not self.has_transport(facts.row):
            return False
        if facts.revision <= self.revisions.get(facts.row, 0):
            return False
        self.revisions[facts.row] = facts.revision
        self.facts[facts.row] = facts.transport
        return True

    def path_is_up(self) -> bool:
        """Whether any of its transports has a validated path."""
        return any(f.reach == pb.TransportFacts.REACH_UP for f in self.facts.values())

    def media_is_up(self) -> bool:
        """Whether the primary transport can carry media."""
        primary = self.primary
        known = None if primary is None else self.facts.get(primary.transport)
        return known is not None and (
            known.reach in {pb.TransportFacts.REACH_UP, pb.TransportFacts.REACH_SILENT}
            and known.dtls == pb.TransportFacts.DTLS_CONNECTED
        )

    def is_silent(self, agreement: Agreement) -> bool:
        """Whether nothing was heard on that transport for a while, which once was heard."""
        known = self.facts.get(agreement.transport)
        return known is not None and known.reach == pb.TransportFacts.REACH_SILENT

    def failed(self) -> bool:
        """Whether one of its transports can carry nothing any more, whatever the client does."""
        return any(
            f.reach == pb.TransportFacts.REACH_LOST or f.dtls == pb.TransportFacts.DTLS_FAILED
            for f in self.facts.values()
        )

    def closed(self) -> bool:
        """Whether the client closed one of its transports."""
        return any(f.dtls == pb.TransportFacts.DTLS_CLOSED for f in self.facts.values())

    def carries(self) -> bool:
        """Whether any of its transports may still carry something."""
        dead = {pb.TransportFacts.DTLS_FAILED, pb.TransportFacts.DTLS_CLOSED}
        alive = {pb.TransportFacts.REACH_UP, pb.TransportFacts.REACH_SILENT}
        return any(f.reach in alive and f.dtls not in dead for f in self.facts.values())
