"""What the probe sends and how it recognises it: a tone, and a picture that carries its number.

The picture: a grid of 4 by 4 black or white cells over the left half, 12 bits of frame number and 4
bits of check, most significant first; on the right half a grey bar that moves. Cells are large, so
that any codec at any quality leaves them readable; the check tells a wrong picture from a
right one.
"""

import fractions
import math
from typing import Final

from av import AudioFrame, VideoFrame

WIDTH: Final = 640
HEIGHT: Final = 360
CELL_WIDTH: Final = WIDTH // 8
CELL_HEIGHT: Final = HEIGHT // 4
NUMBERS: Final = 1 << 12

SAMPLE_RATE_HZ: Final = 48_000
SAMPLES_PER_FRAME: Final = 960
# Share of a block's energy that must lie at the tone's frequency. Opus at speech rates leaves more
# than 0.9; noise or silence gives less than 0.1.
TONE_SHARE: Final = 0.6
# Below this mean square (of samples in -1..1) a block is silence.
SILENCE: Final = 1e-5


def tone_block(frequency_hz: int, start: int) -> AudioFrame:
    """20 ms of a sine at a third of full scale, `start` samples into it; mono, s16, 48 kHz."""
    step = 2 * math.pi * frequency_hz / SAMPLE_RATE_HZ
    values = (int(10_000 * math.sin(step * (start + n))) for n in range(SAMPLES_PER_FRAME))
    frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES_PER_FRAME)
    frame.planes[0].update(b"".join(value.to_bytes(2, "little", signed=True) for value in values))
    frame.sample_rate = SAMPLE_RATE_HZ
    frame.pts = start
    frame.time_base = fractions.Fraction(1, SAMPLE_RATE_HZ)
    return frame


def has_tone(samples: list[float], rate_hz: int, frequency_hz: int) -> bool:
    """Whether most of the energy of these samples (-1..1) lies at that frequency (Goertzel)."""
    energy = sum(value * value for value in samples)
    if not samples or energy / len(samples) < SILENCE:
        return False
    turn = 2 * math.cos(2 * math.pi * frequency_hz / rate_hz)
    before = last = 0.0
    for value in samples:
        before, last = last, value + turn * last - before
    power = before * before + last * last - turn * before * last
    return 2 * power / len(samples) > TONE_SHARE * energy


def mono_samples(frame: AudioFrame) -> list[float]:
    """The first channel of a decoded s16 frame, -1..1."""
    step = 2 * (len(frame.layout.channels) if frame.format.is_packed else 1)
    data = bytes(frame.planes[0])[: frame.samples * step]
    ends = range(0, len(data) - 1, step)
    return [int.from_bytes(data[at : at + 2], "little", signed=True) / 32_768 for at in ends]


def picture(number: int) -> VideoFrame:
    """The picture of that number (modulo 4096), yuv420p, 640 by 360."""
    code = _with_check(number % NUMBERS)
    cells = [(code >> (15 - cell)) & 1 for cell in range(16)]
    bar = number * 8 % (WIDTH // 2 - 32)
    right = bytearray(b"\x30" * (WIDTH // 2))
    right[bar : bar + 32] = b"\x90" * 32
    luma = bytearray()
    for row in range(4):
        left = b"".join(
            (b"\xeb" if cell else b"\x10") * CELL_WIDTH for cell in cells[4 * row : 4 * row + 4]
        )
        luma += (left + bytes(right)) * CELL_HEIGHT
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    _fill(frame, 0, bytes(luma), WIDTH)
    for plane in (1, 2):
        _fill(frame, plane, b"\x80" * (WIDTH // 2 * HEIGHT // 2), WIDTH // 2)
    return frame


def number_of(frame: VideoFrame) -> int | None:
    """The number a decoded picture carries, None if it is not one of ours. Any size, yuv420p."""
    plane = frame.planes[0]
    data = memoryview(plane)
    code = 0
    for cell in range(16):
        row, column = divmod(cell, 4)
        y = (2 * row + 1) * frame.height // 8
        x = (2 * column + 1) * frame.width // 16
        around = [
            data[(y + dy) * plane.line_size + x + dx] for dy in (-2, 0, 2) for dx in (-2, 0, 2)
        ]
        code = code << 1 | (sum(around) > 128 * len(around))
    number = code >> 4
    return number if _with_check(number) == code else None


def _with_check(number: int) -> int:
    """12 bits of number and, of its three hexadecimal digits, the sum plus 5 modulo 16: neither an
    all black nor an all white picture passes."""
    digits = (number >> 8) + (number >> 4 & 15) + (number & 15)
    return number << 4 | (digits + 5) % 16


def _fill(frame: VideoFrame, index: int, data: bytes, width: int) -> None:
    """Copies rows of `width` bytes into a plane, whose lines may be longer."""
    plane = frame.planes[index]
    pad = bytes(plane.line_size - width)
    plane.update(b"".join(data[at : at + width] + pad for at in range(0, len(data), width)))
