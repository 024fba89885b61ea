"""The publisher connection: the client offers, we answer."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ids import RowIds
from gateway.sfu.agreement import Agreement, Fingerprint
from gateway.signalling.negotiation.values import (
    Answered,
    Candidate,
    Claimed,
    NegotiationRefused,
    PendingTrack,
)


def answer_publisher_offer(
    offer_sdp: str,
    *,
    agreement: Agreement,
    pending: Sequence[PendingTrack],
    row_ids: RowIds,
    fingerprints: Sequence[Fingerprint],
    candidates: Sequence[Candidate],
    offer_id: int = 0,
) -> Answered | NegotiationRefused:
    """Answer the client's offer on its publisher transport.

    `pending` are announced and permitted tracks that no section carries yet, in order of their
    AddTrack; `fingerprints` and `candidates` are ours. New streams take their ids from `row_ids`.
    A section whose track is not announced yet becomes a STREAM without row (`claim_sections`).
    """
    raise NotImplementedError


def claim_sections(
    agreement: Agreement, pending: Sequence[PendingTrack], *, row_ids: RowIds
) -> Claimed:
    """Give tracks announced after their offer the sections that wait for them."""
    raise NotImplementedError
