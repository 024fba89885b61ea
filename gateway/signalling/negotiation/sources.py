"""RTP sources of an offered section: which SSRCs belong to which encoding (RFC 5576, RFC 8853)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.sfu.agreement import Encoding, Section
from gateway.signalling.sdp import MediaSection, SdpError


def encodings_of(section: MediaSection, *, rtx: bool, mid_agreed: bool) -> tuple[Encoding, ...]:
    """The one encoding that a publisher's section names by SSRC; empty: the MID alone names it.

    A simulcast section names RIDs and no SSRC, and as our answer takes no RID, its sender sends one
    encoding, known by MID. A section that names several sources without saying how they belong
    together is known by MID as well. Raises SdpError where neither SSRC nor MID could tell the
    section's packets from another's.
    """
    retransmissions = _retransmissions(section)
    primaries = [s for s in _ssrcs(section) if s not in retransmissions.values()]
    simulcast = next((g.ssrcs for g in section.ssrc_groups if g.semantics == "SIM" and g.ssrcs), ())
    if simulcast:  # SSRCs of layers, the smallest first: the only one that we ask for
        primaries = [ssrc for ssrc in simulcast[:1] if ssrc]
    if len(primaries) == 1 or (primaries and not mid_agreed):
        ssrc = primaries[0]
        return (Encoding(ssrc=ssrc, rtx_ssrc=retransmissions.get(ssrc, 0) if rtx else 0),)
    if mid_agreed:
        return ()
    raise SdpError(
        f"The section of mid {section.mid} names neither an SSRC nor the MID header extension: "
        "its packets could not be told from others."
    )


def refuse_shared_ssrcs(sections: Iterable[Section]) -> None:
    """An SSRC names one source in the whole bundle (RFC 8843 section 9.2). Raises SdpError."""
    seen: set[int] = set()
    for section in sections:
        for encoding in section.encodings:
            for ssrc in (encoding.ssrc, encoding.rtx_ssrc):
                if ssrc and ssrc in seen:
                    raise SdpError(f"The section of mid {section.mid} takes another's SSRC.")
                seen.add(ssrc)


def _retransmissions(section: MediaSection) -> dict[int, int]:
    """RFC 4588 section 8.3: SSRC -> SSRC of its retransmissions, from FID groups."""
    return {
        group.ssrcs[0]: group.ssrcs[1]
        for group in section.ssrc_groups
        if group.semantics == "FID" and len(group.ssrcs) == 2 and all(group.ssrcs)
    }


def _ssrcs(section: MediaSection) -> Iterator[int]:
    """Each SSRC that has an a=ssrc line, once, in their order; 0 names nothing."""
    return iter(dict.fromkeys(line.ssrc for line in section.ssrcs if line.ssrc))
