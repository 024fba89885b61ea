"""Service: every room of this gateway, between the client port and the datapath. The async shell.

It finds rooms by name and number, makes and rebuilds conferences, waits for the datapath on behalf
of joins, and ends everything when told to. What happens inside a room is its conference's.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from livekit.protocol import rtc

from gateway import logs
from gateway.auth import Grant, refresh
from gateway.clock import Clock
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.port import Datapath, DatapathAway, Dumped
from gateway.errors import DatapathError
from gateway.ids import RowIds, new_sid
from gateway.rooms.admission import Limits, Refuse
from gateway.rooms.moment import Moment
from gateway.rooms.participant import LeaveReason
from gateway.rooms.room import Room
from gateway.settings.model import Rooms, Signalling
from gateway.sfu.agreement import Fingerprint
from gateway.sfu.rebuild import rebuild
from gateway.sfu.rows import Place
from gateway.signalling import departures, messages
from gateway.signalling.audit import Audit, audit
from gateway.signalling.conference import Conference
from gateway.signalling.counters import SignallingCounters
from gateway.signalling.negotiation import Candidate
from gateway.signalling.outbox import Ending, Outbox
from gateway.signalling.runner import Runner
from gateway.signalling.session import Client
from gateway.signalling.steps import House

# How long a full stop waits for rows to be deleted and for clients to be told.
FAREWELL_S: Final = 2.0
# What a client hears while the datapath is away. Never 401, 403 or 404: those end a call for good.
AWAY_SENTENCE: Final = "The gateway cannot carry media at the moment: try again in a few seconds."
FULL_SENTENCE: Final = "The gateway holds as many rooms as it may: try again later."


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Not now; the sentence is for the client. HTTP status 503."""

    cause: str
    sentence: str


class Attendance:
    """One client's place in a room, as its socket sees it. Its first message is there."""

    def __init__(self, sid: str, runner: Runner, outbox: Outbox) -> None:
        self.sid = sid
        self.outbox = outbox
        self._runner = runner

    def handle_request(self, request: rtc.SignalRequest) -> None:
        """The client said something."""
        self._runner.handle_request(self.sid, request)

    def handle_socket_closed(self) -> None:
        """The socket is gone, whoever closed it."""
        self._runner.handle_socket_closed(self.sid)


class SignallingService:
    """All rooms. Subscribes to the datapath when made."""

    def __init__(
        self,
        datapath: Datapath,
        clock: Clock,
        *,
        keys: Mapping[str, str],
        candidates: Callable[[pb.Hello], Sequence[Candidate]],
        signalling: Signalling,
        rooms: Rooms,
    ) -> None:
        self.counters = SignallingCounters()
        self.audited = Audit()  # the newest
        self._datapath = datapath
        self._clock = clock
        self._keys = keys
        self._candidates_of = candidates
        self._signalling = signalling
        self._rooms = rooms
        self._row_ids = RowIds()
        self._room_numbers = RowIds()
        self._boot_id = b""
        self._house: House | None = None
        self._workers = 1
        self._by_name: dict[str, Runner] = {}
        self._by_number: dict[int, Runner] = {}
        self._orphaned_outboxes: list[Outbox] = []  # of a boot that is gone; still to be told
        self._stopping = False
        self._log = logs.get()
        datapath.subscribe(self)

    # ------------------------------------------------------------------------------- clients

    async def join(
        self, grant: Grant, client: Client, opening: Sequence[rtc.SignalRequest] = ()
    ) -> Attendance | Refuse | Unavailable:
        """Let the bearer of a verified grant in. Returns when its first message is there.

        `opening` is what it asks for in the same breath.

        Waits for a datapath that is away, and begins again when it has been replaced meanwhile.
        """
        outcome: Attendance | Refuse | Unavailable
        try:
            async with asyncio.timeout(self._signalling.join_timeout_s):
                outcome = await self._join(grant, client, opening)
        except (TimeoutError, DatapathAway):
            outcome = Unavailable("datapath_away", AWAY_SENTENCE)
        self.counters.joins[_result(outcome)] += 1
        return outcome

    def handle_resume_attempt(self, grant: Grant) -> rtc.SignalResponse:
        """A client wants to go on with its session; the answer is its first and last message."""
        runner = self._by_name.get(grant.room)
        if runner is not None:
            runner.handle_resume_attempt(grant.identity)
        self.counters.joins["resume_refused"] += 1
        return messages.leave(LeaveReason.STATE_MISMATCH, departures.RECONNECT)

    def sessions(self) -> int:
        """Clients with a socket, now."""
        return sum(len(runner.outboxes) for runner in self._by_number.values())

    def participants(self) -> int:
        """Participants in all rooms, now; those without a socket too."""
        return sum(len(runner.conference.room.participants) for runner in self._by_number.values())

    def rooms(self) -> int:
        """Rooms with somebody in them, now."""
        return len(self._by_name)

    async def audit(self) -> Audit:
        """Compares what the datapath holds with what the rooms want. Raises DatapathAway."""
        self.audited = await audit(self._datapath, self._by_number)
        self.counters.audits += 1
        if self.audited.missing_rows or self.audited.surplus_rows:
            self._log.error("audit_failed", **asdict(self.audited))
        return self.audited

    # ------------------------------------------------------------------------------ datapath

    async def on_connected(self, hello: pb.Hello, dump: Dumped, new_boot: bool) -> None:
        """A datapath was found: go on with it, or find out what it carries, or begin anew."""
        if new_boot or (self._boot_id and hello.boot_id != self._boot_id):
            self._begin_anew()
        self._boot_id = hello.boot_id
        self._workers = max(1, hello.workers)
        self._row_ids.raise_floor(dump.highest_id())
        self._room_numbers.raise_floor(max((row.room for row in dump.rows), default=0))
        self._house = self._make_house(hello)
        await self._compare(dump)
        self.on_facts(dump.facts)
        await self._tell_orphaned()

    def on_facts(self, facts: Sequence[pb.Facts]) -> None:
        """News of rows, to the rooms that have them."""
        by_room: dict[int, list[pb.Facts]] = defaultdict(list)
        for fact in facts:
            by_room[fact.room].append(fact)
        for number, of_room in by_room.items():
            runner = self._by_number.get(number)
            if runner is not None:
                runner.handle_facts(of_room)

    def on_lost(self) -> None:
        """Steps and joins wait by themselves."""
        self._log.warning("datapath_lost", rooms=len(self._by_number))

    # ---------------------------------------------------------------------------------- stop

    async def stop(self, *, farewell: bool) -> None:
        """End all sessions. With a farewell calls end; without one they go on without us.

        A farewell tells every client, deletes every row, and takes FAREWELL_S at most.
        """
        self._stopping = True
        runners = list(self._by_number.values())
        if farewell:
            for runner in runners:
                runner.farewell(LeaveReason.SERVER_SHUTDOWN)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    for runner in runners:
                        await runner.drained()
        for runner in runners:
            runner.drop(Ending.RESTART)
            self._forget(runner)

    # -------------------------------------------------------------------------------- inside

    async def _join(
        self, grant: Grant, client: Client, opening: Sequence[rtc.SignalRequest]
    ) -> Attendance | Refuse | Unavailable:
        while not self._stopping:
            await self._datapath.wait_ready(self._signalling.join_timeout_s)
            runner = self._runner_for(grant.room)
            if runner is None:
                return Unavailable("gateway_full", FULL_SENTENCE)
            outcome = runner.join(grant, client, opening)
            if isinstance(outcome, Refuse):
                return outcome
            attendance = Attendance(outcome[0], runner, outcome[1])
            if await self._begun(attendance):
                return attendance
        return Unavailable("datapath_away", AWAY_SENTENCE)

    async def _begun(self, attendance: Attendance) -> bool:
        """Wait for the first message. A client that is not waited for any longer never came."""
        begun = False
        try:
            begun = await attendance.outbox.begun()
        finally:
            if not begun:
                attendance.handle_socket_closed()
        return begun

    def _runner_for(self, name: str) -> Runner | None:
        """The room of that name, made if it is not there; None if there may be no more."""
        runner = self._by_name.get(name)
        if runner is not None:
            return runner
        if self._house is None or len(self._by_name) >= self._rooms.max_rooms:
            return None
        number = self._room_numbers.next()
        room = Room(sid=new_sid("RM_"), name=name, created_s=self._clock.wall_s())
        place = Place(number, number % self._workers)
        return self._run(Conference(room, place, self._house))

    def _run(self, conference: Conference) -> Runner:
        runner = Runner(conference, self._datapath, self._clock, self.counters, self._forget)
        self._by_name[conference.room.name] = runner
        self._by_number[conference.place.room] = runner
        return runner

    def _forget(self, runner: Runner) -> None:
        if self._by_number.pop(runner.conference.place.room, None) is not None:
            self._by_name.pop(runner.conference.room.name, None)

    def _make_house(self, hello: pb.Hello) -> House:
        return House(
            row_ids=self._row_ids,
            new_ssrc=lambda: secrets.randbits(32),
            fingerprints=tuple(Fingerprint(f.algorithm, f.value) for f in hello.fingerprints),
            candidates=tuple(self._candidates_of(hello)),
            refresh=lambda grant, now: refresh(grant, self._keys, now.wall_s),
            limits=Limits(participants=self._rooms.max_participants),
            counters=self.counters,
            settings=self._signalling,
            node=hello.boot_id.hex()[:8],
        )

    # ---------------------------------------------------------------- inside: after a meeting

    def _begin_anew(self) -> None:
        """The rows of all calls are gone: clients are told when the new datapath takes rows."""
        for runner in list(self._by_number.values()):
            self._orphaned_outboxes += runner.drop(Ending.DROPPED).values()
            self._forget(runner)
        self._log.warning("calls_dropped", sessions=len(self._orphaned_outboxes))

    async def _tell_orphaned(self) -> None:
        """Leave goes out once this controller's first Apply counts, not before."""
        if not self._orphaned_outboxes:
            return
        with contextlib.suppress(DatapathError):  # away again: the next meeting tries again
            await self._datapath.apply(0, (), ())
            outboxes, self._orphaned_outboxes = self._orphaned_outboxes, []
            leave = messages.leave(LeaveReason.STATE_MISMATCH, departures.RECONNECT)
            for outbox in outboxes:
                _tell_last(outbox, leave)

    async def _compare(self, dump: Dumped) -> None:
        """Rooms that we run ask for what the dump lacks; rooms that we do not know are rebuilt."""
        rows: dict[int, list[pb.Row]] = defaultdict(list)
        for row in dump.rows:
            if row.room:
                rows[row.room].append(row)
        for number, runner in self._by_number.items():
            runner.resync(rows.pop(number, []))
        unknown = [row for of_room in rows.values() for row in of_room]
        await self._rebuild(unknown)

    async def _rebuild(self, rows: Sequence[pb.Row]) -> None:
        if self._house is None or not rows:
            return
        now = Moment(self._clock.monotonic_ns(), self._clock.wall_s())
        rebuilt, lost = rebuild(rows)
        for found in rebuilt:
            if found.room.name in self._by_name:  # two rooms of one name: ours is newer
                lost[found.place.room] = [row.id for row in found.rows]
            else:
                self._run(Conference.rebuilt(found, self._house, now))
        for number, row_ids in lost.items():
            await self._datapath.apply(number, (), row_ids)
        self._log.info("rooms_rebuilt", rooms=len(rebuilt), lost=len(lost))


def _result(outcome: Attendance | Refuse | Unavailable) -> str:
    match outcome:
        case Attendance():
            return "joined"
        case Refuse(cause=cause):
            return str(cause)
        case Unavailable(cause=cause):
            return cause


def _tell_last(outbox: Outbox, message: rtc.SignalResponse) -> None:
    """A session whose first message never left has nobody to tell: its join begins again."""
    if outbox.has_begun:
        outbox.put(message.SerializeToString())
    outbox.end(Ending.DROPPED)
