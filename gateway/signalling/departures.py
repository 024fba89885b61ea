"""Departures: the ways in which a session ends or loses its socket. Each is one function.

Whose media may still be wanted stays in the room without a socket (an orphan); everybody else is
removed at once, with a Leave if somebody listens.
"""

from __future__ import annotations

from livekit.protocol import rtc

from gateway.rooms.events import Event
from gateway.rooms.moment import Moment
from gateway.rooms.participant import LeaveReason, ParticipantState
from gateway.signalling import messages
from gateway.signalling.gathering import Gathering
from gateway.signalling.session import Session, SessionState
from gateway.signalling.steps import CloseCause

DISCONNECT = rtc.LeaveRequest.DISCONNECT
RECONNECT = rtc.LeaveRequest.RECONNECT


def expel(
    hall: Gathering,
    session: Session,
    reason: LeaveReason,
    action: rtc.LeaveRequest.Action,
) -> None:
    """Tell the client to go (or to come anew), close its socket, remove the participant."""
    hall.send_away(session, messages.leave(reason, action))
    remove(hall, session, reason)


def call_back(hall: Gathering, session: Session, now: Moment) -> None:
    """Tell the client to come anew; what it publishes is carried until it has."""
    hall.send_away(session, messages.leave(LeaveReason.STATE_MISMATCH, RECONNECT))
    lose_socket(hall, session, None, now)


def lose_socket(hall: Gathering, session: Session, cause: CloseCause | None, now: Moment) -> None:
    """The socket is gone, or (with a cause) is closed by us without a Leave.

    Who was not active yet never had its media up: nothing is lost by letting it go.
    """
    if cause is not None:
        hall.close(session, cause)
    if session.participant.state is ParticipantState.ACTIVE:
        session.begin(SessionState.ORPHANED, now)
        session.offer = None  # it dies with its socket
        hall.remark(session, "socket_lost", cause or "")
    else:
        remove(hall, session, LeaveReason.SIGNAL_CLOSE)


def remove(hall: Gathering, session: Session, reason: LeaveReason) -> None:
    """Take a participant out of the room and tell the others."""
    for event in forget(hall, session, reason):
        hall.spread(event)


def forget(hall: Gathering, session: Session, reason: LeaveReason) -> list[Event]:
    """Take a participant out of the room; what happened is for the caller to tell."""
    hall.sessions.pop(session.sid, None)
    hall.house.counters.leaves[reason] += 1
    hall.remark(session, "participant_left", reason)
    hall.touch(session.sid)
    return hall.room.leave(session.participant, reason)
