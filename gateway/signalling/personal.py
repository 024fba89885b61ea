"""Personal: requests that concern nobody's media: pings, a participant's own description.

Also what tests of client SDKs ask for (`simulate`), as far as it can be had.
"""

from __future__ import annotations

from livekit.protocol import rtc

from gateway.rooms.admission import roster_bytes
from gateway.rooms.moment import Moment
from gateway.signalling import messages
from gateway.signalling.gathering import Gathering
from gateway.signalling.publishing import TEXT_CHARS
from gateway.signalling.session import Session


def handle_ping(hall: Gathering, session: Session, now: Moment) -> None:
    """The older form."""
    hall.tell(session, messages.pong(now))


def handle_ping_request(hall: Gathering, session: Session, ping: rtc.Ping, now: Moment) -> None:
    """The newer form."""
    hall.tell(session, messages.pong_response(ping, now))


def refresh_token(hall: Gathering, session: Session, now: Moment) -> None:
    """Renew the client's token. Without a grant or a key for it, the client keeps what it has."""
    token = None if session.grant is None else hall.house.refresh(session.grant, now)
    if token is not None:
        hall.tell(session, messages.refresh_token(token))


def handle_update_metadata(
    hall: Gathering, session: Session, request: rtc.UpdateParticipantMetadata
) -> None:
    """The participant describes itself anew, if its token allows that."""
    reason, sentence = _judge(hall, session, request)
    if reason == rtc.RequestResponse.OK:
        hall.spread(
            hall.room.describe(
                session.participant,
                name=request.name or None,
                metadata=request.metadata or None,
                attributes=dict(request.attributes),
            )
        )
        # Clients take their request for done when they see themselves changed.
        hall.tell(session, messages.update([messages.participant_info(session.participant)]))
    echo = request if reason != rtc.RequestResponse.OK else _id_only(request)
    hall.tell_outcome(session, messages.request_response(reason, sentence, update_metadata=echo))


def _judge(
    hall: Gathering, session: Session, request: rtc.UpdateParticipantMetadata
) -> tuple[rtc.RequestResponse.Reason, str]:
    participant, why = session.participant, rtc.RequestResponse
    if not participant.permission.can_update_metadata:
        return why.NOT_ALLOWED, "the token does not allow you to change your own metadata"
    attributes = {**participant.attributes, **request.attributes}
    size = roster_bytes(request.metadata or participant.metadata, attributes)
    if size > hall.house.limits.roster_bytes or len(request.name) > TEXT_CHARS:
        return why.LIMIT_EXCEEDED, "name, metadata or attributes are too long"
    return why.OK, ""


def _id_only(request: rtc.UpdateParticipantMetadata) -> rtc.UpdateParticipantMetadata:
    return rtc.UpdateParticipantMetadata(request_id=request.request_id)
