"""SDP: between text and values. It knows no offer and no answer (see `negotiation`).

`parse` raises SdpError and nothing else; `render` writes what `parse` reads back.
"""

from gateway.signalling.sdp.parse import parse
from gateway.signalling.sdp.render import candidate_text, fingerprint_text, render
from gateway.signalling.sdp.values import (
    MAX_BYTES,
    MAX_SECTIONS,
    Direction,
    Extmap,
    Fmtp,
    Group,
    IceCandidate,
    MediaSection,
    Msid,
    Origin,
    Rid,
    RtcpFeedback,
    Rtpmap,
    SdpError,
    SessionDescription,
    Setup,
    SsrcAttribute,
    SsrcGroup,
)

__all__ = [
    "MAX_BYTES",
    "MAX_SECTIONS",
    "Direction",
    "Extmap",
    "Fmtp",
    "Group",
    "IceCandidate",
    "MediaSection",
    "Msid",
    "Origin",
    "Rid",
    "RtcpFeedback",
    "Rtpmap",
    "SdpError",
    "SessionDescription",
    "Setup",
    "SsrcAttribute",
    "SsrcGroup",
    "candidate_text",
    "fingerprint_text",
    "parse",
    "render",
]
