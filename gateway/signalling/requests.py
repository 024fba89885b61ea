"""Requests: which function handles which kind of SignalRequest. A table, nothing else decides.

Kinds that are absent are ignored and counted. A handler that returns a NegotiationRefused has
changed nothing; the conference sends the client away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from livekit.protocol import rtc

from gateway.rooms.moment import Moment
from gateway.rooms.participant import LeaveReason
from gateway.signalling import departures, personal, publishing, subscribing
from gateway.signalling.gathering import Gathering
from gateway.signalling.negotiation import NegotiationRefused
from gateway.signalling.session import Session
from gateway.signalling.steps import CloseCause

Handler = Callable[[Gathering, Session, rtc.SignalRequest, Moment], NegotiationRefused | None]


def _accept(_hall: Gathering, _session: Session, _request: rtc.SignalRequest, _: Moment) -> None:
    """Legitimate, and nothing follows from it.

    trickle: an ICE-lite agent sends no checks, so it needs no remote candidates.
    update_layers: which layers exist is seen in the packets. sync_state: belongs to a resume.
    """


def _handle_leave(
    hall: Gathering, session: Session, _request: rtc.SignalRequest, _now: Moment
) -> None:
    hall.close(session, CloseCause.LEFT)
    departures.remove(hall, session, LeaveReason.CLIENT_INITIATED)


def _handle_simulate(
    hall: Gathering, session: Session, request: rtc.SignalRequest, now: Moment
) -> None:
    """What a client asks for to test itself; it concerns nobody but that client."""
    match request.simulate.WhichOneof("scenario"):
        case "server_leave":
            departures.expel(hall, session, LeaveReason.SERVER_SHUTDOWN, departures.DISCONNECT)
        case "leave_request_full_reconnect":
            departures.call_back(hall, session, now)
        case "node_failure" | "migration" | "disconnect_signal_on_resume":
            departures.lose_socket(hall, session, CloseCause.SIMULATED, now)
        case "switch_candidate_protocol":
            subscribing.restart_ice(hall, session)
        case _:
            hall.house.counters.ignored["simulate"] += 1


HANDLERS: Final[Mapping[str, Handler]] = {
    "offer": lambda hall, session, request, now: publishing.handle_offer(
        hall, session, request.offer, now
    ),
    "answer": lambda hall, session, request, now: subscribing.handle_answer(
        hall, session, request.answer, now
    ),
    "trickle": _accept,
    "add_track": lambda hall, session, request, _: publishing.handle_add_track(
        hall, session, request.add_track
    ),
    "mute": lambda hall, session, request, _: publishing.handle_mute(hall, session, request.mute),
    "subscription": lambda hall, session, request, _: subscribing.handle_subscription(
        hall, session, request.subscription
    ),
    "track_setting": lambda hall, session, request, _: subscribing.handle_track_setting(
        hall, session, request.track_setting
    ),
    "leave": _handle_leave,
    "update_layers": _accept,
    "subscription_permission": lambda hall, session, request, _: (
        subscribing.handle_subscription_permission(hall, session, request.subscription_permission)
    ),
    "sync_state": _accept,
    "simulate": _handle_simulate,
    "ping": lambda hall, session, _, now: personal.handle_ping(hall, session, now),
    "ping_req": lambda hall, session, request, now: personal.handle_ping_request(
        hall, session, request.ping_req, now
    ),
    "update_metadata": lambda hall, session, request, _: personal.handle_update_metadata(
        hall, session, request.update_metadata
    ),
    "update_audio_track": lambda hall, session, request, _: publishing.handle_update_audio_track(
        hall, session, request.update_audio_track
    ),
    "update_video_track": lambda hall, session, request, _: publishing.handle_update_video_track(
        hall, session, request.update_video_track
    ),
}
