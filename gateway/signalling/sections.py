"""Sections of a client with one connection (dialect v1): asking it for offers.

Only the client offers there. When what it should receive differs from what is agreed, it is asked
for an offer, with more sections to receive on if none are left; the answer then puts legs on them
(`publishing.handle_offer`). A client adds what each message asks for, so nothing is asked twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from gateway.sfu.agreement import Agreement, Kind, SectionUse
from gateway.signalling import messages
from gateway.signalling.gathering import Gathering
from gateway.signalling.negotiation import WantedLeg
from gateway.signalling.sdp import MAX_SECTIONS
from gateway.signalling.session import Session

# Sections left for what the client publishes.
RESERVED: Final = 16
RECEIVING: Final = frozenset({SectionUse.FREE, SectionUse.LEG})


def ask_if_needed(hall: Gathering, session: Session, wanted: Sequence[WantedLeg]) -> None:
    """Ask for an offer, if one would bring what is agreed nearer to what is wanted."""
    agreement = session.agreements.subscriber
    if not session.connected or not agreement.sections:  # its first offer is on its way anyway
        return
    sids = {leg.track_sid for leg in wanted}
    fresh = Counter(leg.kind for leg in wanted if not agreement.section_of_track(leg.track_sid))
    free = Counter(s.kind for s in agreement.sections if s.use is SectionUse.FREE)
    short = _bounded(fresh - free - session.asked, agreement, session.asked)
    surplus = any(section.track_sid not in sids for section in agreement.legs)
    useful = surplus or any(free[kind] for kind in fresh)
    if short.total() or (useful and not session.nudged):
        session.asked += short
        session.nudged = True
        hall.tell(session, messages.media_sections(short[Kind.AUDIO], short[Kind.VIDEO]))


def learn_offer(session: Session, before: Agreement) -> None:
    """An offer was answered: what had been asked for may be in it."""
    known = {section.mid for section in before.sections}
    added = [s for s in session.agreements.subscriber.sections if s.mid not in known]
    session.asked -= Counter(s.kind for s in added if s.use in RECEIVING)
    session.nudged = False


def _bounded(short: Counter[Kind], agreement: Agreement, asked: Counter[Kind]) -> Counter[Kind]:
    """No more than one transport can hold."""
    left = max(0, MAX_SECTIONS - RESERVED - len(agreement.sections) - asked.total())
    audios = min(short[Kind.AUDIO], left)
    videos = min(short[Kind.VIDEO], left - audios)
    return +Counter({Kind.AUDIO: audios, Kind.VIDEO: videos})
