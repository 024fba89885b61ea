"""Reach: what the datapath's facts about transports mean for a session.

Facts are levels: every judgement looks at all that is known, whatever it was that changed.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.rooms.moment import Moment
from gateway.rooms.participant import LeaveReason
from gateway.sfu.agreement import Agreement, Role
from gateway.signalling import departures, subscribing
from gateway.signalling.gathering import Gathering
from gateway.signalling.session import Session, Timer


def judge(hall: Gathering, session: Session, now: Moment) -> None:
    """Act on the newest facts of one session's transports."""
    if session.participant.waits_for and session.path_is_up():
        take_over(hall, session)
    if session.media_is_up():
        _activate(hall, session)
    _finish_restarts(hall, session)
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


def end_restarts(hall: Gathering, session: Session) -> None:
    """Credentials from before a restart hold no longer, whether or not a path was found.

    Except while the client may not know the new ones, because it has not answered our offer, and
    while its path lives on the old ones: libwebrtc sometimes stays with a pair of its new candidate
    and our old one, and would lose it.
    """
    for agreement in session.agreements.transports:
        previous = agreement.ice_previous
        if previous is None or (session.offer is not None and agreement.role is Role.SUBSCRIBER):
            continue
        known = session.facts.get(agreement.transport)
        if known is None or known.path_ufrag != previous.ufrag:
            _drop_previous(hall, session, agreement, "ice_restart_expired")


def _finish_restarts(hall: Gathering, session: Session) -> None:
    """Media has moved to a path under the new credentials: those before are not needed."""
    for agreement in session.agreements.transports:
        known = session.facts.get(agreement.transport)
        moved = known is not None and known.path_ufrag == agreement.ice.ufrag
        if moved and agreement.ice_previous is not None:
            _drop_previous(hall, session, agreement, "ice_restarted")


def _drop_previous(hall: Gathering, session: Session, agreement: Agreement, event: str) -> None:
    session.agree(replace(agreement, ice_previous=None))
    hall.touch(session.sid)
    hall.remark(session, event, agreement.role)


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
    elif session.is_silent(session.agreements.subscriber):
        subscribing.restart_ice(hall, session)


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
