"""Runner: the shell around one conference. Takes steps in order, keeps its timer, fills outboxes.

Rows before signals: a step's signals are delivered when the datapath has acknowledged its rows, and
no step overtakes another. While the datapath is away steps wait. Decides nothing about rooms.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from livekit.protocol import rtc

from gateway import logs
from gateway.auth.grant import Grant
from gateway.clock import Clock
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.port import Datapath, DatapathAway, Fenced, RowsRefused
from gateway.errors import DatapathError
from gateway.rooms.admission import Refuse
from gateway.rooms.moment import NS_PER_S, Moment
from gateway.rooms.participant import LeaveReason
from gateway.signalling.conference import Conference
from gateway.signalling.counters import SignallingCounters
from gateway.signalling.outbox import Ending, Outbox
from gateway.signalling.session import Client
from gateway.signalling.steps import Close, Signal, Step, Tell

# How long one wait for the datapath lasts before it is begun again; nothing depends on it.
WAIT_S: Final = 30.0
# Refusals in a row after which a room is given up. Each one costs its cause the call first.
MAX_REFUSALS: Final = 3


class Runner:
    """One room at work."""

    def __init__(
        self,
        conference: Conference,
        datapath: Datapath,
        clock: Clock,
        counters: SignallingCounters,
        on_idle: Callable[[Runner], None],
    ) -> None:
        self.conference = conference
        self.outboxes: dict[str, Outbox] = {}
        self._datapath = datapath
        self._clock = clock
        self._counters = counters
        self._on_idle = on_idle
        self._pending: deque[Step] = deque()
        self._work = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ns = 0
        self._steps = 0
        self._refusals = 0
        self._dropped = False
        self._log = logs.get().bind(room=conference.room.sid)
        self._collect()
        self._task = asyncio.create_task(self._run())

    # ---------------------------------------------------------------------------------- input

    def join(
        self, grant: Grant, client: Client, opening: Iterable[rtc.SignalRequest]
    ) -> tuple[str, Outbox] | Refuse:
        """Let somebody in; the outbox begins with the JoinResponse, once its rows hold."""
        outcome = self.conference.join(grant, client, self._now(), opening)
        if isinstance(outcome, Refuse):
            return outcome
        outbox = self.outboxes[outcome.sid] = Outbox()
        self._collect()
        return outcome.sid, outbox

    def handle_request(self, sid: str, request: rtc.SignalRequest) -> None:
        """A message of a client."""
        self.conference.handle_request(sid, request, self._now())
        self._collect()

    def handle_socket_closed(self, sid: str) -> None:
        """A client's socket is gone."""
        self.outboxes.pop(sid, None)
        self.conference.handle_socket_closed(sid, self._now())
        self._collect()

    def handle_resume_attempt(self, identity: str) -> None:
        """A client tries to go on with a session."""
        self.conference.handle_resume_attempt(identity, self._now())
        self._collect()

    def handle_facts(self, facts: Sequence[pb.Facts]) -> None:
        """News of rows of this room."""
        self.conference.handle_facts(facts, self._now())
        self._collect()

    def resync(self, dumped: Iterable[pb.Row]) -> None:
        """The datapath was away and is the same as before: ask for what it lacks.

        Rows of steps that were waiting are part of that; what they say is said afterwards.
        """
        self.conference.resync(dumped)
        self._ask_anew()

    def farewell(self, reason: LeaveReason) -> None:
        """Send everybody away and delete the rows; `drained` tells when that is done."""
        self.conference.farewell(reason, reconnect=False)
        self._collect()

    @property
    def settled(self) -> int | None:
        """How many steps there were so far; None while one of them is not taken yet.

        As long as it does not change, the table holds what the room wants.
        """
        return None if self._pending or self._dropped else self._steps

    # ----------------------------------------------------------------------------------- ends

    async def drained(self) -> None:
        """Returns when the conference is over and its last step has been taken."""
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(self._task)

    def drop(self, ending: Ending) -> dict[str, Outbox]:
        """Stop at once, leaving rows as they are. Returns the outboxes.

        They are ended too, unless their state was dropped: then their clients are still to be told.
        What sockets say from now on changes nothing.
        """
        self._dropped = True
        if asyncio.current_task() is not self._task:
            self._task.cancel()
        if self._alarm is not None:
            self._alarm.cancel()
        outboxes, self.outboxes = self.outboxes, {}
        for outbox in outboxes.values():
            if ending is not Ending.DROPPED:
                outbox.end(ending)
        return outboxes

    # --------------------------------------------------------------------------------- inside

    def _now(self) -> Moment:
        return Moment(self._clock.monotonic_ns(), self._clock.wall_s())

    def _collect(self) -> None:
        """After every input: take over its steps and look at the timer."""
        if self._dropped:
            return
        while (step := self.conference.poll_step()) is not None:
            self._pending.append(step)
            self._steps += 1
        self._work.set()
        self._set_alarm()

    def _set_alarm(self) -> None:
        """One alarm, set anew only for something earlier: an early one looks again and goes on."""
        due_ns = self.conference.poll_timeout()
        if due_ns is None or (self._alarm is not None and self._alarm_ns <= due_ns):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        delay_s = max(0.0, (due_ns - self._clock.monotonic_ns()) / NS_PER_S)
        self._alarm_ns = due_ns
        self._alarm = asyncio.get_running_loop().call_later(delay_s, self._handle_alarm)

    def _handle_alarm(self) -> None:
        self._alarm = None
        self.conference.handle_timeout(self._now())
        self._collect()

    async def _run(self) -> None:
        """Until nobody is left. A fault of ours costs this room its sessions, no other its own."""
        try:
            while not (self.conference.is_empty and not self._pending):
                if self._pending:
                    await self._take(self._pending[0])
                else:
                    self._work.clear()
                    await self._work.wait()
        except Exception as fault:
            self._log.error("room_failed", exc_info=fault)
            self.drop(Ending.RESTART)
            with contextlib.suppress(DatapathError):
                ids = sorted(self.conference.row_ids())
                await self._datapath.apply(self.conference.place.room, (), ids)
        if self._alarm is not None:
            self._alarm.cancel()
        self._on_idle(self)

    async def _take(self, step: Step) -> None:
        """Apply and deliver one step. It stays in the queue until it is done."""
        self._deliver(step.before)  # again after a wait: what follows a Leave is dropped
        if step.has_rows:
            try:
                await self._datapath.apply(step.room, step.puts, step.deletes)
            except RowsRefused as refused:
                self._handle_refusal(refused)
                return
            except Fenced:  # another controller has the table; this process is about to end
                await asyncio.sleep(WAIT_S)
                return
            except DatapathAway:
                with contextlib.suppress(DatapathAway):
                    await self._datapath.wait_ready(WAIT_S)
                return
            self._refusals = 0
        if self._pending and self._pending[0] is step:  # else a resync has replaced it
            self._pending.popleft()
            self._deliver(step.then)
            for remark in step.remarks:
                says = {"says": remark.says} if remark.says else {}
                self._log.info(remark.event, participant=remark.sid, **says)

    def _handle_refusal(self, refused: RowsRefused) -> None:
        self._counters.rows_refused[refused.reason_name] += 1
        self._log.error("rows_refused", row=refused.row, says=str(refused))
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            self._give_up()
        else:
            self.conference.handle_refusal(refused.row)
            self._ask_anew()

    def _give_up(self) -> None:
        """The room cannot be carried as it stands: its clients are told to come anew."""
        self._pending = deque(replace(step, puts=(), deletes=()) for step in self._pending)
        self.conference.farewell(LeaveReason.STATE_MISMATCH, reconnect=True)
        self._collect()

    def _ask_anew(self) -> None:
        """The newest step holds every row that is wanted; older ones keep only what they say."""
        waiting = [replace(step, puts=(), deletes=()) for step in self._pending]
        self._pending.clear()
        while (step := self.conference.poll_step()) is not None:
            self._steps += 1
            self._pending.append(replace(step, then=(), remarks=()))
            waiting.append(replace(step, before=(), puts=(), deletes=()))
        self._pending.extend(waiting)
        self._collect()

    def _deliver(self, signals: Iterable[Signal]) -> None:
        for signal in signals:
            outbox = self.outboxes.get(signal.sid)
            if outbox is None:
                continue
            match signal:
                case Tell(message=message):
                    outbox.put(message.SerializeToString())
                case Close():
                    outbox.end(Ending.DONE)
