"""Made-up parts of negotiations: our certificate and addresses, fresh agreements, stored vectors,
and short offers put together line by line."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

from gateway.ids import RowIds
from gateway.sfu.agreement import Agreement, Fingerprint, Ice, Kind, Role
from gateway.signalling.negotiation import (
    Accepted,
    Answered,
    Candidate,
    NegotiationRefused,
    Offer,
    Ours,
    PendingTrack,
    WantedLeg,
    accept_subscriber_answer,
    answer_offer,
    offer_to_subscriber,
)
from gateway.signalling.sdp import MediaSection, parse

FINGERPRINT = Fingerprint("sha-256", bytes(range(32)))
CANDIDATES = (Candidate("192.0.2.7", 7880), Candidate("2001:db8::7", 7880))
VECTORS = Path(__file__).parent / "vectors"

MIC = PendingTrack("mic-cid", "TR_mic", Kind.AUDIO)
CAMERA = PendingTrack("camera-cid", "TR_camera", Kind.VIDEO)

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

SESSION = (
    "v=0",
    "o=- 1 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:0123456789012345678901",
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
    "a=setup:actpass",
)


def vector(name: str) -> str:
    return (VECTORS / name).read_bytes().decode("ascii")


def a_publisher() -> Agreement:
    return Agreement.fresh(transport=7, role=Role.PUBLISHER, ufrag="00publish", password="p" * 24)


def a_subscriber() -> Agreement:
    return Agreement.fresh(transport=8, role=Role.SUBSCRIBER, ufrag="00receive", password="s" * 24)


def audio(mid: str = "0", cid: str = "mic-cid", *more: str, direction: str = "sendonly") -> str:
    return "\r\n".join(
        (
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
            f"a=mid:{mid}",
            f"a={direction}",
            f"a=msid:- {cid}",
            "a=rtcp-mux",
            "a=rtpmap:111 opus/48000/2",
            "a=fmtp:111 minptime=10;useinbandfec=1",
            "a=rtcp-fb:111 transport-cc",
            "a=rtpmap:0 PCMU/8000",
            f"a=extmap:4 {MID_URI}",
            *more,
        )
    )


def video(mid: str = "1", cid: str = "camera-cid", *more: str, direction: str = "sendonly") -> str:
    return "\r\n".join(
        (
            "m=video 9 UDP/TLS/RTP/SAVPF 102 103 98 99",
            f"a=mid:{mid}",
            f"a={direction}",
            f"a=msid:- {cid}",
            "a=rtcp-mux",
            "a=rtpmap:98 VP8/90000",
            "a=rtpmap:99 rtx/90000",
            "a=fmtp:99 apt=98",
            "a=rtcp-fb:98 goog-remb",
            "a=rtcp-fb:98 nack",
            "a=rtcp-fb:98 nack pli",
            "a=rtpmap:102 H264/90000",
            "a=rtpmap:103 rtx/90000",
            "a=fmtp:103 apt=102",
            f"a=extmap:4 {MID_URI}",
            *more,
        )
    )


def data(mid: str = "2") -> str:
    return "\r\n".join(
        ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", f"a=mid:{mid}", "a=sctp-port:5000")
    )


def an_offer(*sections: str, bundle: str | None = None, session: tuple[str, ...] = ()) -> str:
    """A description of these sections, all in one BUNDLE group unless told otherwise."""
    mids = [s.partition("a=mid:")[2].partition("\r\n")[0] for s in sections]
    group = f"a=group:BUNDLE {' '.join(mids)}" if bundle is None else bundle
    head = [line for line in (*SESSION, group, *session) if line]
    return "\r\n".join((*head, *sections)) + "\r\n"


def answer(
    offer: str,
    *pending: PendingTrack,
    agreement: Agreement | None = None,
    row_ids: RowIds | None = None,
) -> Answered:
    outcome = try_to_answer(offer, *pending, agreement=agreement, row_ids=row_ids)
    assert isinstance(outcome, Answered), outcome
    return outcome


def try_to_answer(
    offer: str,
    *pending: PendingTrack,
    agreement: Agreement | None = None,
    row_ids: RowIds | None = None,
) -> Answered | NegotiationRefused:
    return answer_offer(
        offer,
        agreement=agreement or a_publisher(),
        pending=pending,
        ours=ours(row_ids or RowIds(100)),
    )


def ours(row_ids: RowIds | None = None, **changes: Any) -> Ours:
    """SSRCs are 1000, 1001, ...; credentials are 00fresh1, 00fresh2, ..."""
    ssrcs, restarts = itertools.count(1000), itertools.count(1)
    made = Ours(
        row_ids=row_ids or RowIds(),
        new_ssrc=lambda: next(ssrcs),
        new_ice=lambda: Ice(f"00fresh{next(restarts)}", "f" * 24),
        fingerprints=(FINGERPRINT,),
        candidates=CANDIDATES,
    )
    return dataclasses.replace(made, **changes)


def sections_of(sdp: str) -> dict[str, MediaSection]:
    return {section.mid: section for section in parse(sdp).sections}


class Subscriber:
    """The server's side of one subscriber connection; answers are made by the test."""

    def __init__(self) -> None:
        self.agreement = a_subscriber()
        self.ours = ours(RowIds(100))

    def offer(self, *wanted: WantedLeg) -> Offer:
        offer = offer_to_subscriber(
            self.agreement,
            wanted,
            ours=self.ours,
        )
        self.agreement = offer.agreement
        return offer

    def accept(self, offer: Offer, answer_sdp: str) -> Accepted:
        outcome = accept_subscriber_answer(self.agreement, offer, answer_sdp)
        assert isinstance(outcome, Accepted), outcome
        self.agreement = outcome.agreement
        return outcome

    def refuse(self, offer: Offer, answer_sdp: str) -> str:
        outcome = accept_subscriber_answer(self.agreement, offer, answer_sdp)
        assert isinstance(outcome, NegotiationRefused), outcome
        return outcome.sentence

    def negotiate(self, *wanted: WantedLeg) -> Offer:
        """Offer and have a willing client answer."""
        offer = self.offer(*wanted)
        self.accept(offer, mirrored(offer.sdp))
        return offer


def mirrored(offer_sdp: str) -> str:
    """A client that takes everything: the offer turned round, with the client's own transport."""
    turned = (
        offer_sdp.replace("a=sendonly", "a=recvonly")
        .replace("a=setup:actpass", "a=setup:active")
        .replace("a=ice-lite\r\n", "")
        .replace("a=ice-ufrag:00receive", "a=ice-ufrag:client")
    )
    kept = [
        line
        for line in turned.split("\r\n")
        if not line.startswith(("a=ssrc", "a=msid:", "a=candidate", "a=end-of"))
    ]
    return "\r\n".join(kept)
