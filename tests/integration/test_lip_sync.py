"""Sound and picture of one publisher stay together: sender reports on one clock (gate C).

The publisher's tone changes every second and its picture carries a number, both by one clock. A
receiver puts both on a time line with nothing but what RFC 3550 section 6.4.1 gives it: the RTP
timestamps of the media, and NTP and RTP timestamps of the sender reports.
"""

import asyncio
import fractions
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from av import AudioFrame, VideoFrame

from gateway.probe import content
from gateway.probe.participant import Participant
from gateway.probe.tracks import FRAMES_PER_S, VIDEO_CLOCK_HZ
from tests.integration.aiortc_guest import guest, samples_of
from tests.integration.gateway_process import GatewayProcess
from tests.integration.sdk import SdkParticipant, sdk_participant
from tests.integration.tokens import token
from tests.integration.waiting import Changes

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

# Below this nobody notices (ITU-R BT.1359 has 45 ms as the first threshold).
APART_S = 0.04
# Seconds of content that are compared.
COMPARED = 3
# The pitch of each second: whole periods in 10 ms, so that 10 ms tell which it is.
PITCHES_HZ = tuple(range(400, 2000, 200))
JUDGED = content.SAMPLE_RATE_HZ // 100
# Seconds from 1900, when NTP begins, to 1970.
NTP_EPOCH_S = 2_208_988_800


class Timed(MediaStreamTrack):
    """Gives frames when they are due. `began_s` is when the first was."""

    def __init__(self, frame_s: float) -> None:
        super().__init__()
        self.began_s = 0.0
        self._frame_s = frame_s
        self._count = 0

    async def due(self) -> int:
        """The number of the next frame, when it is due."""
        now_s = asyncio.get_running_loop().time()
        if not self._count:
            self.began_s = now_s
        await asyncio.sleep(max(0.0, self.began_s + self._count * self._frame_s - now_s))
        self._count += 1
        return self._count - 1


class ChangingTone(Timed):
    """A tone of another pitch every second."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__(content.SAMPLES_PER_FRAME / content.SAMPLE_RATE_HZ)

    async def recv(self) -> AudioFrame:
        """20 ms of it."""
        start = await self.due() * content.SAMPLES_PER_FRAME
        second = start // content.SAMPLE_RATE_HZ
        return content.tone_block(PITCHES_HZ[second % len(PITCHES_HZ)], start)


class NumberedPictures(Timed):
    """Pictures whose number divided by their rate is their time."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__(1 / FRAMES_PER_S)

    async def recv(self) -> VideoFrame:
        """The next one."""
        number = await self.due()
        frame = content.picture(number)
        frame.pts = number * VIDEO_CLOCK_HZ // FRAMES_PER_S
        frame.time_base = fractions.Fraction(1, VIDEO_CLOCK_HZ)
        return frame


@dataclass
class TimeLine:
    """When things of one stream were captured, by its sender reports."""

    clock_hz: int
    first_timestamp: int | None = None
    report: tuple[float, int] | None = None  # NTP seconds, RTP timestamp
    seconds: dict[int, int] = field(default_factory=dict)  # of the content -> first pts

    def listen(self, receiver: RTCRtpReceiver) -> None:
        """Notes the first packet and the newest sender report."""
        rtp, rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet

        async def on_rtp(packet: RtpPacket, arrival_time_ms: int) -> None:
            if self.first_timestamp is None and packet.payload:
                self.first_timestamp = packet.timestamp
            await rtp(packet, arrival_time_ms)

        async def on_rtcp(packet: AnyRtcpPacket) -> None:
            if isinstance(packet, RtcpSrPacket):
                info = packet.sender_info
                self.report = (info.ntp_timestamp / 2**32, info.rtp_timestamp)
            await rtcp(packet)

        receiver._handle_rtp_packet = on_rtp  # type: ignore[method-assign]
        receiver._handle_rtcp_packet = on_rtcp  # type: ignore[method-assign]

    def captured_s(self, second: int) -> float:
        """NTP time at which that second of the content began."""
        assert self.report is not None
        assert self.first_timestamp is not None
        ntp_s, timestamp = self.report
        ahead = (self.first_timestamp + self.seconds[second] - timestamp) % 2**32
        ahead -= 2**32 if ahead >= 2**31 else 0
        return ntp_s + ahead / self.clock_hz


class Receiver:
    """Puts one publisher's sound and picture on their time lines."""

    def __init__(self, url: str, given: str) -> None:
        self.changes = Changes()
        self.sound = TimeLine(content.SAMPLE_RATE_HZ)
        self.picture = TimeLine(VIDEO_CLOCK_HZ)
        self.participant = Participant(url, given, self._attend)
        self._tasks: list[asyncio.Task[None]] = []

    def compared(self) -> list[int]:
        """Seconds of the content that are on both time lines. The first ones may be cut."""
        if self.sound.report is None or self.picture.report is None:
            return []
        return sorted(set(self.sound.seconds) & set(self.picture.seconds))[1:]

    def _attend(self, track: MediaStreamTrack) -> None:
        receivers = self.participant.subscriber.getReceivers()
        (receiver,) = (one for one in receivers if one.track is track)
        (self.sound if track.kind == "audio" else self.picture).listen(receiver)
        self._tasks.append(asyncio.ensure_future(self._read(track)))

    async def _read(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, AudioFrame):
                    self._take_sound(frame)
                elif isinstance(frame, VideoFrame):
                    self._take_picture(frame)
                self.changes.tell()
        except MediaStreamError:
            return

    def _take_sound(self, frame: AudioFrame) -> None:
        samples = samples_of(frame).astype(np.float64)
        for at in range(0, len(samples) - JUDGED + 1, JUDGED):
            bins = np.abs(np.fft.rfft(samples[at : at + JUDGED]))
            pitch = int(np.argmax(bins)) * 100
            if pitch in PITCHES_HZ and bins.max() > JUDGED * 1000:
                second = PITCHES_HZ.index(pitch)
                self.sound.seconds.setdefault(second, (frame.pts or 0) + at)

    def _take_picture(self, frame: VideoFrame) -> None:
        number = content.number_of(frame)
        if number is not None and number % FRAMES_PER_S == 0:
            self.picture.seconds.setdefault(number // FRAMES_PER_S, frame.pts or 0)


async def test_sound_and_picture_are_as_far_apart_at_the_receiver_as_at_the_publisher(
    house: GatewayProcess, room: str
) -> None:
    receiver = Receiver(house.http, token("patient", room))
    async with receiver.participant, guest(house.http, token("doctor", room)) as doctor:
        tone, pictures = ChangingTone(), NumberedPictures()
        await doctor.publish(tone, "tone")
        await doctor.publish(pictures, "pictures")
        await receiver.changes.until(
            lambda: len(receiver.compared()) >= COMPARED, "sound, picture and reports", 15
        )
        apart_s = tone.began_s - pictures.began_s
        for second in receiver.compared():
            estimate_s = receiver.sound.captured_s(second) - receiver.picture.captured_s(second)
            assert abs(estimate_s - apart_s) < APART_S
        # One NTP base, and it is the time of day: recordings and other streams can be aligned.
        newest = receiver.picture.captured_s(receiver.compared()[-1])
        assert abs(newest - NTP_EPOCH_S - time.time()) < 5


async def test_the_sdk_plays_sound_and_picture_of_one_publisher_on_one_time_base(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        await doctor.publish_tone(440)
        await doctor.publish_picture()
        played = await playout_of(patient)
        assert abs(played["audio"] - played["video"]) < 0.2
        assert abs(played["audio"] - NTP_EPOCH_S - time.time()) < 2
        reports = await patient.stats("remote_outbound_rtp")
        assert {one.stream.kind for one in reports} == {"audio", "video"}
        for report in reports:
            assert abs(report.remote_outbound.remote_timestamp / 1000 - time.time()) < 5


async def playout_of(who: SdkParticipant) -> dict[str, float]:
    """NTP seconds of what is being played, by kind, once both are known (libwebrtc's estimate)."""
    async with asyncio.timeout(15):
        while True:
            inbound = await who.stats("inbound_rtp")
            played = {
                one.stream.kind: one.inbound.estimated_playout_timestamp / 1000
                for one in inbound
                if one.inbound.estimated_playout_timestamp
            }
            if len(played) == 2:
                return played
            await asyncio.sleep(0.1)
