"""Codecs of an m-section: which we take, with which payload types, feedback and parameters.

Opus and VP8 (with its retransmissions, RFC 4588). As answerer we echo the offered payload types; as
offerer we use our own and take back what the answerer kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.sfu.agreement import Codec, Kind
from gateway.signalling.negotiation.values import PendingTrack
from gateway.signalling.sdp import Fmtp, MediaSection, RtcpFeedback, Rtpmap, SdpError

TRANSPORT_CC = "transport-cc"
REMB = "goog-remb"

# Retransmission requests for audio too: an Opus packet that comes back in time is worth more than
# its concealment. No key frame requests without a picture.
FEEDBACK: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.AUDIO: (TRANSPORT_CC, "nack"),
    Kind.VIDEO: (TRANSPORT_CC, "ccm fir", "nack", "nack pli"),
}
# REMB is offered beside transport-cc for receivers that know nothing better; those that know both
# use transport-cc.
# Nothing of Opus can be asked again: without RTX a packet would have to be sealed a second time
# under its number, which the cipher forbids.
OFFERED_FEEDBACK: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.AUDIO: (TRANSPORT_CC,),
    Kind.VIDEO: (*FEEDBACK[Kind.VIDEO], REMB),
}

# The payload types that browsers use for these codecs.
OFFERED: Final[Mapping[Kind, tuple[Codec, ...]]] = {
    Kind.AUDIO: (Codec("opus", 111, 48000, 2),),
    Kind.VIDEO: (Codec("VP8", 96, 90000, rtx_payload_type=97),),
}

# RFC 7587 section 6.1: 10 ms packets are welcome, and so is in-band error correction.
OPUS_FMTP = "minptime=10;useinbandfec=1"
# Parameters of an offer that our answer repeats, as we want from the sender what it proposed.
_ECHOED_OPUS_PARAMETERS = ("minptime", "useinbandfec")
DTX = "usedtx=1"
_STEREO = "stereo=1;maxaveragebitrate=510000"


def sender_fmtp_for(pending: PendingTrack) -> str:
    """What our answers ask of the sender of a track, beyond what it offered."""
    if pending.kind is not Kind.AUDIO:
        return ""
    wishes = (DTX if pending.dtx else "", _STEREO if pending.stereo else "")
    return ";".join(wish for wish in wishes if wish)


# ------------------------------------------------------------------------------ as answerer


def accepted_of(section: MediaSection, kind: Kind) -> tuple[Codec, ...]:
    """The codecs of an offered section that we take, in its order, with its payload types."""
    accepted: dict[str, Codec] = {}
    for rtpmap in _rtpmaps_in_order(section):
        ours = _supported(rtpmap, kind)
        if ours is not None and ours.name not in accepted:
            accepted[ours.name] = dataclasses.replace(
                ours,
                payload_type=rtpmap.payload_type,
                rtx_payload_type=_rtx_of(section, rtpmap),
            )
    return tuple(accepted.values())


@dataclass(frozen=True, slots=True)
class Formats:
    """The lines of a section that speak of formats."""

    formats: tuple[str, ...]
    rtpmaps: tuple[Rtpmap, ...]
    fmtps: tuple[Fmtp, ...]
    rtcp_feedback: tuple[RtcpFeedback, ...]

    def on(self, section: MediaSection) -> MediaSection:
        """The section with these lines."""
        return dataclasses.replace(
            section,
            formats=self.formats,
            rtpmaps=self.rtpmaps,
            fmtps=self.fmtps,
            rtcp_feedback=self.rtcp_feedback,
        )


def answer_formats(
    codecs: Sequence[Codec], offered: MediaSection, kind: Kind, sender_fmtp: str
) -> Formats:
    """The answer's lines for codecs taken from an offered section."""
    return Formats(
        formats=tuple(str(rtpmap.payload_type) for rtpmap in _rtpmaps(codecs)),
        rtpmaps=tuple(_rtpmaps(codecs)),
        fmtps=tuple(_answered_fmtps(codecs, offered, sender_fmtp)),
        rtcp_feedback=tuple(
            RtcpFeedback(codec.payload_type, value)
            for codec in codecs
            for value in FEEDBACK[kind]
            if value in feedback_of(offered, codec.payload_type)
        ),
    )


def _answered_fmtps(
    codecs: Sequence[Codec], offered: MediaSection, sender_fmtp: str
) -> Iterator[Fmtp]:
    for codec in codecs:
        if codec.name == "opus":
            theirs = parameters_of(offered, codec.payload_type)
            echoed = [f"{n}={theirs[n]}" for n in _ECHOED_OPUS_PARAMETERS if theirs.get(n)]
            parameters = ";".join((*echoed, sender_fmtp)).strip(";")
            if parameters:
                yield Fmtp(codec.payload_type, parameters)
        if codec.rtx_payload_type:
            yield Fmtp(codec.rtx_payload_type, f"apt={codec.payload_type}")


# ------------------------------------------------------------------------------- as offerer


def offer_formats(kind: Kind, *, rtx: bool) -> Formats:
    """Our lines for a section that a subscriber shall receive on."""
    codecs = OFFERED[kind]
    if not rtx:
        codecs = tuple(dataclasses.replace(codec, rtx_payload_type=0) for codec in codecs)
    fmtps = [Fmtp(codec.payload_type, OPUS_FMTP) for codec in codecs if codec.name == "opus"]
    fmtps += [
        Fmtp(codec.rtx_payload_type, f"apt={codec.payload_type}")
        for codec in codecs
        if codec.rtx_payload_type
    ]
    return Formats(
        formats=tuple(str(rtpmap.payload_type) for rtpmap in _rtpmaps(codecs)),
        rtpmaps=tuple(_rtpmaps(codecs)),
        fmtps=tuple(fmtps),
        rtcp_feedback=tuple(
            RtcpFeedback(codec.payload_type, value)
            for codec in codecs
            for value in OFFERED_FEEDBACK[kind]
        ),
    )


def kept_of(section: MediaSection, kind: Kind, *, rtx: bool) -> tuple[Codec, ...]:
    """Those of our offered codecs that the answerer kept.

    Raises SdpError when it gave one of our payload types to another codec.
    """
    theirs = {rtpmap.payload_type: rtpmap for rtpmap in _rtpmaps_in_order(section)}
    kept = []
    for codec in OFFERED[kind]:
        rtpmap = theirs.get(codec.payload_type)
        if rtpmap is None:
            continue
        if _supported(rtpmap, kind) is None:
            raise SdpError(f"The answer gave payload type {codec.payload_type} another codec.")
        rtx_kept = rtx and _rtx_of(section, rtpmap) == codec.rtx_payload_type
        kept.append(codec if rtx_kept else dataclasses.replace(codec, rtx_payload_type=0))
    return tuple(kept)


# ---------------------------------------------------------------------------------- reading


def feedback_of(section: MediaSection, payload_type: int) -> frozenset[str]:
    """RTCP feedback that the section names for that payload type, or for all."""
    return frozenset(
        feedback.value
        for feedback in section.rtcp_feedback
        if feedback.payload_type in {None, payload_type}
    )


def parameters_of(section: MediaSection, payload_type: int) -> dict[str, str]:
    """The a=fmtp line of that payload type as name -> value."""
    text = next((f.parameters for f in section.fmtps if f.payload_type == payload_type), "")
    pairs = (part.strip(" ").partition("=") for part in text.split(";"))
    return {name.lower(): value for name, _, value in pairs if name}


def _supported(rtpmap: Rtpmap, kind: Kind) -> Codec | None:
    """Our codec of that name, clock and channels; names do not care for case (RFC 4855)."""
    return next(
        (
            codec
            for codec in OFFERED[kind]
            if codec.name.lower() == rtpmap.name.lower()
            and (codec.clock_hz, codec.channels) == (rtpmap.clock_hz, rtpmap.channels)
        ),
        None,
    )


def _rtpmaps_in_order(section: MediaSection) -> Iterator[Rtpmap]:
    """Its rtpmaps in the order of the m-line's formats: the offerer's preference."""
    by_format = {str(rtpmap.payload_type): rtpmap for rtpmap in section.rtpmaps}
    return (by_format[fmt] for fmt in section.formats if fmt in by_format)


def _rtx_of(section: MediaSection, rtpmap: Rtpmap) -> int:
    """RFC 4588 section 8.1: the payload type of its retransmissions, 0 without."""
    return next(
        (
            candidate.payload_type
            for candidate in _rtpmaps_in_order(section)
            if candidate.name.lower() == "rtx"
            and candidate.clock_hz == rtpmap.clock_hz
            and parameters_of(section, candidate.payload_type).get("apt")
            == str(rtpmap.payload_type)
        ),
        0,
    )


def _rtpmaps(codecs: Sequence[Codec]) -> Iterator[Rtpmap]:
    for codec in codecs:
        yield Rtpmap(codec.payload_type, codec.name, codec.clock_hz, codec.channels)
        if codec.rtx_payload_type:
            yield Rtpmap(codec.rtx_payload_type, "rtx", codec.clock_hz)
