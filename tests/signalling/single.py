"""A client with one connection (dialect v1): it offers, and adds sections when it is asked to."""

from __future__ import annotations

from typing import Any

from livekit.protocol import rtc

from gateway.rooms.admission import Refuse
from gateway.signalling.session import Client
from tests.signalling import parts
from tests.signalling.conversation import Guest, Hall, a_grant

CLIENT = Client(protocol=17, single=True)
INITIAL = ("audio", "audio", "audio", "video", "video", "video")


class SingleGuest(Guest):
    """Its sections are kind and cid; those without a cid are to receive on."""

    def __init__(self, hall: Hall, sid: str = "") -> None:
        super().__init__(hall, sid)
        self.sections: list[tuple[str, str]] = [(kind, "") for kind in INITIAL]
        self.offer_id = 0
        self.obeyed = 0  # requirements
        self.ufrag = "abcd"

    def description(self) -> rtc.SessionDescription:
        """Its next offer."""
        self.offer_id += 1
        made = [
            _section(str(mid), kind, cid) if kind != "gone" else _closed(str(mid))
            for mid, (kind, cid) in enumerate(self.sections)
        ]
        sdp = parts.an_offer(*made, parts.data("data")).replace(":abcd", f":{self.ufrag}")
        return rtc.SessionDescription(type="offer", sdp=sdp, id=self.offer_id)

    def offers(self) -> Any:
        """Offers what it has; the answer."""
        self.say(offer=self.description())
        return self.last("answer")

    def sends(self, *cids: str) -> list[str]:
        """Announces tracks and offers them on sections of their own; their sids."""
        for cid in cids:
            self.announce(cid)
            self.sections.append(("audio" if cid.startswith("mic") else "video", cid))
        self.offers()
        return [published.track.sid for published in self.all("track_published")[-len(cids) :]]

    def obeys(self) -> None:
        """Adds the sections that it was asked for and offers, until it is asked no more."""
        while len(asked := self.all("media_sections_requirement")) > self.obeyed:
            newest = asked[self.obeyed]
            self.obeyed += 1
            self.sections += [("audio", "")] * newest.num_audios
            self.sections += [("video", "")] * newest.num_videos
            self.offers()

    def receives(self) -> dict[str, str]:
        """Track sid -> mid, as the newest answer has it."""
        return {sid: mid for mid, sid in self.last("answer").mid_to_track_id.items()}


def join(hall: Hall, identity: str, *, offers: bool = True, **grant: Any) -> SingleGuest:
    """Somebody with one connection, with an offer in the join."""
    guest = SingleGuest(hall)
    opening = [rtc.SignalRequest(offer=guest.description())] if offers else []
    outcome = hall.conference.join(a_grant(identity, **grant), CLIENT, hall.now, opening)
    assert not isinstance(outcome, Refuse)
    guest.sid = outcome.sid
    hall.guests[guest.sid] = guest
    hall.flush()
    return guest


def active(hall: Hall, identity: str, **grant: Any) -> SingleGuest:
    """The same, and its media path is up."""
    guest = join(hall, identity, **grant)
    guest.path_up()
    return guest


def _section(mid: str, kind: str, cid: str) -> str:
    made = (parts.audio if kind == "audio" else parts.video)(
        mid, cid or "none", direction="sendonly" if cid else "recvonly"
    )
    return made if cid else made.replace("a=msid:- none\r\n", "")


def _closed(mid: str) -> str:
    return parts.audio(mid, "none", direction="inactive")
