"""A conference on a fake clock, a table that takes its rows, and guests who talk to it.

After every input the table must equal `desired_rows`: each test is a test of the oracle too.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from livekit.protocol import models, rtc

from gateway.auth import Grant
from gateway.datapath import datapath_pb2 as pb
from gateway.ids import RowIds
from gateway.rooms.admission import Limits, Refuse
from gateway.rooms.moment import Moment
from gateway.rooms.room import Room
from gateway.settings.model import Signalling
from gateway.sfu import notes
from gateway.sfu.rebuild import rebuild
from gateway.sfu.rows import Place, redacted
from gateway.signalling.conference import Conference
from gateway.signalling.counters import SignallingCounters
from gateway.signalling.session import Client
from gateway.signalling.steps import Close, CloseCause, House, Signal, Step, Tell
from tests.signalling import parts

START = Moment(1_000_000_000_000, 1_800_000_000.0)
PLACE = Place(room=1, worker=3)


def a_house(**changes: Any) -> House:
    ssrcs = itertools.count(5000)
    house = House(
        row_ids=RowIds(),
        new_ssrc=lambda: next(ssrcs),
        fingerprints=(parts.FINGERPRINT,),
        candidates=parts.CANDIDATES,
        refresh=lambda grant, now: f"token of {grant.identity} at {now.wall_s:.0f}",
        limits=Limits(),
        counters=SignallingCounters(),
        settings=Signalling(),
        node="n1",
    )
    return replace(house, **changes)


def a_grant(identity: str, **changes: Any) -> Grant:
    fields: dict[str, Any] = {
        "identity": identity,
        "room": "consultation",
        "issuer": "platform",
        "expires_s": 1_900_000_000.0,
        "name": identity.title(),
    }
    return Grant(**(fields | changes))


class Table:
    """The datapath's table as the contract describes it: strict about what rows refer to."""

    def __init__(self) -> None:
        self.rows: dict[int, pb.Row] = {}
        self.used: set[int] = set()

    def apply(self, step: Step) -> None:
        for row_id in step.deletes:
            self._delete(row_id)
        for row in step.puts:
            self._put(row)

    def _put(self, row: pb.Row) -> None:
        assert row.room == PLACE.room
        assert row.worker == PLACE.worker
        assert row.id in self.rows or row.id not in self.used, "an id is never used again"
        match row.WhichOneof("kind"):
            case "data_channel":
                assert self.rows[row.data_channel.transport].HasField("transport")
            case "stream":
                assert self.rows[row.stream.transport].HasField("transport")
            case "leg":
                assert self.rows[row.leg.transport].HasField("transport")
                assert self.rows[row.leg.stream].HasField("stream")
        self.rows[row.id] = row
        self.used.add(row.id)

    def _delete(self, row_id: int) -> None:
        """Deleting a transport deletes what is on it, deleting a stream its legs."""
        gone = {row_id}
        for _ in range(2):
            gone |= {
                row.id
                for row in self.rows.values()
                if (row.HasField("stream") and row.stream.transport in gone)
                or (row.HasField("data_channel") and row.data_channel.transport in gone)
                or (row.HasField("leg") and (row.leg.transport in gone or row.leg.stream in gone))
            }
        for each in gone:
            self.rows.pop(each, None)

    def kinds(self) -> Counter[str]:
        """How many rows there are of each kind that carries media."""
        kinds: Counter[str] = Counter(row.WhichOneof("kind") or "" for row in self.rows.values())
        del kinds["data_channel"]
        return kinds

    def channels(self) -> list[tuple[str, str, bool]]:
        """Data channels: whose, under which label, and whether it delivers or may publish."""
        rows = [row.data_channel for row in self.rows.values() if row.HasField("data_channel")]
        deliver = pb.DataChannel.DELIVER
        return sorted((r.identity, r.label, r.role == deliver or r.may_publish) for r in rows)

    def dumped(self) -> list[pb.Row]:
        return [redacted(row) for row in self.rows.values()]


class Hall:
    """One room, the table, and everybody who was ever in it."""

    def __init__(self, house: House | None = None) -> None:
        self.now = START
        self.house = house or a_house()
        room = Room("RM_test", "consultation", START.wall_s)
        self.conference = Conference(room, PLACE, self.house)
        self.table = Table()
        self.guests: dict[str, Guest] = {}
        self.remarks: list[tuple[str, str]] = []
        self._revision = 0

    def join(self, identity: str, client: Client | None = None, **grant: Any) -> Guest:
        outcome = self.try_to_join(identity, client, **grant)
        assert isinstance(outcome, Guest), outcome
        return outcome

    def try_to_join(
        self, identity: str, client: Client | None = None, **grant: Any
    ) -> Guest | Refuse:
        client = client or Client(protocol=17)
        outcome = self.conference.join(a_grant(identity, **grant), client, self.now)
        if isinstance(outcome, Refuse):
            return outcome
        guest = self.guests[outcome.sid] = Guest(self, outcome.sid)
        self.flush()
        return guest

    def active(self, identity: str, client: Client | None = None, **grant: Any) -> Guest:
        """Somebody who has joined and whose media path is up."""
        guest = self.join(identity, client, **grant)
        guest.answer()
        guest.path_up()
        return guest

    def pass_time(self, seconds: float) -> None:
        """Moves the clock from timer to timer, everybody with a socket sending pings."""
        end = self.now.in_s(seconds)
        while (due := self.conference.poll_timeout()) is not None and due <= end:
            self._set(max(due, self.now.monotonic_ns))
            for guest in self.guests.values():
                if guest.socket_open and guest.pings:
                    guest.say(ping=1)
            self.conference.handle_timeout(self.now)
            self.flush()
        self._set(end)

    def _set(self, monotonic_ns: int) -> None:
        passed_s = (monotonic_ns - self.now.monotonic_ns) / 1e9
        self.now = Moment(monotonic_ns, self.now.wall_s + passed_s)

    def flush(self) -> None:
        while (step := self.conference.poll_step()) is not None:
            self.deliver(step.before)
            self.table.apply(step)
            self.deliver(step.then)
            self.remarks += [(remark.event, remark.says) for remark in step.remarks]
        assert self.table.rows == self.conference.desired_rows()

    def deliver(self, signals: Iterable[Signal]) -> None:
        for signal in signals:
            guest = self.guests[signal.sid]
            assert guest.closed is None, "nothing follows a close"
            match signal:
                case Tell(message=message):
                    guest.heard.append(message)
                case Close(cause=cause):
                    guest.closed = cause

    def facts(self, row: int, facts: pb.TransportFacts) -> None:
        self._revision += 1
        fact = pb.Facts(row=row, revision=self._revision, room=PLACE.room, transport=facts)
        self.conference.handle_facts([fact], self.now)
        self.flush()

    def dies(self) -> Hall:
        """The control plane is killed; another one rebuilds the room from a dump."""
        after = Hall(self.house)
        after.now, after.table, after._revision = self.now, self.table, self._revision
        rebuilt, lost = rebuild(self.table.dumped())
        assert not lost
        after.conference = Conference.rebuilt(rebuilt[0], self.house, self.now)
        return after


class Guest:
    """A client: what it heard, and ways to answer."""

    def __init__(self, hall: Hall, sid: str) -> None:
        self.hall = hall
        self.sid = sid
        self.heard: list[rtc.SignalResponse] = []
        self.closed: CloseCause | None = None
        self.socket_gone = False
        self.pings = True

    @property
    def socket_open(self) -> bool:
        return self.closed is None and not self.socket_gone

    def say(self, **message: Any) -> None:
        request = rtc.SignalRequest(**message)
        self.hall.conference.handle_request(self.sid, request, self.hall.now)
        self.hall.flush()

    def lose_socket(self) -> None:
        self.socket_gone = True
        self.hall.conference.handle_socket_closed(self.sid, self.hall.now)
        self.hall.flush()

    # ------------------------------------------------------------------------------- hearing

    def all(self, kind: str) -> list[Any]:
        return [getattr(m, kind) for m in self.heard if m.WhichOneof("message") == kind]

    def last(self, kind: str) -> Any:
        return self.all(kind)[-1]

    def kinds(self) -> list[str]:
        return [m.WhichOneof("message") or "" for m in self.heard]

    def forget(self) -> None:
        self.heard.clear()

    def knows(self) -> dict[str, models.ParticipantInfo]:
        """The others, as this client has to believe from all it heard; by identity."""
        others: dict[str, models.ParticipantInfo] = {}
        versions: dict[str, int] = {}
        infos = [info for join in self.all("join") for info in join.other_participants]
        infos += [info for update in self.all("update") for info in update.participants]
        for info in infos:
            if info.sid == self.sid:
                continue
            assert info.version > versions.get(info.sid, 0), "versions grow"
            versions[info.sid] = info.version
            if info.state == models.ParticipantInfo.DISCONNECTED:
                others.pop(info.identity, None)
            else:
                others[info.identity] = info
        return others

    # ------------------------------------------------------------------------------- talking

    def publish(self, *cids: str) -> list[str]:
        """Announces tracks ("mic..." or anything else: a camera) and offers them; their sids."""
        for cid in cids:
            self.announce(cid)
        self.offer(*cids)
        return [published.track.sid for published in self.all("track_published")[-len(cids) :]]

    def announce(self, cid: str, **fields: Any) -> None:
        sound = cid.startswith("mic")
        request: dict[str, Any] = {
            "cid": cid,
            "type": models.AUDIO if sound else models.VIDEO,
            "source": models.MICROPHONE if sound else models.CAMERA,
            "name": cid,
        }
        self.say(add_track=rtc.AddTrackRequest(**(request | fields)))

    def offer(self, *cids: str, gone: tuple[str, ...] = (), offer_id: int = 1) -> None:
        sections = [
            (parts.audio if cid.startswith("mic") else parts.video)(
                str(mid), cid, direction="inactive" if cid in gone else "sendonly"
            )
            for mid, cid in enumerate(cids)
        ]
        sdp = parts.an_offer(*sections, parts.data(str(len(cids))))
        self.say(offer=rtc.SessionDescription(type="offer", sdp=sdp, id=offer_id))

    def answer(self, **changes: Any) -> None:
        """Answers the newest offer as a willing client does."""
        offer = self.last("offer")
        answer = {"type": "answer", "sdp": parts.mirrored(offer.sdp), "id": offer.id} | changes
        self.say(answer=rtc.SessionDescription(**answer))

    def settle(self) -> None:
        """Answers until no offer is left."""
        answered = -1
        while self.all("offer") and self.last("offer").id != answered:
            answered = self.last("offer").id
            self.answer()

    def leave(self) -> None:
        self.say(leave=rtc.LeaveRequest(reason=models.CLIENT_INITIATED))

    # --------------------------------------------------------------------------------- facts

    def transports(self) -> list[int]:
        return [
            row.id
            for row in self.hall.table.rows.values()
            if row.HasField("transport") and _noted_sid(row) == self.sid
        ]

    def path_up(self, which: int = 0) -> None:
        self._fact(which, pb.TransportFacts.REACH_UP, pb.TransportFacts.DTLS_CONNECTED)

    def path_lost(self, which: int = 0) -> None:
        self._fact(which, pb.TransportFacts.REACH_LOST, pb.TransportFacts.DTLS_CONNECTED)

    def path_closed(self, which: int = 0) -> None:
        self._fact(which, pb.TransportFacts.REACH_UP, pb.TransportFacts.DTLS_CLOSED)

    def _fact(
        self,
        which: int,
        reach: pb.TransportFacts.Reach.ValueType,
        dtls: pb.TransportFacts.Dtls.ValueType,
    ) -> None:
        facts = pb.TransportFacts(reach=reach, dtls=dtls)
        self.hall.facts(self.transports()[which], facts)

    def legs(self) -> list[pb.Row]:
        own = set(self.transports())
        return [
            row
            for row in self.hall.table.rows.values()
            if row.HasField("leg") and row.leg.transport in own
        ]


def _noted_sid(row: pb.Row) -> str:
    return notes.read(row.transport.note)[0].participant_sid
