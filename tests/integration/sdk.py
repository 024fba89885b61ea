"""A participant made of PyPI `livekit`: an unmodified client SDK, which decides all by itself.

The SDK speaks version 1 of the client protocol unless told otherwise. Its WebRTC is libwebrtc.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from av import VideoFrame
from livekit import rtc
from livekit.rtc.room import EventTypes

from gateway.probe import content
from tests.integration.senses import Ear, Eye, Senses

PICTURES_PER_S = 20
# What the SDK tells that tests look at.
EVENTS: tuple[EventTypes, ...] = (
    "participant_connected",
    "participant_disconnected",
    "participant_active",
    "track_published",
    "track_unpublished",
    "track_subscribed",
    "track_unsubscribed",
    "track_muted",
    "track_unmuted",
    "participant_metadata_changed",
    "participant_attributes_changed",
    "disconnected",
    "reconnecting",
)


class SdkParticipant(Senses):
    """One room of the SDK, with what it told and what it received."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        super().__init__()
        self.told: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.connected_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        for name in EVENTS:
            self.room.on(name, self._note(name))

    # ------------------------------------------------------------------------------ publishing

    async def publish_tone(self, hz: int, **options: Any) -> str:
        """Publishes a sine as its microphone; the track's sid."""
        source = rtc.AudioSource(content.SAMPLE_RATE_HZ, 1, queue_size_ms=100)
        track = rtc.LocalAudioTrack.create_audio_track(f"tone of {hz} Hz", source)
        given: dict[str, Any] = {"source": rtc.TrackSource.SOURCE_MICROPHONE, **options}
        publication = await self.room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(**given)
        )
        self._start(_play(source, hz))
        return publication.sid

    async def publish_picture(self, *, simulcast: bool | None = False, **options: Any) -> str:
        """Publishes numbered pictures as its camera; the track's sid. None: the SDK's default."""
        source = rtc.VideoSource(content.WIDTH, content.HEIGHT)
        track = rtc.LocalVideoTrack.create_video_track("pictures", source)
        given: dict[str, Any] = {"source": rtc.TrackSource.SOURCE_CAMERA, **options}
        if simulcast is not None:
            given |= {"simulcast": simulcast, "video_codec": rtc.VideoCodec.VP8}
        publication = await self.room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(**given)
        )
        self._start(_show(source))
        return publication.sid

    # ------------------------------------------------------------------------------- receiving

    @property
    def ears(self) -> Mapping[str, Ear]:
        """What was heard of every track so far, by sid."""
        return self._ears

    async def stats(self, kind: str) -> list[Any]:
        """The SDK's statistics of that kind (libwebrtc's names), of both connections."""
        stats = await self.room.get_rtc_stats()
        every = [*stats.publisher_stats, *stats.subscriber_stats]
        return [getattr(one, kind) for one in every if one.WhichOneof("stats") == kind]

    async def until_told(self, name: EventTypes, count: int = 1) -> tuple[Any, ...]:
        """The arguments of the `count`-th event of that name."""
        await self.changes.until(lambda: len(self.told[name]) >= count, f"{count} {name}")
        return self.told[name][count - 1]

    # ---------------------------------------------------------------------------------- inside

    def _note(self, name: EventTypes) -> Any:
        def note(*arguments: Any) -> None:
            self.told[name].append(arguments)
            if name == "track_subscribed":
                self._attend(*arguments)
            self.changes.tell()

        return note

    def _attend(
        self, track: rtc.RemoteTrack, publication: rtc.RemoteTrackPublication, *_: Any
    ) -> None:
        if isinstance(track, rtc.RemoteAudioTrack):
            self._start(self._listen(track, self.ear(publication.sid)))
        elif isinstance(track, rtc.RemoteVideoTrack):
            self._start(self._watch(track, self.eye(publication.sid)))

    async def _listen(self, track: rtc.RemoteAudioTrack, ear: Ear) -> None:
        stream = rtc.AudioStream(track, sample_rate=content.SAMPLE_RATE_HZ, num_channels=1)
        async with contextlib.aclosing(stream):
            async for event in stream:
                samples = np.frombuffer(event.frame.data, np.int16)
                if ear.take(samples, event.frame.sample_rate):
                    self.changes.tell()

    async def _watch(self, track: rtc.RemoteVideoTrack, eye: Eye) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        async with contextlib.aclosing(stream):
            async for event in stream:
                frame = event.frame
                planes = np.frombuffer(frame.data, np.uint8)
                decoded = VideoFrame.from_ndarray(
                    planes.reshape(frame.height * 3 // 2, frame.width), format="yuv420p"
                )
                decoded.pts = event.timestamp_us
                eye.take(decoded)
                self.changes.tell()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _leave(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.room.disconnect()


@asynccontextmanager
async def sdk_participant(
    url: str, token: str, *, auto_subscribe: bool = True, single: bool = True
) -> AsyncIterator[SdkParticipant]:
    """Joins with the SDK's defaults and leaves at the end. `url` begins with ws://.

    `single`: one connection (version 1 of the client protocol) or two (version 0).
    """
    participant = SdkParticipant()
    options = rtc.RoomOptions(auto_subscribe=auto_subscribe, single_peer_connection=single)
    try:
        await participant.room.connect(url, token, options)
        participant.connected_s = asyncio.get_running_loop().time()
        yield participant
    finally:
        await participant._leave()


async def _play(source: rtc.AudioSource, hz: int) -> None:
    """A sine until it is cancelled; the source's queue keeps the time."""
    start = 0
    while True:
        block = content.tone_block(hz, start)
        samples = bytes(block.planes[0])[: 2 * block.samples]
        await source.capture_frame(
            rtc.AudioFrame(samples, content.SAMPLE_RATE_HZ, 1, block.samples)
        )
        start += block.samples


async def _show(source: rtc.VideoSource) -> None:
    """Numbered pictures in real time until it is cancelled."""
    began_s, number = asyncio.get_running_loop().time(), 0
    while True:
        planes = content.picture(number).to_ndarray().tobytes()
        frame = rtc.VideoFrame(content.WIDTH, content.HEIGHT, rtc.VideoBufferType.I420, planes)
        source.capture_frame(frame, timestamp_us=number * 1_000_000 // PICTURES_PER_S)
        number += 1
        due_s = began_s + number / PICTURES_PER_S
        await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
