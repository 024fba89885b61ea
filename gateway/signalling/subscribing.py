"""Subscribing: which tracks a client is offered, its answers, and its own choice among them.

A client with one connection (dialect v1) is offered nothing: it is asked to offer (`sections`). To
others one offer is in flight at a time; what is wanted meanwhile goes into the next one.
Tracks that the client answered with no are not offered again until it asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable

from livekit.protocol import rtc

from gateway.rooms.moment import Moment
from gateway.sfu.agreement import Agreement, Kind
from gateway.signalling import messages, sections
from gateway.signalling.gathering import Gathering
from gateway.signalling.negotiation import (
    NegotiationRefused,
    WantedLeg,
    accept_subscriber_answer,
    offer_to_subscriber,
)
from gateway.signalling.session import Session, Timer


def settle(hall: Gathering, session: Session) -> None:
    """Have negotiated what the client should receive, if that differs from what is agreed."""
    if session.agreements.single:
        sections.ask_if_needed(hall, session, wanted_legs(hall, session))
    else:
        _offer_if_needed(hall, session)


def _offer_if_needed(hall: Gathering, session: Session) -> None:
    if not session.connected or session.offer is not None:
        return
    if not session.participant.permission.can_subscribe:
        return
    agreement = session.agreements.subscriber
    wanted = wanted_legs(hall, session)
    agreed = {section.track_sid for section in agreement.legs}
    first = agreement.last_offer_id == 0
    restart = session.wants_restart and not first
    if not first and not restart and agreed == {leg.track_sid for leg in wanted}:
        return
    offer = offer_to_subscriber(agreement, wanted, ours=hall.ours(), restart=restart)
    if restart:
        session.wants_restart = False
        hall.remark(session, "ice_restart_begun", agreement.role)
    session.offer = offer
    session.declined.update(offer.left_out)
    session.agree(offer.agreement)
    hall.touch(session.sid)
    hall.tell(session, messages.offer(offer.sdp, offer.id, offer.mid_to_track_id))


def handle_answer(
    hall: Gathering, session: Session, answer: rtc.SessionDescription, now: Moment
) -> NegotiationRefused | None:
    """Take the answer to the offer in flight. An id of 0 comes from clients that repeat none."""
    offer = session.offer
    if offer is None or answer.id not in {0, offer.id}:
        hall.house.counters.ignored["answer_to_no_offer"] += 1
        return None
    accepted = accept_subscriber_answer(session.agreements.subscriber, offer, answer.sdp)
    if isinstance(accepted, NegotiationRefused):
        return accepted
    session.offer = None
    session.agree(accepted.agreement)
    if accepted.agreement.ice_previous is not None:
        session.start(Timer.RESTART, now)
    session.declined.update(accepted.declined)
    hall.unsettle(session.sid)
    tell_publishers(hall, accepted.agreement)
    return None


def restart_ice(hall: Gathering, session: Session) -> None:
    """Look for new paths to the subscriber, unless that is under way.

    Only where we offer: a client with one connection restarts it itself.
    """
    if not session.agreements.single and session.agreements.subscriber.ice_previous is None:
        session.wants_restart = True
        hall.unsettle(session.sid)


def handle_subscription(hall: Gathering, session: Session, request: rtc.UpdateSubscription) -> None:
    """The client wants tracks, or no longer wants them. Unknown ones are passed over."""
    sids = [*request.track_sids]
    for of_participant in request.participant_tracks:
        sids += of_participant.track_sids
    choice = session.participant.subscriptions
    for sid in _bounded(hall, sids):
        choice.choose(sid, wanted=request.subscribe)
        session.declined.discard(sid)
    hall.unsettle(session.sid)


def handle_track_setting(
    hall: Gathering, session: Session, request: rtc.UpdateTrackSettings
) -> None:
    """Tracks that are not shown need not be sent. Sizes and rates have no effect yet."""
    for sid in _bounded(hall, request.track_sids):
        session.participant.subscriptions.disable(sid, disabled=request.disabled)
    hall.touch(session.sid)


def handle_subscription_permission(
    hall: Gathering, session: Session, request: rtc.SubscriptionPermission
) -> None:
    """A publisher says who may have its tracks."""
    session.participant.audience = messages.audience(request)
    hall.touch(session.sid)
    for other in hall.sessions.values():
        if other is not session:
            hall.unsettle(other.sid)


def tell_publishers(hall: Gathering, agreement: Agreement) -> None:
    """Each publisher learns once of each track that it has a first subscriber."""
    subscribed = {section.track_sid for section in agreement.legs}
    for publisher in hall.sessions.values():
        for sid in publisher.participant.tracks:
            if sid in subscribed and sid not in publisher.received:
                publisher.received.add(sid)
                hall.tell(publisher, messages.track_subscribed(sid))


def wanted_legs(hall: Gathering, session: Session) -> list[WantedLeg]:
    """What the client should receive."""
    return [
        WantedLeg(track.sid, Kind(track.kind), f"{publisher.sid}|{track.stream}")
        for publisher, track in hall.room.tracks_for(session.participant)
        if track.sid not in session.declined
    ]


# ------------------------------------------------------------------------------------- inside


def _bounded(hall: Gathering, sids: Iterable[str]) -> list[str]:
    """Sids of tracks in this room only, so that a client cannot fill a note with made-up ones."""
    known = {sid for p in hall.room.participants.values() for sid in p.tracks}
    return [sid for sid in sids if sid in known]
