"""Messages of the client protocol, made from and read into the domain. Pure; no session state.

The protocol's quirks live here as named constants. Serves the LiveKit client protocol, version 17.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from livekit.protocol import models, rtc

from gateway import __version__
from gateway.ids import new_sid
from gateway.rooms.moment import Moment
from gateway.rooms.participant import LeaveReason, Participant, ParticipantState, Permission
from gateway.rooms.room import Room
from gateway.rooms.subscription import Access, Audience
from gateway.rooms.track import Encryption, Layer, LayerQuality, Track, TrackKind, TrackSource
from gateway.signalling.steps import House

# What we speak, never the client's number: at 18 clients expect pre-negotiated data channels.
PROTOCOL: Final = 17
# Picture first: an old client takes the first of the list for its camera.
PUBLISH_CODECS: Final = ("video/VP8", "audio/opus")
# Below this, a client cannot read a RequestResponse.
REQUEST_RESPONSE_PROTOCOL: Final = 10

_STATES: Final = {
    ParticipantState.JOINING: models.ParticipantInfo.JOINING,
    ParticipantState.JOINED: models.ParticipantInfo.JOINED,
    ParticipantState.ACTIVE: models.ParticipantInfo.ACTIVE,
    ParticipantState.DISCONNECTED: models.ParticipantInfo.DISCONNECTED,
}
_KINDS: Final = {TrackKind.AUDIO: models.AUDIO, TrackKind.VIDEO: models.VIDEO}
_SOURCES: Final = {
    TrackSource.UNKNOWN: models.UNKNOWN,
    TrackSource.CAMERA: models.CAMERA,
    TrackSource.MICROPHONE: models.MICROPHONE,
    TrackSource.SCREEN_SHARE: models.SCREEN_SHARE,
    TrackSource.SCREEN_SHARE_AUDIO: models.SCREEN_SHARE_AUDIO,
}
_ENCRYPTIONS: Final = {
    Encryption.NONE: models.Encryption.NONE,
    Encryption.GCM: models.Encryption.GCM,
    Encryption.CUSTOM: models.Encryption.CUSTOM,
}
_QUALITIES: Final = {
    LayerQuality.LOW: models.LOW,
    LayerQuality.MEDIUM: models.MEDIUM,
    LayerQuality.HIGH: models.HIGH,
    LayerQuality.OFF: models.OFF,
}
_REASONS: Final = {
    LeaveReason.UNKNOWN: models.UNKNOWN_REASON,
    LeaveReason.CLIENT_INITIATED: models.CLIENT_INITIATED,
    LeaveReason.DUPLICATE_IDENTITY: models.DUPLICATE_IDENTITY,
    LeaveReason.SERVER_SHUTDOWN: models.SERVER_SHUTDOWN,
    LeaveReason.STATE_MISMATCH: models.STATE_MISMATCH,
    LeaveReason.JOIN_FAILURE: models.JOIN_FAILURE,
    LeaveReason.SIGNAL_CLOSE: models.SIGNAL_CLOSE,
    LeaveReason.CONNECTION_TIMEOUT: models.CONNECTION_TIMEOUT,
}
_PARTICIPANT_KINDS: Final = {
    "standard": models.ParticipantInfo.STANDARD,
    "ingress": models.ParticipantInfo.INGRESS,
    "sip": models.ParticipantInfo.SIP,
    "agent": models.ParticipantInfo.AGENT,
    "connector": models.ParticipantInfo.CONNECTOR,
    "bridge": models.ParticipantInfo.BRIDGE,
}
_FEATURES: Final = {
    "TF_STEREO": models.TF_STEREO,
    "TF_NO_DTX": models.TF_NO_DTX,
    "TF_AUTO_GAIN_CONTROL": models.TF_AUTO_GAIN_CONTROL,
    "TF_ECHO_CANCELLATION": models.TF_ECHO_CANCELLATION,
    "TF_NOISE_SUPPRESSION": models.TF_NOISE_SUPPRESSION,
    "TF_ENHANCED_NOISE_CANCELLATION": models.TF_ENHANCED_NOISE_CANCELLATION,
    "TF_PRECONNECT_BUFFER": models.TF_PRECONNECT_BUFFER,
}
_KIND_OF: Final = {value: key for key, value in _KINDS.items()}
_SOURCE_OF: Final = {value: key for key, value in _SOURCES.items()}
_ENCRYPTION_OF: Final = {value: key for key, value in _ENCRYPTIONS.items()}
_QUALITY_OF: Final = {value: key for key, value in _QUALITIES.items()}
_FEATURE_OF: Final = {value: key for key, value in _FEATURES.items()}


# --------------------------------------------------------------------------------- from domain


def participant_info(
    participant: Participant, reason: LeaveReason | None = None
) -> models.ParticipantInfo:
    """What others are told of a participant; `reason` when it is gone."""
    info = models.ParticipantInfo(
        sid=participant.sid,
        identity=participant.identity,
        name=participant.name,
        metadata=participant.metadata,
        attributes=participant.attributes,
        state=_STATES[participant.state],
        version=participant.version,
        joined_at=int(participant.joined_s),
        joined_at_ms=int(participant.joined_s * 1000),
        is_publisher=bool(participant.published),
        client_protocol=participant.client_protocol,
        kind=_PARTICIPANT_KINDS.get(participant.kind),
    )
    info.permission.CopyFrom(permission(participant.permission))
    if reason is not None:
        info.disconnect_reason = _REASONS[reason]
        return info
    info.tracks.extend(track_info(track) for track in participant.published)
    return info


def permission(granted: Permission) -> models.ParticipantPermission:
    """What a participant may do. Clients refuse to publish when it is absent."""
    return models.ParticipantPermission(
        can_publish=granted.can_publish,
        can_subscribe=granted.can_subscribe,
        can_publish_data=granted.can_publish_data,
        can_publish_sources=[_SOURCES[source] for source in granted.sources or ()],
        can_update_metadata=granted.can_update_metadata,
    )


def track_info(track: Track) -> models.TrackInfo:
    """What clients are told of a track."""
    layers = [
        models.VideoLayer(
            quality=_QUALITIES[layer.quality],
            width=layer.width,
            height=layer.height,
            bitrate=layer.bitrate_bps,
        )
        for layer in track.layers
    ]
    info = models.TrackInfo(
        sid=track.sid,
        type=_KINDS[track.kind],
        name=track.name,
        muted=track.muted,
        width=track.width,
        height=track.height,
        simulcast=track.simulcast,
        source=_SOURCES[track.source],
        layers=layers,
        mime_type=track.mime_type,
        mid=track.mid,
        disable_red=track.disable_red,
        encryption=_ENCRYPTIONS[track.encryption],
        stream=track.stream,
    )
    info.audio_features.extend(_FEATURES[name] for name in track.audio_features)
    info.stereo = "TF_STEREO" in track.audio_features
    info.disable_dtx = "TF_NO_DTX" in track.audio_features
    info.codecs.add(mime_type=track.mime_type, mid=track.mid, cid=track.cid, layers=layers)
    return info


def room_info(room: Room) -> models.Room:
    """What clients are told of the room."""
    shown = [p for p in room.participants.values() if not p.waits_for]
    return models.Room(
        sid=room.sid,
        name=room.name,
        metadata=room.metadata,
        creation_time=int(room.created_s),
        creation_time_ms=int(room.created_s * 1000),
        num_participants=len(shown),
        num_publishers=sum(1 for p in shown if p.published),
    )


def join(room: Room, participant: Participant, house: House, *, single: bool) -> rtc.SignalResponse:
    """The first message of every session.

    `client_configuration` is left out on purpose: forbidding resumes there would make clients close
    their transports as soon as the socket is lost, and media would stop for nothing. `single`: the
    client has one connection for both directions, and offers it.
    """
    can = participant.permission
    answer = rtc.JoinResponse(
        room=room_info(room),
        participant=participant_info(participant),
        other_participants=[participant_info(p) for p in room.visible_to(participant)],
        server_version=house.settings.server_version,
        server_region=house.settings.region,
        subscriber_primary=can.can_subscribe and not single,
        fast_publish=can.can_publish,
        ping_interval=house.settings.ping_interval_s,
        ping_timeout=house.settings.ping_timeout_s,
        server_info=server_info(house),
        enabled_publish_codecs=[models.Codec(mime=mime) for mime in PUBLISH_CODECS],
    )
    return rtc.SignalResponse(join=answer)


def server_info(house: House) -> models.ServerInfo:
    """Who we are, as far as clients act on it.

    They switch features by the version (RPC from 1.8, simulcast of VP9 above 1.13.6), so it is one
    of theirs; our own is in `debug_info`.
    """
    return models.ServerInfo(
        edition=models.ServerInfo.Standard,
        version=house.settings.server_version,
        protocol=PROTOCOL,
        region=house.settings.region,
        node_id=house.node,
        debug_info=f"gateway {__version__}",
    )


def update(infos: Iterable[models.ParticipantInfo]) -> rtc.SignalResponse:
    """News of participants."""
    return rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=infos))


def track_published(track: Track) -> rtc.SignalResponse:
    """The answer to AddTrack."""
    return rtc.SignalResponse(
        track_published=rtc.TrackPublishedResponse(cid=track.cid, track=track_info(track))
    )


def track_unpublished(sid: str) -> rtc.SignalResponse:
    """To the publisher: the track is gone."""
    return rtc.SignalResponse(track_unpublished=rtc.TrackUnpublishedResponse(track_sid=sid))


def track_subscribed(sid: str) -> rtc.SignalResponse:
    """To the publisher: somebody receives the track. Some wait for it before they begin to send."""
    return rtc.SignalResponse(track_subscribed=rtc.TrackSubscribed(track_sid=sid))


def answer(sdp: str, offer_id: int, mid_to_track_id: Mapping[str, str]) -> rtc.SignalResponse:
    """The answer to the client's offer; its id is repeated."""
    return rtc.SignalResponse(
        answer=rtc.SessionDescription(
            type="answer", sdp=sdp, id=offer_id, mid_to_track_id=mid_to_track_id
        )
    )


def media_sections(audios: int, videos: int) -> rtc.SignalResponse:
    """Asks a client with one connection for an offer, with that many more sections."""
    return rtc.SignalResponse(
        media_sections_requirement=rtc.MediaSectionsRequirement(
            num_audios=audios, num_videos=videos
        )
    )


def offer(sdp: str, offer_id: int, mid_to_track_id: Mapping[str, str]) -> rtc.SignalResponse:
    """Our offer of the subscriber's connection."""
    return rtc.SignalResponse(
        offer=rtc.SessionDescription(
            type="offer", sdp=sdp, id=offer_id, mid_to_track_id=mid_to_track_id
        )
    )


def leave(reason: LeaveReason, action: rtc.LeaveRequest.Action) -> rtc.SignalResponse:
    """The last message of a session. Clients below protocol 13 read only `can_reconnect`."""
    return rtc.SignalResponse(
        leave=rtc.LeaveRequest(
            can_reconnect=action != rtc.LeaveRequest.DISCONNECT,
            reason=_REASONS[reason],
            action=action,
        )
    )


def refresh_token(token: str) -> rtc.SignalResponse:
    """A token with which the client can come back later."""
    return rtc.SignalResponse(refresh_token=token)


def pong(now: Moment) -> rtc.SignalResponse:
    """The answer to the older form of ping."""
    return rtc.SignalResponse(pong=now.wall_ms)


def pong_response(ping: rtc.Ping, now: Moment) -> rtc.SignalResponse:
    """The answer to the newer form of ping, from which clients take a round trip time."""
    return rtc.SignalResponse(
        pong_resp=rtc.Pong(last_ping_timestamp=ping.timestamp, timestamp=now.wall_ms)
    )


def request_response(
    reason: rtc.RequestResponse.Reason,
    sentence: str,
    *,
    add_track: rtc.AddTrackRequest | None = None,
    mute: rtc.MuteTrackRequest | None = None,
    update_metadata: rtc.UpdateParticipantMetadata | None = None,
) -> rtc.SignalResponse:
    """What became of a request, which is repeated."""
    return rtc.SignalResponse(
        request_response=rtc.RequestResponse(
            request_id=update_metadata.request_id if update_metadata is not None else 0,
            reason=reason,
            message=sentence,
            add_track=add_track,
            mute=mute,
            update_metadata=update_metadata,
        )
    )


# --------------------------------------------------------------------------------- into domain


def new_track(request: rtc.AddTrackRequest) -> Track:
    """The track that an AddTrack asks for. Its type is AUDIO or VIDEO: check first."""
    kind = _KIND_OF[request.type]
    source = _SOURCE_OF.get(request.source, TrackSource.UNKNOWN)
    return Track(
        sid=new_sid("TR_"),
        cid=request.cid,
        kind=kind,
        source=source,
        name=request.name,
        muted=request.muted,
        width=request.width,
        height=request.height,
        stream=request.stream or source.default_stream,
        encryption=_ENCRYPTION_OF.get(request.encryption, Encryption.CUSTOM),
        layers=tuple(_layer(layer) for layer in request.layers) if kind == "video" else (),
        audio_features=feature_names(request.audio_features),
        disable_red=request.disable_red,
    )


def is_media(request: rtc.AddTrackRequest) -> bool:
    """Whether the request is for a track of a kind that we carry."""
    return request.type in _KIND_OF


def source_of(request: rtc.AddTrackRequest) -> TrackSource:
    """The source that permission is asked for."""
    return _SOURCE_OF.get(request.source, TrackSource.UNKNOWN)


def feature_names(features: Iterable[models.AudioTrackFeature]) -> tuple[str, ...]:
    """Names of the audio features that we know, in the order given."""
    return tuple(_FEATURE_OF[feature] for feature in features if feature in _FEATURE_OF)


def audience(request: rtc.SubscriptionPermission) -> Audience:
    """Whom a publisher lets have its tracks."""
    return Audience(
        everybody=request.all_participants,
        accesses=tuple(
            Access(
                participant_sid=access.participant_sid,
                identity=access.participant_identity,
                all_tracks=access.all_tracks,
                track_sids=tuple(access.track_sids),
            )
            for access in request.track_permissions
        ),
    )


def _layer(layer: models.VideoLayer) -> Layer:
    return Layer(
        quality=_QUALITY_OF.get(layer.quality, LayerQuality.HIGH),
        width=layer.width,
        height=layer.height,
        bitrate_bps=layer.bitrate,
    )
