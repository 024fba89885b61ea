"""Subscribing: which tracks a client is offered, its answers, and its own choice among them.

One offer is in flight at a time; what is wanted meanwhile goes into the next one, after the answer.
Tracks that the client answered with no are not offered again until it asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable

from livekit.protocol import rtc

from gateway.sfu.agreement import Agreement, Kind
from gateway.signalling import messages
from gateway.signalling.gathering import Gathering
from gateway.signalling.negotiation import (
    NegotiationRefused,
    WantedLeg,
    accept_subscriber_answer,
    offer_to_subscriber,
)
from gateway.signalling.session import Session


def offer_if_needed(hall: Gathering, session: Session) -> None:
    """Offer what the client should receive, if that differs from what is agreed."""
    if not session.connected or session.offer is not None:
        return
    if not session.participant.permission.can_subscribe:
        return
    agreement = session.agreements.subscriber
    wanted = _wanted(hall, session)
    agreed = {section.track_sid for section in agreement.legs}
    first = agreement.last_offer_id == 0
    if not first and agreed == {leg.track_sid for leg in wanted}:
        return
    offer = offer_to_subscriber(
        agreement,
        wanted,
        row_ids=hall.house.row_ids,
        new_ssrc=hall.house.new_ssrc,
        fingerprints=hall.house.fingerprints,
        candidates=hall.house.candidates,
    )
    session.offer = offer
    session.declined.update(offer.left_out)
    session.agree(offer.agreement)
    hall.touch(session.sid)
    hall.tell(session, messages.offer(offer.sdp, offer.id, dict(offer.mid_to_track_id)))


def handle_answer(
    hall: Gathering, session: Session, answer: rtc.SessionDescription
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
    hall.agree(session, accepted.agreement)
    session.declined.update(accepted.declined)
    hall.unsettle(session.sid)
    _tell_publishers(hall, accepted.agreement)
    return None


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


# ------------------------------------------------------------------------------------- inside


def _tell_publishers(hall: Gathering, agreement: Agreement) -> None:
    """Each publisher learns once of each track that it has a first subscriber."""
    subscribed = {section.track_sid for section in agreement.legs}
    for publisher in hall.sessions.values():
        for sid in publisher.participant.tracks:
            if sid in subscribed and sid not in publisher.received:
                publisher.received.add(sid)
                hall.tell(publisher, messages.track_subscribed(sid))


def _wanted(hall: Gathering, session: Session) -> list[WantedLeg]:
    return [
        WantedLeg(track.sid, Kind(track.kind), f"{publisher.sid}|{track.stream}")
        for publisher, track in hall.room.tracks_for(session.participant)
        if track.sid not in session.declined
    ]


def _bounded(hall: Gathering, sids: Iterable[str]) -> list[str]:
    """Sids of tracks in this room only, so that a client cannot fill a note with made-up ones."""
    known = {sid for p in hall.room.participants.values() for sid in p.tracks}
    return [sid for sid in sids if sid in known]
