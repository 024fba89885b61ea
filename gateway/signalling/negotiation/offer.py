"""The subscriber connection: we offer, the client answers."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ids import RowIds
from gateway.sfu.agreement import Agreement, Fingerprint
from gateway.signalling.negotiation.values import (
    Accepted,
    Candidate,
    NegotiationRefused,
    Offer,
    SsrcSource,
    WantedLeg,
)


def offer_to_subscriber(
    agreement: Agreement,
    wanted: Sequence[WantedLeg],
    *,
    row_ids: RowIds,
    new_ssrc: SsrcSource,
    fingerprints: Sequence[Fingerprint],
    candidates: Sequence[Candidate],
) -> Offer:
    """Offer the subscriber exactly the wanted tracks, and the data section (mid "0").

    Tracks that have a leg keep its section, SSRCs and row id. Legs no longer wanted turn idle; idle
    sections of the same kind are used for new legs. Call it with an agreement that has no other
    offer in flight. New legs take their row ids from `row_ids`.
    """
    raise NotImplementedError


def accept_subscriber_answer(
    agreement: Agreement, offer: Offer, answer_sdp: str
) -> Accepted | NegotiationRefused:
    """Take the subscriber's answer to `offer`. `agreement` is the stored `offer.agreement`.

    What the answerer kept is what holds: its payload types, its subset of the header extensions.
    """
    raise NotImplementedError
