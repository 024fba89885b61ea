"""Facts that tests inject: what a datapath would have learnt. Row id in, message out."""

from gateway.datapath import datapath_pb2 as pb


def transport_up(row: int, now_ns: int) -> pb.Facts:
    """ICE has a path and DTLS is done."""
    path = pb.Path(listener=1, protocol=pb.Path.UDP, family=pb.Path.IPV4)
    facts = pb.TransportFacts(
        path=path,
        reach=pb.TransportFacts.REACH_UP,
        reach_since_ns=now_ns,
        dtls=pb.TransportFacts.DTLS_CONNECTED,
        srtp_profile="AEAD_AES_128_GCM",
        connected_ns=now_ns,
    )
    return pb.Facts(row=row, transport=facts)


def transport_reach(
    row: int, before: pb.Facts | None, reach: pb.TransportFacts.Reach.ValueType, now_ns: int
) -> pb.Facts:
    """Another reach than before; the rest as it was."""
    facts = pb.Facts(row=row)
    facts.transport.SetInParent()
    if before is not None:
        facts.transport.CopyFrom(before.transport)
    facts.transport.reach = reach
    facts.transport.reach_since_ns = now_ns
    return facts


def transport_failed(row: int, failure: pb.TransportFacts.DtlsFailure.ValueType) -> pb.Facts:
    """DTLS will never be done."""
    facts = pb.TransportFacts(
        reach=pb.TransportFacts.REACH_UP,
        dtls=pb.TransportFacts.DTLS_FAILED,
        dtls_failure=failure,
    )
    return pb.Facts(row=row, transport=facts)


def stream_flowing(row: int, now_ns: int, ssrc: int = 1) -> pb.Facts:
    """Packets of a stream come in."""
    encoding = pb.EncodingFacts(ssrc=ssrc, flowing=True)
    facts = pb.StreamFacts(flowing=True, first_packet_ns=now_ns, encodings=[encoding])
    return pb.Facts(row=row, stream=facts)


def leg_flowing(row: int, now_ns: int) -> pb.Facts:
    """Packets of a leg go out."""
    return pb.Facts(row=row, leg=pb.LegFacts(flowing=True, first_packet_ns=now_ns))
