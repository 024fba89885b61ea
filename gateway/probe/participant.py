"""A participant: the LiveKit client protocol (dialect v0, two peer connections) over aiortc.

It joins, publishes tracks, accepts what the gateway offers, and hands received tracks on. It is a
client like any other: it knows nothing of the gateway's inside. It does not reconnect by itself: a
probe wants to see that something broke. One that `outlives_signalling` keeps its peer connections
when its socket is lost or the gateway says Leave, and whoever drives it decides what comes next.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode

import aiohttp
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from livekit.protocol import models, rtc

from gateway.probe import addresses

JOIN_TIMEOUT_S: Final = 10.0
# What we say we speak; the gateway advertises the same.
PROTOCOL: Final = 17

T = TypeVar("T")
OnTrack = Callable[[MediaStreamTrack], None]


class ProbeError(Exception):
    """A call did not come about; the text says at which step and why."""


class Refused(ProbeError):
    """The gateway answered with an HTTP status instead of a WebSocket."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the gateway refused with status {status}")


class Participant:
    """One client. Use as an async context manager: leaving it leaves the room."""

    def __init__(
        self, url: str, token: str, on_track: OnTrack, *, outlives_signalling: bool = False
    ) -> None:
        """`url` is the gateway's HTTP address, "http://127.0.0.1:7880"."""
        self.sid = ""
        self.others: dict[str, models.ParticipantInfo] = {}
        self.left: rtc.LeaveRequest | None = None
        self.signalling_ended = False
        self.close_code: int | None = None
        self.publisher = _connection()
        self.subscriber = _connection()
        self._url = url
        self._token = token
        self._on_track = on_track
        self._outlives_signalling = outlives_signalling
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathering: set[asyncio.Future[None]] = set()
        self._answers: asyncio.Queue[rtc.SessionDescription] = asyncio.Queue()
        self._published: dict[str, asyncio.Future[models.TrackInfo]] = {}
        self._failure: BaseException | None = None
        self._offers = 0
        self._answered = False
        self._changed = asyncio.Condition()
        for connection in (self.publisher, self.subscriber):
            connection.on("connectionstatechange", self._tell_change)
        self.subscriber.on("track", on_track)

    async def __aenter__(self) -> Self:
        try:
            await self._join()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.signalling_ended:
            with contextlib.suppress(ConnectionError):
                await self._send(rtc.SignalRequest(leave=rtc.LeaveRequest()))
        await self._close()

    async def publish(self, track: MediaStreamTrack, name: str) -> models.TrackInfo:
        """Announces a track and negotiates it; returns the gateway's name for it."""
        if self._offers:
            await self.connected(self.publisher)  # see _answer; a new track makes it "connecting"
        is_audio = track.kind == "audio"
        source = models.TrackSource.MICROPHONE if is_audio else models.TrackSource.CAMERA
        kind = models.TrackType.AUDIO if is_audio else models.TrackType.VIDEO
        promise = asyncio.get_running_loop().create_future()
        self._published[track.id] = promise
        await self._send(
            rtc.SignalRequest(
                add_track=rtc.AddTrackRequest(cid=track.id, name=name, type=kind, source=source)
            )
        )
        self.publisher.addTrack(track)
        info: models.TrackInfo = await self._or_failure(promise, f"the gateway to accept {name}")
        await self._offer()
        return info

    async def mute(self, sid: str, *, muted: bool) -> None:
        """Tells the gateway that a track is muted or not; media goes on."""
        await self._send(rtc.SignalRequest(mute=rtc.MuteTrackRequest(sid=sid, muted=muted)))

    async def unpublish(self, track: MediaStreamTrack) -> None:
        """Stops sending a track and negotiates its section away."""
        for transceiver in self.publisher.getTransceivers():
            if transceiver.sender.track is track:
                transceiver.sender.replaceTrack(None)
                transceiver.direction = "inactive"
        await self._offer()

    async def resume(self) -> rtc.SignalResponse:
        """Asks to go on with this session on a new socket; what the gateway says first.

        The socket is closed after that. Raises ProbeError when the gateway refuses or is not there.
        """
        async with aiohttp.ClientSession() as http:
            socket = await self._connect(http, {"reconnect": 1, "sid": self.sid})
            try:
                return await _first_message(socket)
            finally:
                await socket.close()

    async def connected(self, connection: RTCPeerConnection) -> None:
        """Until ICE and DTLS of that connection are up."""
        await self.until(lambda: connection.connectionState == "connected", "ICE and DTLS")

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Until `condition` holds; it is looked at whenever something happens."""

        async def wait() -> None:
            async with self._changed:
                await self._changed.wait_for(lambda: self._failure is not None or condition())

        await self._or_failure(asyncio.ensure_future(wait()), what)
        if self._failure is not None:
            raise ProbeError(str(self._failure)) from self._failure

    def tell_change(self) -> None:
        """Something that `until` waits for may have changed."""
        self._tell_change()

    async def _join(self) -> None:
        addresses.use()
        self._http = aiohttp.ClientSession()
        self._socket = await self._connect(self._http, {"auto_subscribe": 1})
        response = await _first_message(self._socket)
        if response.WhichOneof("message") != "join":
            raise ProbeError("the first message is not a JoinResponse")
        self.sid = response.join.participant.sid
        self._note(response.join.other_participants)
        self._start(self._read())
        self._start(self._ping(max(1, response.join.ping_interval)))

    async def _connect(
        self, http: aiohttp.ClientSession, query: dict[str, str | int]
    ) -> aiohttp.ClientWebSocketResponse:
        every = urlencode({**query, "sdk": "python", "protocol": PROTOCOL})
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            return await http.ws_connect(
                f"{self._url}/rtc?{every}", headers=headers, max_msg_size=2**21
            )
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(error.status) from None
        except aiohttp.ClientError as error:
            raise ProbeError(f"no gateway answers: {type(error).__name__}") from None

    async def _read(self) -> None:
        async for message in self._joined():
            if message.type is aiohttp.WSMsgType.BINARY:
                await self._take(rtc.SignalResponse.FromString(message.data))
                self._tell_change()
        self.close_code = self._joined().close_code
        self._end_signalling(ProbeError("the gateway closed the connection without a Leave"))

    async def _take(self, response: rtc.SignalResponse) -> None:
        match response.WhichOneof("message"):
            case "offer":
                self._start(self._answer(response.offer, first=not self._answered))
                self._answered = True
            case "answer":
                self._answers.put_nowait(response.answer)
            case "track_published":
                promise = self._published.pop(response.track_published.cid, None)
                if promise is not None and not promise.done():
                    promise.set_result(response.track_published.track)
            case "update":
                self._note(response.update.participants)
            case "leave":
                self.left = response.leave
                reason = models.DisconnectReason.Name(response.leave.reason)
                self._end_signalling(ProbeError(f"the gateway ended the call: {reason}"))
            case _:
                pass  # a newer message, or one that a probe has no use for

    def _note(self, infos: Iterable[models.ParticipantInfo]) -> None:
        for info in infos:
            if info.state == models.ParticipantInfo.State.DISCONNECTED:
                self.others.pop(info.sid, None)
            elif info.sid != self.sid:
                self.others[info.sid] = info

    async def _offer(self) -> None:
        await self._describe(self.publisher, await self.publisher.createOffer())
        self._offers += 1
        local = self.publisher.localDescription
        await self._send(
            rtc.SignalRequest(
                offer=rtc.SessionDescription(type="offer", sdp=local.sdp, id=self._offers)
            )
        )
        answer = await self._or_failure(
            asyncio.ensure_future(self._answers.get()), "the answer to our offer"
        )
        await self.publisher.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))

    async def _answer(self, offer: rtc.SessionDescription, *, first: bool) -> None:
        """aiortc loses tracks that are negotiated while it still connects: later offers wait."""
        if not first:
            await self.connected(self.subscriber)
        await self.subscriber.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await self._describe(self.subscriber, await self.subscriber.createAnswer())
        local = self.subscriber.localDescription
        await self._send(
            rtc.SignalRequest(
                answer=rtc.SessionDescription(type="answer", sdp=local.sdp, id=offer.id)
            )
        )

    async def _ping(self, interval_s: int) -> None:
        with contextlib.suppress(ConnectionError):  # the reader is told, and says so
            while not self.signalling_ended:
                await asyncio.sleep(interval_s)
                await self._send(rtc.SignalRequest(ping_req=rtc.Ping()))

    def _joined(self) -> aiohttp.ClientWebSocketResponse:
        if self._socket is None:
            raise ProbeError("not joined: use the participant as a context manager")
        return self._socket

    async def _send(self, request: rtc.SignalRequest) -> None:
        await self._joined().send_bytes(request.SerializeToString())

    async def _or_failure(self, future: "asyncio.Future[T]", what: str) -> T:
        try:
            return await asyncio.wait_for(future, JOIN_TIMEOUT_S)
        except TimeoutError:
            failure = self._failure or ProbeError(f"waited {JOIN_TIMEOUT_S:.0f} s for {what}")
            raise failure from None

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _end_signalling(self, error: ProbeError) -> None:
        """Nobody listens any more. What was said first counts."""
        if not self.signalling_ended:
            self.signalling_ended = True
            if not self._outlives_signalling:
                self._fail(error)
        self._tell_change()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._tell_change()

    def _tell_change(self) -> None:
        async def tell() -> None:
            async with self._changed:
                self._changed.notify_all()

        task = asyncio.ensure_future(tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _describe(
        self, connection: RTCPeerConnection, description: RTCSessionDescription
    ) -> None:
        """Sets a local description. aioice opens sockets meanwhile, and loses them for good if it
        is cancelled then: whoever is cancelled leaves this to its end, which `_close` awaits."""
        gathering = asyncio.ensure_future(connection.setLocalDescription(description))
        self._gathering.add(gathering)
        gathering.add_done_callback(self._gathering.discard)
        await asyncio.shield(gathering)

    async def _close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._gathering, return_exceptions=True)
        await asyncio.gather(self.publisher.close(), self.subscriber.close())
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()


def _connection() -> RTCPeerConnection:
    """Without aiortc's default STUN server: nobody else learns of a consultation, and a machine
    without a network does not wait for a name that it cannot resolve."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def _first_message(socket: aiohttp.ClientWebSocketResponse) -> rtc.SignalResponse:
    first = await asyncio.wait_for(socket.receive(), JOIN_TIMEOUT_S)
    if first.type is not aiohttp.WSMsgType.BINARY:
        raise ProbeError("the gateway closed the connection before it said anything")
    return rtc.SignalResponse.FromString(first.data)
