"""The media that a probing participant sends, and what it makes of the media it receives."""

import asyncio
import fractions
from collections.abc import Callable
from typing import Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from gateway.probe import content

FRAMES_PER_S: Final = 20
VIDEO_CLOCK_HZ: Final = 90_000
# Samples that are judged together: 100 ms.
JUDGED_SAMPLES: Final = 4_800


class ToneTrack(MediaStreamTrack):
    """A sine, 20 ms a frame, in real time."""

    kind = "audio"

    def __init__(self, frequency_hz: int) -> None:
        super().__init__()
        self._frequency_hz = frequency_hz
        self._samples = 0
        self._start_s: float | None = None

    async def recv(self) -> AudioFrame:
        """The next frame, when it is due."""
        due_s = self._samples / content.SAMPLE_RATE_HZ
        self._start_s = await _wait_until(self._start_s, due_s)
        frame = content.tone_block(self._frequency_hz, self._samples)
        self._samples += content.SAMPLES_PER_FRAME
        return frame


class PictureTrack(MediaStreamTrack):
    """Numbered pictures, 20 a second, in real time."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._start_s: float | None = None

    async def recv(self) -> VideoFrame:
        """The next picture, when it is due."""
        self._start_s = await _wait_until(self._start_s, self._number / FRAMES_PER_S)
        frame = content.picture(self._number)
        frame.pts = self._number * VIDEO_CLOCK_HZ // FRAMES_PER_S
        frame.time_base = fractions.Fraction(1, VIDEO_CLOCK_HZ)
        self._number += 1
        return frame


class Ear:
    """Listens to a received track for a tone. `heard_ms` grows while it is there."""

    def __init__(self, frequency_hz: int, on_first: Callable[[], None]) -> None:
        self.heard_ms = 0
        self._frequency_hz = frequency_hz
        self._on_first = on_first
        self._samples: list[float] = []

    async def listen(self, track: MediaStreamTrack) -> None:
        """Until the track ends."""
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, AudioFrame):
                    self._take(frame)
        except MediaStreamError:
            return

    def _take(self, frame: AudioFrame) -> None:
        self._samples += content.mono_samples(frame)
        if len(self._samples) < JUDGED_SAMPLES:
            return
        if content.has_tone(self._samples, frame.sample_rate, self._frequency_hz):
            if not self.heard_ms:
                self._on_first()
            self.heard_ms += len(self._samples) * 1000 // frame.sample_rate
        self._samples = []


class Eye:
    """Looks at a received track for our pictures. `seen` counts those whose number is new."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        self.seen = 0
        self.strange = 0
        self._on_first = on_first
        self._last: int | None = None

    async def watch(self, track: MediaStreamTrack) -> None:
        """Until the track ends."""
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, VideoFrame):
                    self._take(frame)
        except MediaStreamError:
            return

    def _take(self, frame: VideoFrame) -> None:
        number = content.number_of(frame)
        if number is None:
            self.strange += 1
        elif number != self._last:
            if not self.seen:
                self._on_first()
            self.seen += 1
            self._last = number


async def _wait_until(start_s: float | None, due_s: float) -> float:
    """Sleeps until `due_s` after the start, which is now if there was none; returns the start."""
    now_s = asyncio.get_running_loop().time()
    if start_s is None:
        return now_s
    await asyncio.sleep(max(0.0, start_s + due_s - now_s))
    return start_s
