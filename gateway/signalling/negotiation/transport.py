"""What the sections of one bundle share: ICE, DTLS, and the group itself.

We are always ICE-lite (RFC 8445 section 2.5) and always the DTLS server (RFC 8842), so a remote
description says three things: its ufrag, its certificate, and that it will be the DTLS client.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.sfu.agreement import Agreement, Fingerprint
from gateway.signalling.negotiation.values import Candidate, Ours
from gateway.signalling.sdp import (
    Group,
    IceCandidate,
    MediaSection,
    Origin,
    SdpError,
    SessionDescription,
    Setup,
)

# Hashes that a certificate may be checked with; RFC 8122 section 5 forbids MD5 and MD2, and SHA-1
# no longer resists collisions.
STRONG_HASHES = ("sha-256", "sha-384", "sha-512")
MAX_FINGERPRINTS = 8

# RFC 8445 section 5.1.2.2: a host candidate.
HOST_TYPE_PREFERENCE = 126
RTP_COMPONENT = 1  # rtcp-mux is required, so there is no other


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """What the other side's description says about the one transport."""

    ufrag: str
    fingerprints: tuple[Fingerprint, ...]
    setup: Setup | None


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """What each of our sections says about it."""

    ufrag: str
    password: str = dataclasses.field(repr=False)
    fingerprints: tuple[Fingerprint, ...]
    candidates: tuple[IceCandidate, ...]
    setup: Setup

    def on(self, section: MediaSection) -> MediaSection:
        """The section with the transport's attributes.

        They are repeated on every section, rejected ones too, although RFC 8843 section 9 would
        have them on the tagged one alone: aiortc reads them from each. Only rejected sections go
        without candidates.
        """
        rejected = section.port == 0
        return dataclasses.replace(
            section,
            ice_ufrag=self.ufrag,
            ice_pwd=self.password,
            fingerprints=self.fingerprints,
            setup=self.setup,
            candidates=() if rejected else self.candidates,
            end_of_candidates=not rejected,
            rtcp_mux=section.kind != "application",
            rtcp_rsize=section.kind != "application",
        )


def local_transport(agreement: Agreement, ours: Ours, setup: Setup) -> LocalTransport:
    """Ours, from the agreement's credentials, the certificate and the advertised addresses."""
    return LocalTransport(
        ufrag=agreement.ice.ufrag,
        password=agreement.ice.password,
        fingerprints=ours.fingerprints,
        candidates=ice_candidates(ours.candidates),
        setup=setup,
    )


def ice_candidates(candidates: Sequence[Candidate]) -> tuple[IceCandidate, ...]:
    """Host candidates in the given order of preference, but loopback addresses last.

    The controlling side probes in the order of priority. A loopback address is true only for a
    client on this machine, and such a client reaches the other addresses as well; put first, it
    would cost every other client a check of its own machine.
    """
    ordered = sorted(candidates, key=lambda c: ipaddress.ip_address(c.address).is_loopback)
    return tuple(
        IceCandidate(
            foundation=str(index + 1),
            component=RTP_COMPONENT,
            transport="udp",
            priority=_priority(local_preference=65535 - index),
            address=candidate.address,
            port=candidate.port,
            type="host",
        )
        for index, candidate in enumerate(ordered)
    )


def _priority(local_preference: int) -> int:
    """RFC 8445 section 5.1.2.1."""
    return (HOST_TYPE_PREFERENCE << 24) + (local_preference << 8) + (256 - RTP_COMPONENT)


def remote_transport(description: SessionDescription, bundled: Collection[str]) -> RemoteTransport:
    """Read it from the tagged section: the first one of the bundle that is in use.

    Raises SdpError where a part is missing or too weak.
    """
    tagged = next(
        (s for s in description.sections if s.mid in bundled and (s.port or s.bundle_only)), None
    )
    if tagged is None:
        raise SdpError("No section of the description is in use and in its BUNDLE group.")
    if not tagged.ice_ufrag:
        raise SdpError(f"The section of mid {tagged.mid} has no a=ice-ufrag.")
    strong = tuple(dict.fromkeys(f for f in tagged.fingerprints if f.algorithm in STRONG_HASHES))
    if not strong:
        raise SdpError(
            f"The section of mid {tagged.mid} has no a=fingerprint with one of "
            f"{', '.join(STRONG_HASHES)}."
        )
    if len(strong) > MAX_FINGERPRINTS:
        raise SdpError(f"The description names more than {MAX_FINGERPRINTS} fingerprints.")
    return RemoteTransport(tagged.ice_ufrag, strong, tagged.setup)


def restarted_by(remote: RemoteTransport, agreement: Agreement, ours: Ours) -> Agreement:
    """With new credentials of ours if the offer has new ones of theirs: an ICE restart.

    RFC 8839 section 4.4.1.1.1. Neither DTLS nor SRTP is touched, nor the path that media takes now.
    """
    known = agreement.ice.remote_ufrag
    return agreement.restarted(ours.new_ice()) if known not in {"", remote.ufrag} else agreement


def with_remote(agreement: Agreement, remote: RemoteTransport) -> Agreement:
    """The agreement with the remote side's credentials and certificate.

    A certificate may not change: DTLS is up, or may come up at any moment, under the old one
    (RFC 8842 section 5.1 would have us start a new association). Raises SdpError.
    """
    known = agreement.remote_fingerprints
    if known and set(known) != set(remote.fingerprints):
        raise SdpError("The certificate's fingerprint changed; that takes a new connection.")
    return dataclasses.replace(
        agreement,
        ice=dataclasses.replace(agreement.ice, remote_ufrag=remote.ufrag),
        remote_fingerprints=remote.fingerprints,
    )


def bundled_mids(description: SessionDescription) -> frozenset[str]:
    """Mids that share the transport. A lone section needs no group."""
    group = description.bundle
    if group is not None:
        return frozenset(group)
    return frozenset(section.mid for section in description.sections[:1] if section.mid)


def session_of(
    agreement: Agreement, sections: Sequence[MediaSection], *, allow_mixed: bool
) -> SessionDescription:
    """Our description around these sections. The group holds those that are not rejected."""
    in_use = tuple(section.mid for section in sections if section.port)
    return SessionDescription(
        origin=Origin(session_id=agreement.transport, version=agreement.session_version),
        ice_lite=True,
        groups=(Group("BUNDLE", in_use),) if in_use else (),
        msid_semantic="WMS *",
        extmap_allow_mixed=allow_mixed,
        sections=tuple(sections),
    )
