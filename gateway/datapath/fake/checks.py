"""What is impossible in a row whatever the table holds: the fake's reading of a put.

Each check raises Refuse without a row; the table adds the id. The bounds are those of the real
datapath.
"""

import string
from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError
from livekit.protocol import models

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.fake.refuse import Refuse, malformed, over_limit, unsupported

NOTE_BYTES: Final = 64 << 10
TOKEN_BYTES: Final = 255
CODECS: Final = 32
ENCODINGS: Final = 16
IDENTITY_BYTES: Final = 4096
STAMP_BYTES: Final = 2 * IDENTITY_BYTES
FINGERPRINTS: Final = 8
DIGEST_BYTES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
# RFC 8839 section 5.4.
ICE_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "+/")


def check_row(row: pb.Row) -> None:
    """Raises Refuse if the row is impossible or of a kind that is not built."""
    match row.WhichOneof("kind"):
        case "transport":
            _check_transport(row.worker, row.transport)
        case "stream":
            _check_stream(row.stream)
        case "leg":
            _check_leg(row.leg)
        case "data_channel":
            _check_channel(row.data_channel)
        case "memo":
            _check_memo(row.memo)
        case "listener":
            raise unsupported("listeners come from the command line and cannot be put")
        case _:
            raise unsupported("rows of this kind are not in this datapath's capabilities")


def _check_memo(memo: pb.Memo) -> None:
    for text in (memo.value, memo.scope.encode(), memo.key.encode()):
        _check_note(text)


def _check_transport(worker: int, transport: pb.Transport) -> None:
    _check_note(transport.note)
    if not transport.HasField("ice"):
        raise malformed("a transport has ICE credentials")
    _check_ice(worker, transport.ice)
    if transport.HasField("ice_previous"):
        _check_ice(worker, transport.ice_previous)
    if len(transport.remote_fingerprints) > FINGERPRINTS:
        raise over_limit("too many fingerprints")
    for fingerprint in transport.remote_fingerprints:
        if DIGEST_BYTES.get(fingerprint.algorithm) != len(fingerprint.value):
            raise malformed("a fingerprint is of no known algorithm or has not its length")
    _check_extensions(transport.extensions)
    if transport.feedback not in pb.Feedback.values():
        raise malformed("the feedback is of no known kind")


def _check_ice(worker: int, ice: pb.IceCredentials) -> None:
    """RFC 8445 section 5.3."""
    if not 4 <= len(ice.ufrag) <= 256 or not ICE_CHARACTERS.issuperset(ice.ufrag):
        raise malformed("the ufrag is not 4 to 256 ice-chars")
    if not 22 <= len(ice.password) <= 256 or not ICE_CHARACTERS.issuperset(ice.password):
        raise malformed("the ICE password is not 22 to 256 ice-chars")
    if len(ice.remote_ufrag) > 256 or not ICE_CHARACTERS.issuperset(ice.remote_ufrag):
        raise malformed("the remote ufrag is not at most 256 ice-chars")
    if ice.ufrag[:2] != f"{worker:02x}":
        raise malformed("the ufrag does not begin with the row's worker")


def _check_extensions(extensions: pb.HeaderExtensions) -> None:
    """RFC 8285 sections 4.2 and 4.3: 1 to 14 and 16 to 255, each once."""
    numbers = [value for field, value in extensions.ListFields() if field.name != "allow_mixed"]
    if any(number > 255 or number == 15 for number in numbers):
        raise malformed("a header extension's identifier is impossible")
    if len(set(numbers)) < len(numbers):
        raise malformed("two header extensions have one identifier")


def _check_stream(stream: pb.Stream) -> None:
    _check_note(stream.note)
    _check_token(stream.mid)
    if len(stream.encodings) > ENCODINGS:
        raise over_limit("too many encodings")
    for encoding in stream.encodings:
        _check_token(encoding.rid)
    if stream.kind not in {pb.AUDIO, pb.VIDEO}:
        raise malformed("a stream is audio or video")
    _check_codecs(stream.codecs)


def _check_leg(leg: pb.Leg) -> None:
    _check_note(leg.note)
    _check_token(leg.mid)
    if leg.ssrc == 0:
        raise malformed("a leg has an SSRC")
    if leg.ssrc == leg.rtx_ssrc:
        raise malformed("a leg's retransmissions have an SSRC of their own")
    if leg.red != pb.Leg.KEEP:
        raise unsupported("RED is not unwrapped by this datapath")
    _check_codecs(leg.codecs)


def _check_channel(channel: pb.DataChannel) -> None:
    _check_note(channel.note)
    if not 0 < len(channel.label.encode()) <= TOKEN_BYTES:
        raise malformed("a data channel's label has 1 to 255 bytes")
    if len(channel.identity.encode()) > IDENTITY_BYTES:
        raise over_limit("the identity is above 4 KiB")
    if max(len(channel.stamp), len(channel.user_stamp)) > STAMP_BYTES:
        raise over_limit("a stamp is above 8 KiB")
    if channel.role not in {pb.DataChannel.PUBLISH, pb.DataChannel.DELIVER}:
        raise malformed("a data channel publishes or delivers")
    _check_group(channel.group)


def _check_group(name: str) -> None:
    if not 0 < len(name.encode()) <= TOKEN_BYTES:
        raise malformed("a group's name has 1 to 255 bytes")


def check_send(send: pb.Send) -> None:
    """Raises Refuse if a Send is impossible, whatever the table holds."""
    if send.to:
        raise unsupported("TURN is not in this datapath's capabilities")
    if not send.row:
        _check_group(send.group)
    try:
        models.DataPacket.FromString(send.payload)
    except DecodeError:
        raise Refuse(pb.Refused.MALFORMED, "the payload is no DataPacket", send.row) from None


def _check_codecs(codecs: Iterable[pb.Codec]) -> None:
    listed = list(codecs)
    if not listed:
        raise malformed("a codec is needed")
    if len(listed) > CODECS:
        raise over_limit("too many codecs")
    for codec in listed:
        _check_token(codec.name)
        _check_note(codec.fmtp.encode())
        if not codec.name or codec.clock_hz == 0:
            raise malformed("a codec has a name and a clock")
        if max(codec.payload_type, codec.rtx_payload_type) > 127:
            raise malformed("a payload type is above 127")


def _check_token(text: str) -> None:
    if len(text.encode()) > TOKEN_BYTES:
        raise malformed("a mid, rid or codec name is too long")


def _check_note(note: bytes) -> None:
    if len(note) > NOTE_BYTES:
        raise over_limit("a note, memo or text is above 64 KiB")
