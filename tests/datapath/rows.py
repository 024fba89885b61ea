"""Good rows to test with: one room, a publisher, a subscriber, a stream and a leg between them."""

from gateway.datapath import datapath_pb2 as pb

ROOM = 7
PASSWORD = "a+password/of+twenty+four"
OPUS = pb.Codec(name="opus", payload_type=111, clock_hz=48_000, fmtp="minptime=10")


def transport(id_: int, *, room: int = ROOM, ufrag: str = "", **fields: object) -> pb.Row:
    """A transport whose ufrag is its own."""
    row = pb.Row(id=id_, room=room)
    made = pb.Transport(**fields)  # type: ignore[arg-type]
    ice = pb.IceCredentials(ufrag=ufrag or f"00u{id_:05}", password=PASSWORD, remote_ufrag="theirs")
    made.ice.CopyFrom(ice)
    row.transport.CopyFrom(made)
    return row


def stream(id_: int, of: int, *, room: int = ROOM, mid: str = "1", note: bytes = b"") -> pb.Row:
    """An audio stream."""
    made = pb.Stream(transport=of, mid=mid, kind=pb.AUDIO, codecs=[OPUS], note=note)
    return pb.Row(id=id_, room=room, stream=made)


def leg(
    id_: int, of: int, to: int, *, room: int = ROOM, ssrc: int = 0, note: bytes = b""
) -> pb.Row:
    """A leg of stream `of` on transport `to`."""
    ssrc = ssrc or 1000 + id_
    made = pb.Leg(stream=of, transport=to, mid=str(id_), ssrc=ssrc, codecs=[OPUS], note=note)
    return pb.Row(id=id_, room=room, leg=made)


def channel(
    id_: int, of: int, *, room: int = ROOM, deliver: bool = True, **fields: object
) -> pb.Row:
    """A reliable data channel of "somebody"."""
    role = pb.DataChannel.DELIVER if deliver else pb.DataChannel.PUBLISH
    given = {"label": "_reliable", "ordered": True, "group": "reliable", "identity": "somebody"}
    made = pb.DataChannel(transport=of, role=role, **(given | fields))  # type: ignore[arg-type]
    return pb.Row(id=id_, room=room, data_channel=made)


def memo(
    id_: int, value: bytes = b"", *, room: int = 0, key: str = "", not_after_ns: int = 0
) -> pb.Row:
    """A memo."""
    made = pb.Memo(scope="test", key=key, value=value, not_after_ns=not_after_ns)
    return pb.Row(id=id_, room=room, memo=made)


def call() -> list[pb.Row]:
    """Rows 11 to 14: a publisher, a subscriber, a stream of the one, a leg of it to the other."""
    return [transport(11), transport(12), stream(13, 11), leg(14, 13, 12)]


def without_passwords(rows: list[pb.Row]) -> list[pb.Row]:
    """What a Dump says of rows that were put."""
    told = []
    for row in rows:
        copy = pb.Row()
        copy.CopyFrom(row)
        if copy.HasField("transport"):
            copy.transport.ice.ClearField("password")
            if copy.transport.HasField("ice_previous"):
                copy.transport.ice_previous.ClearField("password")
        told.append(copy)
    return told
