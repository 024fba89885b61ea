"""Publishing: what a client asks of its publisher connection, and what becomes of it.

AddTrack and the offer may come in either order. Others learn of a track when its media section has
been negotiated, and of nothing before that.
"""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import rtc

from gateway.ids import new_ice_password, new_ufrag
from gateway.rooms.track import Track
from gateway.sfu.agreement import Agreement, Kind, Role, Section
from gateway.signalling import messages
from gateway.signalling.gathering import Gathering
from gateway.signalling.negotiation import (
    Answered,
    NegotiationRefused,
    PendingTrack,
    answer_publisher_offer,
    claim_sections,
)
from gateway.signalling.session import Session

# Characters of each of a track's texts. They travel in the participant's note and roster.
TEXT_CHARS = 256


def handle_add_track(hall: Gathering, session: Session, request: rtc.AddTrackRequest) -> None:
    """Announce a track: it gets a sid, and its section when that comes or if it has come."""
    refusal = _refusal(hall, session, request)
    if refusal is not None:
        reason, sentence = refusal
        hall.house.counters.ignored["add_track_refused"] += 1
        hall.tell_outcome(session, messages.request_response(reason, sentence, add_track=request))
        return
    track = messages.new_track(request)
    hall.room.add_track(session.participant, track)
    hall.tell(session, messages.track_published(track))
    hall.touch(session.sid)
    _claim(hall, session)


def handle_offer(
    hall: Gathering, session: Session, offer: rtc.SessionDescription
) -> NegotiationRefused | None:
    """Answer the client's offer. The answer leaves with the rows that make it true."""
    agreement = session.agreements.publisher or _fresh(hall)
    answered = answer_publisher_offer(
        offer.sdp,
        agreement=agreement,
        pending=_pending(session),
        row_ids=hall.house.row_ids,
        fingerprints=hall.house.fingerprints,
        candidates=hall.house.candidates,
        offer_id=offer.id,
    )
    if isinstance(answered, NegotiationRefused):
        return answered
    hall.agree(session, answered.agreement)
    hall.touch(session.sid)
    hall.tell(session, messages.answer(answered.sdp, offer.id))
    _publish(hall, session, answered.tracks)
    _unpublish(hall, session, answered)
    return None


def handle_mute(hall: Gathering, session: Session, request: rtc.MuteTrackRequest) -> None:
    """The publisher muted or unmuted a track."""
    track = session.participant.tracks.get(request.sid)
    if track is None:
        hall.tell_outcome(
            session,
            messages.request_response(
                rtc.RequestResponse.NOT_FOUND, "you publish no such track", mute=request
            ),
        )
    elif track.muted != request.muted:
        _change(hall, session, request.sid, muted=request.muted)


def handle_update_audio_track(
    hall: Gathering, session: Session, request: rtc.UpdateLocalAudioTrack
) -> None:
    """The publisher processes its sound differently."""
    features = messages.feature_names(request.features)
    _change(hall, session, request.track_sid, audio_features=features)


def handle_update_video_track(
    hall: Gathering, session: Session, request: rtc.UpdateLocalVideoTrack
) -> None:
    """The publisher's picture has another size."""
    _change(hall, session, request.track_sid, width=request.width, height=request.height)


# ------------------------------------------------------------------------------------- inside


def _refusal(
    hall: Gathering, session: Session, request: rtc.AddTrackRequest
) -> tuple[rtc.RequestResponse.Reason, str] | None:
    """Why a track may not be announced, None if it may."""
    participant, limits, why = session.participant, hall.house.limits, rtc.RequestResponse
    if not messages.is_media(request):
        return why.UNSUPPORTED_TYPE, "only audio and video tracks are carried"
    if request.sid:
        return why.UNSUPPORTED_TYPE, "backup codecs are not supported"
    if not participant.permission.may_publish(messages.source_of(request)):
        return why.NOT_ALLOWED, "the token does not allow this source to be published"
    if any(track.cid == request.cid for track in participant.tracks.values()):
        return why.QUEUED, "this track has been announced before"
    if len(participant.pending) >= limits.pending_tracks:
        return why.LIMIT_EXCEEDED, "too many tracks are announced and not negotiated"
    if len(participant.tracks) >= limits.tracks:
        return why.LIMIT_EXCEEDED, f"a participant may publish {limits.tracks} tracks"
    if max(len(request.cid), len(request.name), len(request.stream)) > TEXT_CHARS:
        return why.LIMIT_EXCEEDED, f"cid, name and stream may have {TEXT_CHARS} characters"
    return None


def _fresh(hall: Gathering) -> Agreement:
    return Agreement.fresh(
        transport=hall.house.row_ids.next(),
        role=Role.PUBLISHER,
        ufrag=new_ufrag(hall.place.worker),
        password=new_ice_password(),
    )


def _pending(session: Session) -> list[PendingTrack]:
    return [
        PendingTrack(
            cid=track.cid,
            track_sid=track.sid,
            kind=Kind(track.kind),
            dtx="TF_NO_DTX" not in track.audio_features,
            stereo="TF_STEREO" in track.audio_features,
        )
        for track in session.participant.pending
    ]


def _claim(hall: Gathering, session: Session) -> None:
    """The offer may have come before the AddTrack: its section has waited for the track."""
    agreement = session.agreements.publisher
    if agreement is None:
        return
    claimed = claim_sections(agreement, _pending(session), row_ids=hall.house.row_ids)
    if claimed.tracks:
        session.agree(claimed.agreement)
        _publish(hall, session, claimed.tracks)


def _publish(hall: Gathering, session: Session, tracks: Mapping[str, Section]) -> None:
    for section in tracks.values():
        event = hall.room.publish(
            session.participant,
            section.track_sid,
            mid=section.mid,
            mime_type=_mime_type(section),
            simulcast=False,
        )
        if event is not None:
            hall.spread(event)


def _unpublish(hall: Gathering, session: Session, answered: Answered) -> None:
    for sid in answered.unpublished:
        event = hall.room.unpublish(session.participant, sid)
        if event is not None:
            hall.tell(session, messages.track_unpublished(sid))
            hall.spread(event)
    for rejected in answered.rejected:
        hall.house.counters.ignored["section_rejected"] += 1
        _forget_rejected(session, rejected.client_track_id)


def _forget_rejected(session: Session, cid: str) -> None:
    """A track whose section was rejected is not waited for any longer."""
    tracks = session.participant.tracks
    for track in [t for t in session.participant.pending if cid and t.cid == cid]:
        del tracks[track.sid]


def _mime_type(section: Section) -> str:
    """The codec of a section as clients name it: "audio/opus", "video/VP8"."""
    return f"{section.kind}/{section.codecs[0].name}" if section.codecs else ""


def _change(hall: Gathering, session: Session, sid: str, **changes: object) -> Track | None:
    event = hall.room.change_track(session.participant, sid, **changes)
    hall.touch(session.sid)
    if event is not None:
        hall.spread(event)
    return session.participant.tracks.get(sid)
