"""Negotiation: from an offer and an agreement to an answer and the next agreement.

Pure functions. They know SDP and agreements; they know no socket, no clock and no participant, and
they put no row. Nothing in a description makes them raise: what cannot be answered is a
`NegotiationRefused` with a sentence.

Dialect v0 has two connections, each with one direction of offers. The client offers its publisher
connection: `answer_offer`. We offer the subscriber connection: `offer_to_subscriber`, then
`accept_subscriber_answer`. Dialect v1 has one connection, and only the client offers:
`answer_offer` again. On all we are ICE-lite and the DTLS server; everything is bundled on one
transport. Serves RFC 9429 (JSEP), RFC 3264, RFC 8839, RFC 8842, RFC 8843.
"""

from gateway.signalling.negotiation.acceptance import accept_subscriber_answer
from gateway.signalling.negotiation.answer import answer_offer, claim_sections
from gateway.signalling.negotiation.offer import offer_to_subscriber
from gateway.signalling.negotiation.values import (
    Accepted,
    Answered,
    Candidate,
    Claimed,
    NegotiationRefused,
    Offer,
    Ours,
    PendingTrack,
    SectionRejected,
    SsrcSource,
    WantedLeg,
)

__all__ = [
    "Accepted",
    "Answered",
    "Candidate",
    "Claimed",
    "NegotiationRefused",
    "Offer",
    "Ours",
    "PendingTrack",
    "SectionRejected",
    "SsrcSource",
    "WantedLeg",
    "accept_subscriber_answer",
    "answer_offer",
    "claim_sections",
    "offer_to_subscriber",
]
