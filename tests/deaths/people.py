"""A person in a consultation: joins, is heard and seen, hears and sees, and comes back when told.

Made of the probe's client (aiortc), which keeps its peer connections when its socket is lost. What
it receives stands in two timelines, whichever of its transports and whichever track brought it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from livekit.protocol import rtc

from gateway.probe import content
from gateway.probe.participant import Participant
from gateway.probe.tracks import FRAMES_PER_S, PictureTrack, ToneTrack
from tests.deaths.timeline import Timeline, Wakefulness, awake, now_s
from tests.integration.tokens import token

# Far enough apart that neither passes for the other within 20 ms.
TONES_HZ = (440, 1_000)


class Person:
    """One identity in one room, over any number of sessions. Sends one tone, expects the other."""

    def __init__(
        self,
        url: str,
        identity: str,
        room: str,
        tones_hz: tuple[int, int],
        wakefulness: Wakefulness,
    ) -> None:
        self.identity = identity
        self.hears = Timeline(f"{identity} hears the other's tone", wakefulness)
        self.sees = Timeline(f"{identity} sees the other's pictures", wakefulness)
        self._url = url
        self._token = token(identity, room)
        self._own_hz, self._other_hz = tones_hz
        self._sessions: list[Participant] = []
        self._senses: set[asyncio.Task[None]] = set()

    @property
    def session(self) -> Participant:
        """The newest session."""
        return self._sessions[-1]

    async def join(self) -> None:
        """Joins and publishes; returns when both have been agreed."""
        session = Participant(self._url, self._token, self._attend, outlives_signalling=True)
        await session.__aenter__()
        self._sessions.append(session)
        await session.publish(ToneTrack(self._own_hz), "tone")
        await session.publish(PictureTrack(), "pictures")

    async def rejoin(self, *, closes_first: bool) -> float:
        """Comes anew, as the same identity; the moment at which it began to.

        SDKs close their old transports first. Who keeps them hears on until the new ones are up.
        """
        old = self.session
        began_s = now_s()
        if closes_first:
            await old.__aexit__()
        await self.join()
        if not closes_first:
            await self.session.connected(self.session.subscriber)
            await old.__aexit__()
        return began_s

    async def until_socket_lost(self) -> rtc.LeaveRequest | None:
        """Returns when the gateway is not heard any more; the Leave, if it said one."""
        session = self.session
        await session.until(lambda: session.signalling_ended, "the end of the socket")
        return session.left

    def cut_socket(self) -> None:
        """The network drops the connection: nobody says goodbye."""
        response = self.session._joined()._response
        assert response.connection is not None
        assert response.connection.transport is not None
        response.connection.transport.abort()

    async def until_transports_closed(self) -> None:
        """Returns when the gateway has closed both connections with a close_notify."""
        session = self.session
        for connection in (session.publisher, session.subscriber):
            await session.until(
                lambda: connection.connectionState == "closed",  # noqa: B023 - awaited here
                f"{self.identity} to hear close_notify",
            )

    async def until_received(self, since_s: float, timeout_s: float = 10.0) -> float:
        """The moment at which both the other's tone and picture have arrived after `since_s`."""
        return max(
            await self.hears.until_after(since_s, timeout_s),
            await self.sees.until_after(since_s, timeout_s),
        )

    def gap_s(self, since_s: float, until_s: float) -> float:
        """The longest time between two moments without the other's tone, or without its picture."""
        return max(self.hears.gap_s(since_s, until_s), self.sees.gap_s(since_s, until_s))

    def skipped_s(self, since_s: float, until_s: float) -> float:
        """How much of the other's sound, or of its pictures, never arrived."""
        return max(one.skipped_s(since_s, until_s) for one in (self.hears, self.sees))

    async def leave(self) -> None:
        """Leaves with every session that is still open."""
        sessions, self._sessions = self._sessions, []
        for session in sessions:
            await session.__aexit__()
        for task in self._senses:
            task.cancel()
        await asyncio.gather(*self._senses, return_exceptions=True)

    # ---------------------------------------------------------------------------------- inside

    def _attend(self, track: MediaStreamTrack) -> None:
        sense = self._listen(track) if track.kind == "audio" else self._watch(track)
        task = asyncio.ensure_future(sense)
        self._senses.add(task)
        task.add_done_callback(self._senses.discard)

    async def _listen(self, track: MediaStreamTrack) -> None:
        due: int | None = None
        while (frame := await _next_frame(track)) is not None:
            assert isinstance(frame, AudioFrame)
            assert frame.pts is not None
            skipped = 0 if due is None else frame.pts - due
            due = frame.pts + frame.samples
            samples = content.mono_samples(frame)
            if content.has_tone(samples, frame.sample_rate, self._other_hz):
                self.hears.add(skipped / frame.sample_rate)

    async def _watch(self, track: MediaStreamTrack) -> None:
        last: int | None = None
        while (frame := await _next_frame(track)) is not None:
            assert isinstance(frame, VideoFrame)
            number = content.number_of(frame)
            if number is not None and number != last:
                skipped = 0 if last is None else (number - last) % content.NUMBERS - 1
                self.sees.add(skipped / FRAMES_PER_S)
                last = number


async def _next_frame(track: MediaStreamTrack) -> object | None:
    try:
        return await track.recv()
    except MediaStreamError:
        return None


async def both_receive(
    people: tuple[Person, Person], *, after_s: float, timeout_s: float = 10.0
) -> float:
    """The moment at which both have heard and seen the other again after `after_s`."""
    return max(await asyncio.gather(*(one.until_received(after_s, timeout_s) for one in people)))


@asynccontextmanager
async def consultation(url: str, room: str) -> AsyncIterator[tuple[Person, Person]]:
    """A doctor and a patient who hear and see each other. They leave at the end."""
    async with awake() as wakefulness, AsyncExitStack() as leaving:
        doctor = Person(url, "doctor", room, TONES_HZ, wakefulness)
        patient = Person(url, "patient", room, (TONES_HZ[1], TONES_HZ[0]), wakefulness)
        for person in (doctor, patient):
            leaving.push_async_callback(person.leave)
        await asyncio.gather(doctor.join(), patient.join())
        await both_receive((doctor, patient), after_s=now_s())
        yield doctor, patient
