"""Gathering: a room, its sessions, and the step that is being written. No decisions.

The handlers of requests (`publishing`, `subscribing`, `personal`) and the conference share it. What
they do to it ends up in one step: rows of everybody touched, and the signals in the order written.
"""

from __future__ import annotations

from livekit.protocol import rtc

from gateway.rooms.events import (
    Event,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    TrackPublished,
    TrackUnpublished,
)
from gateway.rooms.participant import LeaveReason, Participant
from gateway.rooms.room import Room
from gateway.sfu import channels
from gateway.sfu.agreement import Agreement
from gateway.sfu.ledger import Ledger
from gateway.sfu.rows import Agreements, Place, in_order, rows_of
from gateway.signalling import messages
from gateway.signalling.session import Session
from gateway.signalling.steps import Close, CloseCause, House, Remark, Signal, Step, Tell


class Gathering:
    """The state of one conference."""

    def __init__(self, room: Room, place: Place, house: House) -> None:
        self.room = room
        self.place = place
        self.house = house
        self.sessions: dict[str, Session] = {}
        self.ledger = Ledger()
        self._before: list[Signal] = []
        self._signals: list[Signal] = []
        self._remarks: list[Remark] = []
        self._touched: dict[str, None] = {}  # in order, each once
        self._unsettled: dict[str, None] = {}

    def agreements(self) -> dict[str, Agreements]:
        """Agreements of everybody in the room, by participant sid."""
        return {sid: session.agreements for sid, session in self.sessions.items()}

    # -------------------------------------------------------------------- writing the step

    def tell(self, session: Session, message: rtc.SignalResponse) -> None:
        """Say something to one client, if it still listens."""
        if session.connected:
            self._signals.append(Tell(session.sid, message))

    def tell_outcome(self, session: Session, message: rtc.SignalResponse) -> None:
        """Say what became of a request, if the client is new enough to read that."""
        if session.client.protocol >= messages.REQUEST_RESPONSE_PROTOCOL:
            self.tell(session, message)

    def close(self, session: Session, cause: CloseCause) -> None:
        """Close the client's socket after what it was told."""
        if session.connected:
            self.house.counters.closes[cause] += 1
            self._signals.append(Close(session.sid, cause))

    def send_away(self, session: Session, leave: rtc.SignalResponse) -> None:
        """Say Leave and close the socket, before any row of the step is changed."""
        if session.connected:
            self.house.counters.closes[CloseCause.TOLD] += 1
            self._before += [Tell(session.sid, leave), Close(session.sid, CloseCause.TOLD)]

    def remark(self, session: Session, event: str, says: str = "") -> None:
        """Leave a line for the log."""
        self._remarks.append(Remark(session.sid, event, says))

    def agree(self, session: Session, agreement: Agreement) -> None:
        """A negotiation has ended; its data channels follow from it."""
        can_subscribe = session.participant.permission.can_subscribe
        row_ids = self.house.row_ids
        session.agree(channels.settle(agreement, can_subscribe=can_subscribe, row_ids=row_ids))

    def touch(self, sid: str) -> None:
        """The participant's rows may have changed."""
        self._touched[sid] = None

    def unsettle(self, sid: str) -> None:
        """What the participant should receive may have changed: offer and rows."""
        self._unsettled[sid] = None
        self._touched[sid] = None

    def take_unsettled(self) -> list[Session]:
        """Sessions that may need a new offer; asked once per step."""
        unsettled, self._unsettled = self._unsettled, {}
        return [self.sessions[sid] for sid in unsettled if sid in self.sessions]

    def take_step(self) -> Step | None:
        """The step as written, None if nothing was."""
        puts, deletes = [], []
        agreements = self.agreements()
        for sid in self._touched:
            participant = self.room.participants.get(sid)
            rows = (
                rows_of(self.place, self.room, participant, agreements)
                if participant is not None and sid in agreements
                else []
            )
            put, delete = self.ledger.change(sid, rows)
            puts += put
            deletes += delete
        before, remarks = tuple(self._before), tuple(self._remarks)
        gone = {signal.sid for signal in before}
        then = tuple(signal for signal in self._signals if signal.sid not in gone)
        self._before, self._signals, self._remarks, self._touched = [], [], [], {}
        if not (puts or deletes or before or then or remarks):
            return None
        return Step(self.place.room, before, tuple(in_order(puts)), tuple(deletes), then, remarks)

    # ------------------------------------------------------------------ spreading the news

    def spread(self, event: Event) -> None:
        """Tell everybody whom an event concerns, and unsettle who may receive more or less."""
        participant = event.participant
        self.touch(participant.sid)  # its note holds what just changed
        match event:
            case ParticipantUpdated():
                self._tell_others(participant)
            case ParticipantJoined() | TrackPublished() | TrackUnpublished():
                self._tell_others(participant)
                self._unsettle_others(participant)
            case ParticipantLeft(reason=reason):
                self._tell_others(participant, reason)
                self._unsettle_others(participant)

    def _tell_others(self, participant: Participant, reason: LeaveReason | None = None) -> None:
        if participant.waits_for:
            return
        news = messages.update([messages.participant_info(participant, reason)])
        for session in self.sessions.values():
            if session.participant.identity != participant.identity:
                self.tell(session, news)

    def _unsettle_others(self, participant: Participant) -> None:
        for session in self.sessions.values():
            if session.participant.identity != participant.identity:
                self.unsettle(session.sid)
