"""A participant in a browser page, as tests speak to it: harness/visitor.ts from the outside."""

from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from playwright.async_api import Page

# How long anything may take that a test waits for. Generous: machines of CI are slow.
WAIT_MS: Final = 10_000
# As harness/sources.ts draws them.
PICTURES_PER_S: Final = 20
# Every page sends a tone of its own, far enough apart to be told apart.
TONES_HZ: Final = {"doctor": 440, "patient": 1_000, "relative": 1_700}

Kind = Literal["audio", "video"]


@dataclass(frozen=True, slots=True)
class Joined:
    """How a join went. `refusal` is the client's name for why not, empty if it succeeded."""

    refusal: str
    status: int
    message: str
    took_ms: float


@dataclass(frozen=True, slots=True)
class Seen:
    """Numbers read out of pictures in the order shown, sizes seen, and pictures not ours."""

    numbers: list[int]
    sizes: list[str]
    strange: int


@dataclass(frozen=True, slots=True)
class FirstPicture:
    """When the first picture was shown, counted from when the path for it was up."""

    after_path_ms: float
    round_trip_ms: float


@dataclass(frozen=True, slots=True)
class Gaps:
    """Each at its longest: pictures in a row that were sent and never shown, silence, and time
    without any packet."""

    pictures: int
    silence_ms: float
    reception_ms: float

    @property
    def pictures_ms(self) -> float:
        """For how long no picture was shown."""
        return self.pictures * 1000 / PICTURES_PER_S


class Visitor:
    """Drives one page. `identity` also chooses the tone."""

    def __init__(self, page: Page, identity: str) -> None:
        self.page = page
        self.identity = identity

    @classmethod
    async def on(cls, page: Page, identity: str) -> Self:
        """Makes the page a participant that knows everybody's tone."""
        await page.evaluate("(tones) => { globalThis.visitor = new Visitor(tones); }", TONES_HZ)
        return cls(page, identity)

    async def join(
        self, url: str, token: str, retry_ms: int | None = None, **options: object
    ) -> Joined:
        """Joins with these RoomOptions of the client; a refusal is an answer. `retry_ms`: how often
        it tries again once it lost the gateway, in place of its own policy."""
        found = await self._do("join", url, token, options, retry_ms)
        return Joined(found["refusal"], found["status"], found["message"], found["tookMs"])

    async def publish(self, **video: object) -> None:
        """Publishes tone and picture; `video` are the client's TrackPublishOptions."""
        await self._do("publish", TONES_HZ[self.identity], video)

    async def mute(self, kind: Kind, muted: bool) -> None:
        """Mutes or unmutes what it publishes."""
        await self._do("mute", kind, muted)

    async def unpublish(self, kind: Kind) -> None:
        """Takes a track back."""
        await self._do("unpublish", kind)

    async def subscribe(self, other: str, kind: Kind, wanted: bool) -> None:
        """Says whether it wants a track of the other."""
        await self._do("subscribe", other, kind, wanted)

    async def leave(self) -> None:
        """Leaves the room."""
        await self._do("leave")

    async def happened(
        self, name: str, other: str = "", count: int = 1, within_ms: int = WAIT_MS
    ) -> str:
        """Waits until it happened; the detail that the client gave."""
        found = await self._do("happened", name, other, count, within_ms)
        return str(found["detail"])

    async def sees(self, other: str, count: int = 20) -> Seen:
        """Waits for that many further pictures of the other."""
        found = await self._do("seen", other, count, WAIT_MS)
        return Seen(found["numbers"], found["sizes"], found["strange"])

    async def hears(self, other: str) -> None:
        """Waits for the other's tone."""
        await self._do("heard", other, WAIT_MS)

    async def no_longer_hears(self, other: str) -> None:
        """Waits until the other's tone is gone."""
        await self._do("fellSilent", other, WAIT_MS)

    async def count_gaps(self, other: str) -> None:
        """From now on gaps in what comes from the other are counted."""
        await self._do("countGaps", other)

    async def gaps(self, other: str) -> Gaps:
        """The longest gaps since `count_gaps`."""
        found = await self._do("gaps", other)
        return Gaps(found["pictures"], found["silenceMs"], found["receptionMs"])

    async def first_picture(self, other: str) -> FirstPicture:
        """Waits for the first picture of the other."""
        found = await self._do("firstPicture", other, WAIT_MS)
        return FirstPicture(found["afterPathMs"], found["roundTripMs"])

    async def sent_video(self) -> list[dict[str, int]]:
        """Width, height and frames of every video encoding that leaves the page."""
        found: list[dict[str, int]] = await self._do("sentVideo")
        return found

    async def story(self) -> str:
        """What happened to it, for a message."""
        return f"{self.identity}: {await self._do('story')}"

    async def _do(self, method: str, *arguments: object) -> Any:
        return await self.page.evaluate(
            "([method, given]) => visitor[method](...given)", [method, list(arguments)]
        )
