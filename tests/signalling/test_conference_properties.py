"""Whatever people do, in whatever order: the table is what the oracle says, and can be rebuilt.

`Hall.flush` checks after every step that rows refer to rows that exist, that no id comes back, and
that the table equals `desired_rows`; `Guest.knows` that versions grow.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.protocol import rtc

from gateway.sfu.rows import difference
from tests.signalling.conversation import Guest, Hall

PEOPLE = ("doctor", "patient", "nurse")


class Story:
    """Three people and a clock. Each step takes a number to choose by; impossible ones pass."""

    def __init__(self) -> None:
        self.hall = Hall()
        self.guests: list[Guest] = []
        self.offers: dict[str, list[str]] = {}

    def guest(self, choice: int) -> Guest | None:
        here = [guest for guest in self.guests if guest.socket_open]
        return here[choice % len(here)] if here else None

    def join(self, choice: int) -> None:
        guest = self.hall.join(PEOPLE[choice % len(PEOPLE)])
        self.guests.append(guest)
        self.offers[guest.sid] = []

    def answer(self, choice: int) -> None:
        guest = self.guest(choice)
        if guest is not None:
            guest.answer()

    def publish(self, choice: int) -> None:
        guest = self.guest(choice)
        if guest is not None:
            cids = self.offers[guest.sid]
            cids.append(f"{'mic' if choice % 2 else 'cam'}{len(cids)}")
            guest.announce(cids[-1])
            guest.offer(*cids, offer_id=len(cids))

    def unpublish(self, choice: int) -> None:
        guest = self.guest(choice)
        if guest is not None and self.offers[guest.sid]:
            cids = self.offers[guest.sid]
            guest.offer(*cids, gone=(cids[choice % len(cids)],))

    def choose(self, choice: int) -> None:
        guest, tracks = self.guest(choice), self.tracks()
        if guest is not None and tracks:
            guest.say(
                subscription=rtc.UpdateSubscription(
                    track_sids=[tracks[choice % len(tracks)]], subscribe=bool(choice & 8)
                )
            )

    def mute(self, choice: int) -> None:
        guest, tracks = self.guest(choice), self.tracks()
        if guest is not None and tracks:
            sid = tracks[choice % len(tracks)]
            guest.say(mute=rtc.MuteTrackRequest(sid=sid, muted=bool(choice & 4)))

    def tracks(self) -> list[str]:
        people = self.hall.conference.room.participants.values()
        return [sid for person in people for sid in person.tracks]

    def path(self, choice: int) -> None:
        guest = self.guests[choice % len(self.guests)] if self.guests else None
        rows = guest.transports() if guest is not None else []
        if guest is not None and rows:
            happens: list[Callable[[int], None]] = [guest.path_up] * 4
            happens += [guest.path_lost, guest.path_closed]
            happens[(choice // 7) % len(happens)](choice % len(rows))

    def lose_socket(self, choice: int) -> None:
        guest = self.guest(choice)
        if guest is not None:
            guest.lose_socket()

    def leave(self, choice: int) -> None:
        guest = self.guest(choice)
        if guest is not None:
            guest.leave()

    def resume(self, choice: int) -> None:
        identity = PEOPLE[choice % len(PEOPLE)]
        self.hall.conference.handle_resume_attempt(identity, self.hall.now)
        self.hall.flush()

    def wait(self, choice: int) -> None:
        self.hall.pass_time((1, 4, 10, 61)[choice % 4])

    def lose_rows(self, choice: int) -> None:
        """The connection to the datapath was lost, and with it perhaps a row."""
        table = self.hall.table
        if table.rows and choice % 3 == 0:
            table._delete(sorted(table.rows)[choice % len(table.rows)])
        self.hall.conference.resync(table.dumped())
        table.used -= set(self.hall.conference.desired_rows()) - set(table.rows)
        self.hall.flush()

    def die(self, _choice: int) -> None:
        """The control plane is killed and comes back: nobody has a socket any more."""
        if not self.hall.conference.is_empty:
            self.hall = self.hall.dies()
            self.guests, self.offers = [], {}

    def refuse(self, choice: int) -> None:
        rows = sorted(self.hall.table.rows)
        if rows:
            self.hall.conference.handle_refusal(rows[choice % len(rows)])
            self.hall.flush()


STEPS = [name for name in vars(Story) if name not in {"guest", "tracks"} and name[0] != "_"]
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1000)), max_size=40)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_the_table_is_what_the_oracle_says_and_can_be_rebuilt(
    told: list[tuple[str, int]],
) -> None:
    story = Story()
    for name, choice in told:
        getattr(story, name)(choice)
    for guest in story.guests:
        guest.knows()
    conference = story.hall.conference
    seen = [p.identity for p in conference.room.participants.values() if not p.waits_for]
    assert len(seen) == len(set(seen)), "of one identity the others see one"
    assert difference(conference.desired_rows(), story.hall.table.dumped()) == ([], [])
    if conference.is_empty:
        assert not story.hall.table.rows
    else:
        after = story.hall.dies()
        assert after.conference.desired_rows() == conference.desired_rows()
        assert after.conference.room == conference.room
        after.pass_time(61)
        assert not after.table.rows


@settings(max_examples=100, deadline=None)
@given(steps)
def test_everybody_who_answers_receives_everybody_else(told: list[tuple[str, int]]) -> None:
    calm = {"join", "publish", "unpublish", "answer", "mute", "path", "wait"}
    story = Story()
    for name, choice in told:
        if name in calm and not (name == "path" and (choice // 7) % 6 > 3):
            getattr(story, name)(choice)
    here = [guest for guest in story.guests if guest.socket_open]
    for guest in here:
        guest.settle()
    for guest in here:
        others = [other for other in here if other is not guest]
        published = sum(
            len(story.hall.conference.room.participants[other.sid].published) for other in others
        )
        assert len(guest.legs()) == published
        assert set(guest.knows()) == {
            story.hall.conference.room.participants[other.sid].identity for other in others
        }
