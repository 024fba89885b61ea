"""A bad network in user space: a UDP proxy that drops, delays, reorders, repeats and rebinds.

The gateway advertises the proxy's port instead of its own. Every client address gets an upstream
socket of its own, so that the gateway sees as many addresses as there are. Each direction has its
own impairment and its own random numbers from a seed: the n-th datagram of a direction meets the
same fate in every run.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

# Datagrams taken per wake-up, so that both directions get their turn.
BATCH = 64


@dataclass
class Direction:
    """What one direction suffers from. May be changed at any time; perfect until then."""

    random: Random = field(default_factory=Random)
    loss: float = 0.0  # share of datagrams that never arrive
    delay_s: float = 0.0  # of each
    reorder: float = 0.0  # share that arrives later than those behind it
    reorder_s: float = 0.02  # how much later
    repeat: float = 0.0  # share that arrives twice
    applies: Callable[[bytes], bool] = lambda _: True  # to which datagrams
    passed: int = 0
    dropped: int = 0

    def impair(
        self,
        seed: int,
        *,
        loss: float = 0.0,
        delay_s: float = 0.0,
        reorder: float = 0.0,
        repeat: float = 0.0,
    ) -> None:
        """From now on, counting anew."""
        self.random.seed(seed)
        self.loss, self.delay_s, self.reorder, self.repeat = loss, delay_s, reorder, repeat
        self.passed = self.dropped = 0

    def fate(self, datagram: bytes) -> list[float]:
        """After how many seconds a datagram arrives: never, once or twice."""
        lost, late, again = (self.random.random() for _ in range(3))
        if not self.applies(datagram):
            return [self.delay_s]
        if lost < self.loss:
            self.dropped += 1
            return []
        self.passed += 1
        after_s = self.delay_s + (self.reorder_s if late < self.reorder else 0.0)
        return [after_s] * (2 if again < self.repeat else 1)


def is_media(datagram: bytes) -> bool:
    """SRTP or SRTCP, RFC 7983: what may be lost when connecting is not what is tested."""
    return len(datagram) > 0 and 128 <= datagram[0] <= 191


@dataclass
class Proxy:
    """Between clients and the gateway. `up` is toward the gateway, `down` toward the clients."""

    listening: socket.socket
    up: Direction
    down: Direction
    gateway: tuple[str, int] = ("127.0.0.1", 0)
    _upstream: dict[tuple[str, int], socket.socket] = field(default_factory=dict)

    def impair(self, seed: int, **suffered: float) -> None:
        """Both directions alike, in the words of `Direction.impair`."""
        for n, direction in enumerate((self.up, self.down)):
            direction.impair(seed + n, **suffered)

    def rebind(self) -> None:
        """Like a NAT that forgets: from now on the gateway sees other ports, and what it sends to
        the ones before arrives nowhere."""
        for one in self._upstream.values():
            asyncio.get_running_loop().remove_reader(one)
            one.close()
        self._upstream.clear()

    @property
    def port(self) -> int:
        """Where clients send to."""
        port: int = self.listening.getsockname()[1]
        return port

    def take_from_clients(self) -> None:
        """The listening socket is readable."""
        for datagram, client in _received(self.listening):
            upstream = self._upstream_of(client)
            self._pass(self.up, datagram, upstream.send)

    def close(self) -> None:
        """Nothing passes any more."""
        loop = asyncio.get_running_loop()
        for one in (self.listening, *self._upstream.values()):
            loop.remove_reader(one)
            one.close()

    def _upstream_of(self, client: tuple[str, int]) -> socket.socket:
        if client not in self._upstream:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setblocking(False)
            one.connect(self.gateway)
            self._upstream[client] = one
            asyncio.get_running_loop().add_reader(one, self._take_from_gateway, one, client)
        return self._upstream[client]

    def _take_from_gateway(self, one: socket.socket, client: tuple[str, int]) -> None:
        for datagram, _ in _received(one):
            self._pass(self.down, datagram, lambda d: self.listening.sendto(d, client))

    def _pass(self, direction: Direction, datagram: bytes, send: Callable[[bytes], object]) -> None:
        for after_s in direction.fate(datagram):
            if after_s == 0:
                _quietly(send, datagram)
            else:
                asyncio.get_running_loop().call_later(after_s, _quietly, send, datagram)


@contextmanager
def proxy(applies: Callable[[bytes], bool] = is_media) -> Iterator[Proxy]:
    """A proxy on a port of its own; `gateway` is to be set. Perfect until it is impaired."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.setblocking(False)
        listening.bind(("127.0.0.1", 0))
        made = Proxy(listening, Direction(applies=applies), Direction(applies=applies))
        asyncio.get_running_loop().add_reader(listening, made.take_from_clients)
        try:
            yield made
        finally:
            made.close()


def _received(one: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    for _ in range(BATCH):
        try:
            yield one.recvfrom(65_536)
        except (BlockingIOError, ConnectionError):
            return


def _quietly(send: Callable[[bytes], object], datagram: bytes) -> None:
    """A client or gateway that is gone, or a proxy that is closed, takes nothing any more."""
    with contextlib.suppress(OSError):
        send(datagram)
