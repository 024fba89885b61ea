"""The shell around the rooms, on a datapath in memory: waiting, dying, coming back, stopping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from livekit.protocol import models, rtc

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.fake import FakeDatapath
from gateway.rooms.admission import Refuse
from gateway.settings.model import Rooms, Signalling
from gateway.sfu.rows import difference
from gateway.signalling.outbox import Ended, Ending
from gateway.signalling.service import Attendance, SignallingService, Unavailable
from gateway.signalling.session import Client
from tests.signalling import parts
from tests.signalling.conversation import a_grant

# A join that finds no datapath need not be waited for in full.
SETTINGS = Signalling().model_copy(update={"join_timeout_s": 0.3})


class Guest:
    """A client on its outbox."""

    def __init__(self, attendance: Attendance) -> None:
        self.attendance = attendance

    @property
    def sid(self) -> str:
        return self.attendance.sid

    async def hear(self, kind: str) -> Any:
        """The next message of that kind; others before it are passed over."""
        while True:
            item = await self.attendance.outbox.next()
            assert not isinstance(item, Ended), item
            message = rtc.SignalResponse.FromString(item)
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)

    async def ending(self) -> Ending:
        while not isinstance(item := await self.attendance.outbox.next(), Ended):
            pass
        return item.ending

    def say(self, **message: Any) -> None:
        self.attendance.handle_request(rtc.SignalRequest(**message))

    async def publish(self, cid: str = "mic") -> None:
        self.publish_in_vain(cid)
        await self.hear("answer")

    def publish_in_vain(self, cid: str) -> None:
        self.say(
            add_track=rtc.AddTrackRequest(cid=cid, type=models.AUDIO, source=models.MICROPHONE)
        )
        sdp = parts.an_offer(parts.audio("0", cid), parts.data("1"))
        self.say(offer=rtc.SessionDescription(type="offer", sdp=sdp, id=1))

    async def answer(self) -> None:
        offer = await self.hear("offer")
        self.say(
            answer=rtc.SessionDescription(type="answer", sdp=parts.mirrored(offer.sdp), id=offer.id)
        )


def a_service(datapath: FakeDatapath, rooms: Rooms | None = None) -> SignallingService:
    return SignallingService(
        datapath,
        datapath.clock,
        keys={"platform": "a secret of at least thirty-two bytes"},
        candidates=lambda _hello: parts.CANDIDATES,
        signalling=SETTINGS,
        rooms=rooms or Rooms(),
    )


@pytest.fixture
def datapath() -> FakeDatapath:
    return FakeDatapath(workers=2)


@pytest.fixture
async def service(datapath: FakeDatapath) -> AsyncIterator[SignallingService]:
    made = a_service(datapath)
    await datapath.connect()
    yield made
    await made.stop(farewell=False)


async def join(service: SignallingService, identity: str, **grant: Any) -> Guest:
    outcome = await service.join(a_grant(identity, **grant), Client(protocol=17))
    assert isinstance(outcome, Attendance), outcome
    return Guest(outcome)


def table(datapath: FakeDatapath) -> dict[int, pb.Row]:
    """The rows of all rooms."""
    return {row_id: row for row_id, row in datapath.rows.items() if row.room}


def transports(datapath: FakeDatapath) -> list[int]:
    return [row.id for row in table(datapath).values() if row.HasField("transport")]


def kinds(datapath: FakeDatapath) -> list[str]:
    """Of rows that carry media."""
    found = (row.WhichOneof("kind") or "" for row in table(datapath).values())
    return sorted(kind for kind in found if kind != "data_channel")


async def settled(datapath: FakeDatapath) -> None:
    """Everything that is under way without anybody's help is done."""
    for _ in range(50):
        await asyncio.sleep(0)


async def a_call(service: SignallingService, datapath: FakeDatapath) -> tuple[Guest, Guest]:
    doctor = await join(service, "doctor")
    await doctor.answer()
    patient = await join(service, "patient")
    await patient.answer()
    for row in transports(datapath):
        datapath.transport_up(row)
    await patient.publish()
    await doctor.answer()
    await settled(datapath)
    assert kinds(datapath) == ["leg", "stream", "transport", "transport", "transport"]
    return doctor, patient


# -------------------------------------------------------------------------------------- joining


async def test_a_join_returns_with_the_join_response_in_hand(service: SignallingService) -> None:
    doctor = await join(service, "doctor")
    assert (await doctor.hear("join")).participant.sid == doctor.sid
    assert (await doctor.hear("refresh_token")).count(".") == 2
    assert service.counters.joins == {"joined": 1}


async def test_the_join_response_waits_for_its_rows(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    datapath.hold()
    joining = asyncio.create_task(join(service, "doctor"))
    await settled(datapath)
    assert not joining.done()
    datapath.let_go()
    await joining


async def test_an_answer_waits_for_its_rows(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor = await join(service, "doctor")
    datapath.hold()
    publishing = asyncio.create_task(doctor.publish())
    await settled(datapath)
    assert not publishing.done()
    datapath.let_go()
    await publishing


async def test_a_room_stays_on_one_worker_and_rooms_spread_over_them(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    for room in ("a", "b"):
        for identity in ("doctor", "patient"):
            await join(service, identity, room=room)
    rows = table(datapath).values()
    assert {(row.room, row.worker) for row in rows} == {(1, 1), (2, 0)}


async def test_a_room_is_forgotten_when_the_last_one_has_left(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor = await join(service, "doctor")
    assert service.rooms() == service.sessions() == service.participants() == 1
    doctor.say(leave=rtc.LeaveRequest())
    assert await doctor.ending() is Ending.DONE
    doctor.attendance.handle_socket_closed()
    await settled(datapath)
    assert service.rooms() == service.sessions() == service.participants() == 0
    assert not table(datapath)


async def test_more_rooms_than_allowed_are_refused_until_there_is_space(
    datapath: FakeDatapath,
) -> None:
    service = a_service(datapath, Rooms(max_rooms=1))
    await datapath.connect()
    await join(service, "doctor", room="a")
    outcome = await service.join(a_grant("patient", room="b"), Client())
    assert isinstance(outcome, Unavailable)
    await join(service, "patient", room="a")
    await service.stop(farewell=False)


async def test_a_full_room_refuses(datapath: FakeDatapath) -> None:
    service = a_service(datapath, Rooms(max_participants=1))
    await datapath.connect()
    await join(service, "doctor")
    assert isinstance(await service.join(a_grant("patient"), Client()), Refuse)
    await service.stop(farewell=False)


# ----------------------------------------------------------------------- the datapath goes away


async def test_without_a_datapath_a_join_is_unavailable_after_its_time() -> None:
    service = a_service(FakeDatapath())
    outcome = await service.join(a_grant("doctor"), Client())
    assert isinstance(outcome, Unavailable)
    assert service.counters.joins == {"datapath_away": 1}


async def test_a_join_waits_for_a_datapath_that_comes_in_time() -> None:
    datapath = FakeDatapath()
    service = a_service(datapath)
    joining = asyncio.create_task(join(service, "doctor"))
    await settled(datapath)
    await datapath.connect()
    await joining
    await service.stop(farewell=False)


async def test_a_join_that_is_given_up_leaves_nothing(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    datapath.hold()
    assert isinstance(await service.join(a_grant("doctor"), Client()), Unavailable)
    datapath.let_go()
    await settled(datapath)
    assert not table(datapath)
    assert service.rooms() == 0


async def test_a_join_begun_on_one_boot_ends_on_the_next(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    datapath.hold()
    joining = asyncio.create_task(join(service, "doctor"))
    await settled(datapath)
    datapath.die()
    datapath.let_go()
    await datapath.connect()
    doctor = await joining
    await doctor.hear("join")
    assert kinds(datapath) == ["transport"]


async def test_a_new_boot_calls_every_client_back_once_its_first_apply_counts(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    guests = await a_call(service, datapath)
    datapath.die()
    await settled(datapath)
    assert not guests[0].attendance.outbox.ended
    await datapath.connect()
    for guest in guests:
        leave = await guest.hear("leave")
        assert leave.action == rtc.LeaveRequest.RECONNECT
        assert await guest.ending() is Ending.DROPPED
    assert service.rooms() == 0
    assert not table(datapath)
    await join(service, "doctor")


async def test_what_happens_while_the_connection_is_lost_is_asked_for_afterwards(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor, patient = await a_call(service, datapath)
    datapath.lose()
    doctor.say(leave=rtc.LeaveRequest())
    patient.say(ping=1)
    await settled(datapath)
    assert len(transports(datapath)) == 3
    await datapath.connect()
    await patient.hear("pong")
    await settled(datapath)
    assert kinds(datapath) == ["stream", "transport", "transport"]


async def test_an_answer_that_was_waiting_leaves_after_the_connection_is_back(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor = await join(service, "doctor")
    datapath.lose()
    publishing = asyncio.create_task(doctor.publish())
    await settled(datapath)
    assert not publishing.done()
    await datapath.connect()
    await publishing
    assert kinds(datapath) == ["stream", "transport", "transport"]


# ------------------------------------------------------------------- the control plane goes away


async def test_another_control_plane_finds_everything_and_changes_nothing(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    await a_call(service, datapath)
    await service.stop(farewell=False)
    datapath.lose()
    before = table(datapath)
    datapath.changes.clear()
    after = a_service(datapath)
    datapath._listeners.remove(service)
    await datapath.connect()
    await settled(datapath)
    assert table(datapath) == before
    assert not datapath.changes
    assert (after.rooms(), after.participants(), after.sessions()) == (1, 2, 0)
    runner = after._by_name["consultation"]
    dumped = [row for row in (await datapath.dump()).rows if row.room]
    assert difference(runner.conference.desired_rows(), dumped) == ([], [])
    await after.stop(farewell=False)


async def test_who_comes_back_replaces_what_was_left_once_its_path_is_up(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    await a_call(service, datapath)
    await service.stop(farewell=False)
    datapath.lose()
    left = set(transports(datapath))
    datapath._listeners.remove(service)
    after = a_service(datapath)
    await datapath.connect()
    leave = after.handle_resume_attempt(a_grant("patient"))
    assert leave.leave.reason == models.STATE_MISMATCH
    assert leave.leave.action == rtc.LeaveRequest.RECONNECT
    assert set(transports(datapath)) == left, "a refused resume removes nothing"
    patient = await join(after, "patient")
    await patient.answer()
    (own,) = set(transports(datapath)) - left
    assert own > max(left)
    datapath.transport_up(own)
    await settled(datapath)
    assert len(transports(datapath)) == 2
    await after.stop(farewell=False)


async def test_rows_of_a_room_that_cannot_be_read_are_deleted(datapath: FakeDatapath) -> None:
    first = a_service(datapath)
    await datapath.connect()
    await join(first, "doctor")
    await first.stop(farewell=False)
    row = pb.Row()
    row.CopyFrom(next(iter(table(datapath).values())))
    row.transport.note = b"what?"
    await datapath.apply(row.room, [row], [])
    datapath.lose()
    datapath._listeners.remove(first)
    after = a_service(datapath)
    await datapath.connect()
    assert not table(datapath)
    await after.stop(farewell=False)


# ------------------------------------------------------------------------------------- stopping


async def test_a_full_stop_says_leave_and_deletes_every_row(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    guests = await a_call(service, datapath)
    await service.stop(farewell=True)
    for guest in guests:
        leave = await guest.hear("leave")
        assert (leave.reason, leave.action) == (
            models.SERVER_SHUTDOWN,
            rtc.LeaveRequest.DISCONNECT,
        )
        assert await guest.ending() is Ending.DONE
    assert not table(datapath)
    assert isinstance(await service.join(a_grant("doctor"), Client()), Unavailable)


async def test_a_client_hears_leave_before_its_transports_close(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor, _ = await a_call(service, datapath)
    before = table(datapath)
    datapath.hold()
    stopping = asyncio.create_task(service.stop(farewell=True))
    await doctor.hear("leave")
    assert set(table(datapath)) <= set(before)
    assert not stopping.done()
    datapath.let_go()
    await stopping


async def test_an_upgrade_closes_sockets_without_a_leave_and_keeps_every_row(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor, patient = await a_call(service, datapath)
    before = table(datapath)
    await service.stop(farewell=False)
    assert await doctor.ending() is Ending.RESTART
    assert await patient.ending() is Ending.RESTART
    await settled(datapath)
    assert table(datapath) == before


# ------------------------------------------------------------------------------------- trouble


async def test_a_refused_row_costs_one_client_its_session(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor, patient = await a_call(service, datapath)
    nurse = await join(service, "nurse")
    row = max(transports(datapath))
    datapath.refuse_next(row=row)
    await nurse.answer()
    assert (await nurse.hear("leave")).action == rtc.LeaveRequest.RECONNECT
    await settled(datapath)
    assert kinds(datapath) == ["leg", "stream", "transport", "transport", "transport"]
    assert not doctor.attendance.outbox.ended
    assert not patient.attendance.outbox.ended
    assert service.counters.rows_refused == {"LIMIT": 1}


async def test_a_room_whose_rows_are_refused_again_and_again_is_given_up(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor = await join(service, "doctor")
    for _ in range(4):
        datapath.refuse_next()
    await doctor.answer()
    assert (await doctor.hear("leave")).action == rtc.LeaveRequest.RECONNECT
    await settled(datapath)
    assert service.rooms() == 0
    assert not table(datapath)


async def test_a_fault_of_ours_costs_one_room_its_sessions(
    service: SignallingService, datapath: FakeDatapath, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor, patient = await a_call(service, datapath)
    other = await join(service, "other", room="elsewhere")
    apply = datapath.apply

    async def fail_to_put(room: int, puts: Sequence[pb.Row], deletes: Sequence[int]) -> None:
        if puts:
            raise RuntimeError("a fault")
        await apply(room, puts, deletes)

    monkeypatch.setattr(datapath, "apply", fail_to_put)
    patient.publish_in_vain("mic2")
    assert await doctor.ending() is Ending.RESTART
    assert await patient.ending() is Ending.RESTART
    await settled(datapath)
    assert kinds(datapath) == ["transport"]
    assert not other.attendance.outbox.ended
    patient.attendance.handle_socket_closed()
    monkeypatch.undo()
    await join(service, "patient")


async def test_a_client_that_does_not_read_loses_its_socket_and_nobody_waits(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    doctor, patient = await a_call(service, datapath)
    for _ in range(600):
        patient.say(ping=1)
    await settled(datapath)
    assert await patient.ending() is Ending.OVERFLOW
    assert not doctor.attendance.outbox.ended
