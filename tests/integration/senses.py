"""What a participant heard and saw, with the moment: judged by content, whoever decoded it."""

import asyncio
import itertools
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from gateway.probe import content
from tests.integration.waiting import Changes

# Sound is judged in blocks of 100 ms: a resolution of 10 Hz.
BLOCK_MS = 100
# Share of a block's energy that must lie within 20 Hz of its strongest frequency.
TONE_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Block:
    """100 ms of sound. `hz` is 0 when no tone stands out."""

    at_s: float
    hz: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture of ours."""

    at_s: float
    number: int
    width: int
    timestamp: int  # as the decoder gave it


@dataclass
class Ear:
    """Sound of one track."""

    blocks: list[Block] = field(default_factory=list)
    _waiting: list[NDArray[np.int16]] = field(default_factory=list)

    def take(self, samples: NDArray[np.int16], rate_hz: int) -> bool:
        """Takes mono samples; True when a block was judged."""
        self._waiting.append(samples)
        block = rate_hz * BLOCK_MS // 1000
        if sum(map(len, self._waiting)) < block:
            return False
        together = np.concatenate(self._waiting)
        self._waiting = [together[block:]]
        self.blocks.append(Block(_now_s(), tone_of(together[:block], rate_hz)))
        return True

    @property
    def listened_ms(self) -> int:
        """How much sound there was, tone or not."""
        return BLOCK_MS * len(self.blocks)

    def heard_ms(self, hz: int) -> int:
        """How long that tone was heard."""
        return BLOCK_MS * sum(1 for block in self.blocks if abs(block.hz - hz) <= BLOCK_MS // 10)

    def longest_gap_s(self, hz: int) -> float:
        """The longest time between two moments at which the tone was heard."""
        return _longest_gap_s([b.at_s for b in self.blocks if abs(b.hz - hz) <= BLOCK_MS // 10])


@dataclass
class Eye:
    """Pictures of one track. `strange` counts those that carry no number of ours."""

    pictures: list[Picture] = field(default_factory=list)
    strange: int = 0

    def take(self, frame: VideoFrame) -> None:
        """Takes a decoded yuv420p picture."""
        number = content.number_of(frame)
        if number is None:
            self.strange += 1
        elif not self.pictures or self.pictures[-1].number != number:
            self.pictures.append(Picture(_now_s(), number, frame.width, frame.pts or 0))

    @property
    def seen(self) -> int:
        """How many different pictures."""
        return len(self.pictures)

    @property
    def share_seen(self) -> float:
        """Of the pictures between the first and the last one seen, how many were seen."""
        first, last = self.pictures[0].number, self.pictures[-1].number
        return self.seen / (last - first + 1)

    @property
    def is_in_order(self) -> bool:
        """Whether the numbers only grew."""
        numbers = [picture.number for picture in self.pictures]
        return numbers == sorted(set(numbers))

    def longest_gap_s(self) -> float:
        """The longest time between two pictures."""
        return _longest_gap_s([picture.at_s for picture in self.pictures])


class Senses:
    """Ears and eyes of a participant; tracks are named by their sid."""

    def __init__(self) -> None:
        self.changes = Changes()
        self._ears: dict[str, Ear] = defaultdict(Ear)
        self._eyes: dict[str, Eye] = defaultdict(Eye)

    def ear(self, sid: str) -> Ear:
        """What was heard of a track."""
        return self._ears[sid]

    def eye(self, sid: str) -> Eye:
        """What was seen of a track."""
        return self._eyes[sid]

    async def hear(self, sid: str, hz: int, ms: int = 300) -> Ear:
        """Returns when a tone was heard for so long altogether."""
        ear = self.ear(sid)
        await self.changes.until(lambda: ear.heard_ms(hz) >= ms, f"{ms} ms of {hz} Hz")
        return ear

    async def see(self, sid: str, more: int = 5, *, timeout_s: float = 15.0) -> Eye:
        """Returns when that many more pictures were seen."""
        eye = self.eye(sid)
        goal = eye.seen + more
        await self.changes.until(lambda: eye.seen >= goal, f"{more} more pictures", timeout_s)
        return eye

    def forget(self) -> None:
        """What was heard and seen before is of no interest."""
        for ear in self._ears.values():
            ear.blocks.clear()
        for eye in self._eyes.values():
            eye.pictures.clear()
            eye.strange = 0


def tone_of(samples: NDArray[np.int16], rate_hz: int) -> int:
    """The frequency at which most of the energy lies, 0 if there is none such."""
    values = samples.astype(np.float64) / 32_768
    if float(np.mean(values**2)) < content.SILENCE:
        return 0
    energy = np.abs(np.fft.rfft(values * np.hanning(len(values)))) ** 2
    peak = int(np.argmax(energy))
    around = energy[max(0, peak - 2) : peak + 3].sum()
    return round(peak * rate_hz / len(values)) if around > TONE_SHARE * energy.sum() else 0


def _longest_gap_s(moments: list[float]) -> float:
    return max((after - at for at, after in itertools.pairwise(moments)), default=0.0)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
