"""Conference: the machine of one room. Told grants, requests, facts and the time; asked for steps.

`join` and `handle_*` take input, `poll_step` and `poll_timeout` give output. Every input ends in at
most one step: rows to apply, then signals to deliver once they hold. No socket, clock, task or log
here; `gateway.signalling.service` is the shell around it. What a request means is in `requests`,
how sessions end in `departures`, what facts mean in `reach`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from livekit.protocol import rtc

from gateway.auth.grant import Grant
from gateway.datapath import datapath_pb2 as pb
from gateway.ids import new_ice_password, new_ufrag
from gateway.rooms.admission import Admit, Refuse, admit
from gateway.rooms.moment import Moment
from gateway.rooms.participant import LeaveReason, Participant, ParticipantState
from gateway.rooms.room import Room
from gateway.sfu import channels
from gateway.sfu.agreement import Agreement, Role
from gateway.sfu.rebuild import RebuiltRoom
from gateway.sfu.rows import Agreements, Place, desired_rows, difference, rows_of
from gateway.signalling import departures, messages, personal, reach, subscribing
from gateway.signalling.gathering import Gathering
from gateway.signalling.requests import HANDLERS
from gateway.signalling.session import Client, Session, SessionState, Timer, durations
from gateway.signalling.steps import CloseCause, House, Step


@dataclass(frozen=True, slots=True)
class Joined:
    """Let in. The next step begins with the JoinResponse for `sid`."""

    sid: str


class Conference:
    """One room, whole."""

    def __init__(self, room: Room, place: Place, house: House) -> None:
        self._hall = Gathering(room, place, house)
        self._steps: deque[Step] = deque()
        self._durations = durations(house.settings)

    @classmethod
    def rebuilt(cls, found: RebuiltRoom, house: House, now: Moment) -> Conference:
        """A room found again in a dump. Nobody has a socket, everybody may still come back.

        The first step, if there is one, is what the dump lacked or had too much.
        """
        conference = cls(found.room, found.place, house)
        hall = conference._hall
        for sid, participant in found.room.participants.items():
            session = Session(participant, found.agreements[sid], conference._durations)
            session.begin(SessionState.ORPHANED, now)
            if participant.waits_for in found.room.participants:
                session.start(Timer.TAKEOVER, now)
            else:
                participant.waits_for = ""
            hall.sessions[sid] = session
        conference.resync(found.rows)
        return conference

    # -------------------------------------------------------------------------------- output

    def poll_step(self) -> Step | None:
        """The next thing to do, None when there is nothing."""
        return self._steps.popleft() if self._steps else None

    def poll_timeout(self) -> int | None:
        """When `handle_timeout` wants to be called, monotonic nanoseconds."""
        return min(
            (at for session in self._hall.sessions.values() for at in session.timers.values()),
            default=None,
        )

    @property
    def place(self) -> Place:
        """Where the room is carried."""
        return self._hall.place

    @property
    def room(self) -> Room:
        """The room, to be read."""
        return self._hall.room

    @property
    def is_empty(self) -> bool:
        """Nobody is left, with or without a socket."""
        return not self._hall.sessions

    def desired_rows(self) -> dict[int, pb.Row]:
        """What the datapath shall hold of this room: the oracle of audits."""
        return desired_rows(self._hall.place, self._hall.room, self._hall.agreements())

    def row_ids(self) -> set[int]:
        """Ids of every row asked for so far and not deleted since."""
        return self._hall.ledger.all_ids()

    # --------------------------------------------------------------------------------- input

    def join(self, grant: Grant, client: Client, now: Moment) -> Joined | Refuse:
        """Somebody with a verified grant wants in."""
        hall = self._hall
        decision = admit(hall.room, grant, hall.house.limits, now)
        if isinstance(decision, Refuse):
            return decision
        participant = decision.participant
        participant.client_protocol = client.client_protocol
        participant.subscriptions.auto = client.auto_subscribe
        self._make_way(decision)
        agreements = self._first_agreements(participant)
        session = Session(participant, agreements, self._durations, client, grant)
        session.begin(SessionState.CONNECTED, now)
        if participant.waits_for:
            session.start(Timer.TAKEOVER, now)
        hall.sessions[session.sid] = session
        entered = hall.room.enter(participant)
        hall.remark(session, "participant_joined")
        hall.tell(session, messages.join(hall.room, participant, hall.house))
        personal.refresh_token(hall, session, now)
        hall.spread(entered)
        hall.unsettle(session.sid)
        self._write()
        return Joined(session.sid)

    def handle_request(self, sid: str, request: rtc.SignalRequest, now: Moment) -> None:
        """One message of one client. What is not understood is ignored and counted."""
        hall = self._hall
        session = hall.sessions.get(sid)
        if session is None or not session.connected:
            return
        session.start(Timer.SILENCE, now)
        kind = request.WhichOneof("message") or "unknown"
        hall.house.counters.requests[kind] += 1
        handler = HANDLERS.get(kind)
        if handler is None:
            hall.house.counters.ignored[kind] += 1
        else:
            refused = handler(hall, session, request, now)
            if refused is not None:
                self._refuse_negotiation(session, refused.sentence)
        self._write()

    def handle_socket_closed(self, sid: str, now: Moment) -> None:
        """The client's socket is gone, and there was no Leave."""
        session = self._hall.sessions.get(sid)
        if session is not None and session.connected:
            departures.lose_socket(self._hall, session, None, now)
            if sid in self._hall.sessions:
                reach.judge(self._hall, session, now)
        self._write()

    def handle_resume_attempt(self, identity: str, now: Moment) -> None:
        """A client wants to go on with its session on a new socket, and is being refused.

        This removes nothing. But it tells that the session's old socket is dead: without this its
        next join would be taken for a second device and cut the media that still flows.
        """
        for session in list(self._hall.sessions.values()):
            if session.participant.identity == identity and session.connected:
                departures.lose_socket(self._hall, session, CloseCause.RESUMED, now)
        self._write()

    def handle_facts(self, facts: Iterable[pb.Facts], now: Moment) -> None:
        """What the datapath learned about rows of this room."""
        for fact in facts:
            session = self._session_of_transport(fact.row)
            if session is None:
                continue
            if fact.HasField("ended"):
                reach.end(self._hall, session)
            elif fact.HasField("transport") and session.learn(fact):
                reach.judge(self._hall, session, now)
        self._write()

    def handle_timeout(self, now: Moment) -> None:
        """Timers that have run out."""
        for session in list(self._hall.sessions.values()):
            for timer in session.due(now):
                if session.sid in self._hall.sessions:
                    self._handle_timer(session, timer, now)
        self._write()

    def farewell(self, reason: LeaveReason, *, reconnect: bool) -> None:
        """Send everybody away and delete every row."""
        action = departures.RECONNECT if reconnect else departures.DISCONNECT
        sessions = list(self._hall.sessions.values())
        for session in sessions:
            self._hall.send_away(session, messages.leave(reason, action))
        for session in sessions:
            departures.forget(self._hall, session, reason)
        self._write()

    # ------------------------------------------------------------- when rows are not as asked

    def handle_refusal(self, row: int) -> None:
        """The datapath refused a row; nothing of its step holds, and later steps may lack it.

        Whoever the row belongs to is told to come anew; everything else is asked for again. The
        rows of steps that were not taken yet are part of that.
        """
        hall = self._hall
        owner = hall.sessions.get(hall.ledger.owner_of(row) or "")
        if owner is not None:
            departures.expel(hall, owner, LeaveReason.STATE_MISMATCH, departures.RECONNECT)
        self.resync([pb.Row(id=row_id) for row_id in hall.ledger.all_ids()])

    def resync(self, dumped: Iterable[pb.Row]) -> None:
        """The table may differ from what was asked for: here is what it holds of this room.

        A transport that was at work and is not there any more cannot be put again: its keys went
        with it. Its client is told to come anew.
        """
        hall = self._hall
        held = list(dumped)
        ids = {row.id for row in held}
        for session in list(hall.sessions.values()):
            if not ids.issuperset(session.facts):
                reach.end(hall, session)
        self._settle()
        written = hall.take_step() or Step(hall.place.room)  # its rows are among the desired
        puts, deletes = difference(self.desired_rows(), held)
        agreements = hall.agreements()
        for session in hall.sessions.values():
            hall.ledger.change(
                session.sid, rows_of(hall.place, hall.room, session.participant, agreements)
            )
        step = replace(written, puts=tuple(puts), deletes=tuple(deletes))
        if step.has_rows or step.before or step.then or step.remarks:
            self._steps.append(step)

    # -------------------------------------------------------------------------------- inside

    def _settle(self) -> None:
        for session in self._hall.take_unsettled():
            subscribing.offer_if_needed(self._hall, session)

    def _write(self) -> None:
        """The end of every input: new offers, then one step."""
        self._settle()
        step = self._hall.take_step()
        if step is not None:
            self._steps.append(step)

    def _make_way(self, admitted: Admit) -> None:
        """A live session of the same identity ends now; an orphan stays until the new one is up.

        So at most one of them is shown to the others. An orphan that was itself still waiting for
        its path has nothing that anybody could miss.
        """
        for older in admitted.older:
            session = self._hall.sessions[older.sid]
            if session.connected:
                departures.expel(
                    self._hall, session, LeaveReason.DUPLICATE_IDENTITY, departures.DISCONNECT
                )
            elif older.waits_for:
                departures.remove(self._hall, session, LeaveReason.DUPLICATE_IDENTITY)
            else:
                admitted.participant.waits_for = older.sid

    def _first_agreements(self, participant: Participant) -> Agreements:
        can_subscribe = participant.permission.can_subscribe
        row_ids = self._hall.house.row_ids
        fresh = Agreement.fresh(
            transport=row_ids.next(),
            role=Role.SUBSCRIBER,
            ufrag=new_ufrag(self._hall.place.worker),
            password=new_ice_password(),
        )
        return Agreements(channels.settle(fresh, can_subscribe=can_subscribe, row_ids=row_ids))

    def _session_of_transport(self, row: int) -> Session | None:
        sessions = self._hall.sessions.values()
        return next((session for session in sessions if session.has_transport(row)), None)

    def _handle_timer(self, session: Session, timer: Timer, now: Moment) -> None:
        hall = self._hall
        match timer:
            case Timer.ACTIVATION:
                departures.expel(hall, session, LeaveReason.JOIN_FAILURE, departures.DISCONNECT)
            case Timer.SILENCE:
                departures.lose_socket(hall, session, CloseCause.SILENT, now)
            case Timer.REFRESH:
                personal.refresh_token(hall, session, now)
                session.start(Timer.REFRESH, now)
            case Timer.ORPHAN:
                departures.remove(hall, session, LeaveReason.SIGNAL_CLOSE)
            case Timer.TAKEOVER:
                reach.take_over(hall, session)
            case Timer.CLOSED:
                departures.expel(
                    hall, session, LeaveReason.CONNECTION_TIMEOUT, departures.RECONNECT
                )

    def _refuse_negotiation(self, session: Session, sentence: str) -> None:
        """Who was connected has lost its way and finds it by coming anew; who never was would only
        come with the same description again."""
        hall = self._hall
        hall.house.counters.ignored["negotiation_refused"] += 1
        hall.remark(session, "negotiation_refused", sentence)
        if session.participant.state is ParticipantState.ACTIVE:
            departures.expel(hall, session, LeaveReason.STATE_MISMATCH, departures.RECONNECT)
        else:
            departures.expel(hall, session, LeaveReason.JOIN_FAILURE, departures.DISCONNECT)
