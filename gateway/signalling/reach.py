"""Reach: what the datapath's facts about transports mean for a session.

Facts are levels: every judgement looks at all that is known, whatever it was that changed.
"""

from __future__ import annotations

from gateway.rooms.moment import Moment
from gateway.rooms.participant import LeaveReason
from gateway.signalling import departures
from gateway.signalling.gathering import Gathering
from gateway.signalling.session import Session, Timer


def judge(hall: Gathering, session: Session, now: Moment) -> None:
    """Act on the newest facts of one session's transports."""
    if session.participant.waits_for and session.path_is_up():
        take_over(hall, session)
    if session.media_is_up():
        _activate(hall, session)
    if session.connected:
        _judge_connected(hall, session, now)
    else:
        _judge_orphan(hall, session, now)


def end(hall: Gathering, session: Session) -> None:
    """A transport is gone with its keys: the client has to come anew, an orphan is of no use."""
    departures.expel(hall, session, LeaveReason.CONNECTION_TIMEOUT, departures.RECONNECT)


def take_over(hall: Gathering, session: Session) -> None:
    """The predecessor goes; the others are shown the new participant in its place."""
    session.stop(Timer.TAKEOVER)
    older = hall.sessions.get(session.participant.waits_for)
    if older is not None:
        departures.remove(hall, older, LeaveReason.DUPLICATE_IDENTITY)


def _activate(hall: Gathering, session: Session) -> None:
    event = hall.room.activate(session.participant)
    if event is not None:
        session.stop(Timer.ACTIVATION)
        hall.house.counters.activations += 1
        hall.remark(session, "participant_activated")
        hall.spread(event)


def _judge_connected(hall: Gathering, session: Session, now: Moment) -> None:
    """A dead transport cannot be resumed: the client is told to come anew."""
    if session.failed():
        end(hall, session)
    elif session.closed() and Timer.CLOSED not in session.timers:
        session.start(Timer.CLOSED, now)


def _judge_orphan(hall: Gathering, session: Session, now: Moment) -> None:
    """It stays while any of its transports may carry something.

    A client that closed them itself is probably on its way back: it gets a moment to arrive.
    """
    if not session.facts or session.carries():
        return
    if not session.closed():
        departures.remove(hall, session, LeaveReason.CONNECTION_TIMEOUT)
    elif Timer.CLOSED not in session.timers:
        session.start(Timer.CLOSED, now)
