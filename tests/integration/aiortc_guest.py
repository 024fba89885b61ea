"""A participant made of the probe's client (aiortc), with what it heard and saw.

A second WebRTC stack beside libwebrtc, and one whose inside a test may look into.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
from aiortc import MediaStreamTrack, RTCRtpReceiver, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.stats import RTCRemoteInboundRtpStreamStats
from av import AudioFrame, VideoFrame
from livekit.protocol import models, rtc
from numpy.typing import NDArray

from gateway.probe.participant import Participant, ProbeError
from gateway.probe.tracks import PictureTrack, ToneTrack
from tests.integration.senses import Senses


class Guest(Senses):
    """The probe's client with senses. Tracks are named by their sid."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self.participant = Participant(url, token, self._attend)
        self.path_up_s = 0.0  # when its subscriber connection came up
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.published: dict[str, MediaStreamTrack] = {}
        self._senses: set[asyncio.Task[None]] = set()
        self.participant.subscriber.on("connectionstatechange", self._note_path)

    async def publish_tone(self, hz: int) -> str:
        """Publishes a sine; the track's sid."""
        return await self.publish(ToneTrack(hz), "tone")

    async def publish_picture(self) -> str:
        """Publishes numbered pictures; the track's sid."""
        return await self.publish(PictureTrack(), "pictures")

    async def publish(self, track: MediaStreamTrack, name: str) -> str:
        """Publishes a track; its sid."""
        info = await self.participant.publish(track, name)
        self.published[info.sid] = track
        return info.sid

    async def unpublish(self, sid: str) -> None:
        """Stops publishing a track."""
        await self.participant.unpublish(self.published.pop(sid))

    async def ask(self, **request: object) -> None:
        """Sends a request of the client protocol that the probe itself has no use for."""
        await self.participant._send(rtc.SignalRequest(**request))  # type: ignore[arg-type]

    async def until_other(self, identity: str, tracks: int = 0) -> models.ParticipantInfo:
        """Another participant, as soon as the roster has it with that many tracks."""

        def found() -> models.ParticipantInfo | None:
            others = self.participant.others.values()
            return next(
                (one for one in others if one.identity == identity and len(one.tracks) >= tracks),
                None,
            )

        await self.participant.until(lambda: found() is not None, f"{identity} in the roster")
        other = found()
        assert other is not None
        return other

    async def until_sent_away(self) -> rtc.LeaveRequest:
        """The Leave that the gateway sends."""
        try:
            await self.participant.until(lambda: self.participant.left is not None, "a Leave")
        except ProbeError:
            if self.participant.left is None:
                raise
        assert self.participant.left is not None
        return self.participant.left

    def sender_of(self, sid: str) -> RTCRtpSender:
        """What sends a track of its own."""
        senders = self.participant.publisher.getSenders()
        return next(one for one in senders if one.track is self.published[sid])

    def decline_rtx(self) -> None:
        """From now on it is as if nobody had offered it RTX."""
        connection = self.participant.subscriber
        take = connection.setRemoteDescription

        async def take_without(sessionDescription: RTCSessionDescription) -> None:
            await take(
                RTCSessionDescription(without_rtx(sessionDescription.sdp), sessionDescription.type)
            )

        connection.setRemoteDescription = take_without  # type: ignore[method-assign]

    def receiver_of(self, sid: str) -> RTCRtpReceiver:
        """What receives a track of another."""
        receivers = self.participant.subscriber.getReceivers()
        return next(one for one in receivers if one.track is self.tracks[sid])

    async def ask_key_frame(self, sid: str) -> None:
        """Sends a PLI for a received track."""
        receiver = self.receiver_of(sid)
        (source, *_) = receiver.getSynchronizationSources()
        await receiver._send_rtcp_pli(source.source)

    async def until_reported(
        self, sid: str, condition: Callable[[RTCRemoteInboundRtpStreamStats], bool]
    ) -> RTCRemoteInboundRtpStreamStats:
        """What the gateway reports about a track of its own, as soon as the condition holds."""
        sender = self.sender_of(sid)
        async with asyncio.timeout(10):
            while True:
                for one in (await sender.getStats()).values():
                    if isinstance(one, RTCRemoteInboundRtpStreamStats) and condition(one):
                        return one
                await asyncio.sleep(0.05)

    def close_senses(self) -> None:
        """Looks and listens no longer."""
        for task in self._senses:
            task.cancel()

    # ---------------------------------------------------------------------------------- inside

    def _note_path(self) -> None:
        if self.participant.subscriber.connectionState == "connected" and not self.path_up_s:
            self.path_up_s = asyncio.get_running_loop().time()
        self.changes.tell()

    def _attend(self, track: MediaStreamTrack) -> None:
        self.tracks[track.id] = track
        task = asyncio.ensure_future(self._sense(track))
        self._senses.add(task)
        task.add_done_callback(self._senses.discard)
        self.changes.tell()

    async def _sense(self, track: MediaStreamTrack) -> None:
        ear, eye = self._ears[track.id], self._eyes[track.id]
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, AudioFrame):
                    ear.take(samples_of(frame), frame.sample_rate)
                elif isinstance(frame, VideoFrame):
                    eye.take(frame)
                self.changes.tell()
        except MediaStreamError:
            return


@asynccontextmanager
async def guest(url: str, token: str) -> AsyncIterator[Guest]:
    """Joins, and leaves at the end. `url` begins with http://."""
    joining = Guest(url, token)
    try:
        async with joining.participant:
            yield joining
    finally:
        joining.close_senses()


def samples_of(frame: AudioFrame) -> NDArray[np.int16]:
    """The first channel of a decoded frame."""
    channels = len(frame.layout.channels) if frame.format.is_packed else 1
    return frame.to_ndarray().reshape(-1)[::channels].astype(np.int16)


def without_rtx(sdp: str) -> str:
    """The description without codecs and sources of RFC 4588."""
    for payload_type in re.findall(r"a=rtpmap:(\d+) rtx/", sdp):
        sdp = re.sub(rf"a=(rtpmap|fmtp):{payload_type} [^\r]*\r\n", "", sdp)
        sdp = re.sub(rf"(m=video [^\r]*) {payload_type}\b", r"\1", sdp)
    for repairing in re.findall(r"a=ssrc-group:FID \d+ (\d+)", sdp):
        sdp = re.sub(rf"a=ssrc:{repairing} [^\r]*\r\n", "", sdp)
    return re.sub(r"a=ssrc-group:FID [^\r]*\r\n", "", sdp)
