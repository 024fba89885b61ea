"""Rows: from a room and its agreements to what the datapath's table shall hold. Pure.

`rows_of` is the unit of change (one participant), `desired_rows` the whole room and the oracle of
tests and audits: `desired_rows - dump` is empty both ways. Nothing here remembers what was put
(that is `gateway.sfu.ledger`). The rows are those of `datapath.proto`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.datapath import datapath_pb2 as pb
from gateway.rooms.participant import Participant
from gateway.rooms.room import Room
from gateway.rooms.track import Encryption, Track
from gateway.sfu import channels, notes
from gateway.sfu.agreement import Agreement, Codec, Feedback, Ice, Kind, Section


@dataclass(frozen=True, slots=True)
class Place:
    """Where a room is carried: its number in the contract, and the worker of all its rows."""

    room: int
    worker: int


@dataclass(frozen=True, slots=True)
class Agreements:
    """What one participant has agreed on. The publisher's transport comes with its first offer."""

    subscriber: Agreement
    publisher: Agreement | None = None

    @property
    def transports(self) -> tuple[Agreement, ...]:
        """The agreements that there are, each of which is one Transport row."""
        return (self.subscriber,) if self.publisher is None else (self.subscriber, self.publisher)


_FEEDBACK: Final = {
    Feedback.NONE: pb.FEEDBACK_NONE,
    Feedback.TRANSPORT_CC: pb.FEEDBACK_TRANSPORT_CC,
    Feedback.REMB: pb.FEEDBACK_REMB,
}
_KIND: Final = {Kind.AUDIO: pb.AUDIO, Kind.VIDEO: pb.VIDEO}
# Under congestion sound goes before picture.
_PRIORITY: Final = {Kind.AUDIO: 2, Kind.VIDEO: 1}


def rows_of(
    place: Place, room: Room, participant: Participant, agreements: Mapping[str, Agreements]
) -> list[pb.Row]:
    """The rows of one participant: its transports, their data channels, its streams, its legs.

    `agreements` holds every participant of the room by sid, because a leg exists only while the
    stream that it copies does.
    """
    own = agreements[participant.sid]
    rows = [_transport_row(place, room, participant, agreement) for agreement in own.transports]
    for agreement in own.transports:
        rows += _channel_rows(place, participant, agreement)
    if own.publisher is not None:
        rows += _stream_rows(place, participant, own.publisher)
    rows += _leg_rows(place, room, participant, agreements)
    return rows


def desired_rows(
    place: Place, room: Room, agreements: Mapping[str, Agreements]
) -> dict[int, pb.Row]:
    """Everything that the table shall hold of this room, by row id."""
    return {
        row.id: row
        for participant in room.participants.values()
        for row in rows_of(place, room, participant, agreements)
    }


def redacted(row: pb.Row) -> pb.Row:
    """The row as a `Dump` shows it: without write-only fields."""
    copy = pb.Row()
    copy.CopyFrom(row)
    if copy.HasField("transport"):
        for name in ("ice", "ice_previous"):
            if copy.transport.HasField(name):
                getattr(copy.transport, name).password = ""
    return copy


def difference(
    desired: Mapping[int, pb.Row], dumped: Iterable[pb.Row]
) -> tuple[list[pb.Row], list[int]]:
    """Puts and deletes that turn the dumped rows of a room into the desired ones.

    Compared without write-only fields, which a dump lacks; both are empty when nothing is amiss.
    """
    found = {row.id: row for row in dumped}
    puts = [row for row in desired.values() if found.get(row.id) != redacted(row)]
    deletes = [row_id for row_id in found if row_id not in desired]
    return in_order(puts), deletes


def in_order(rows: Iterable[pb.Row]) -> list[pb.Row]:
    """Rows so that each follows those it refers to: transports, channels and streams, legs."""
    order = {"transport": 0, "data_channel": 1, "stream": 1, "leg": 2}
    return sorted(rows, key=lambda row: order.get(row.WhichOneof("kind") or "", 3))


def stream_row_ids(agreements: Mapping[str, Agreements]) -> dict[str, int]:
    """Row ids of the room's streams by track sid."""
    return {
        section.track_sid: section.row
        for own in agreements.values()
        if own.publisher is not None
        for section in own.publisher.streams
    }


# ------------------------------------------------------------------------------------ one each


def _row(place: Place, row_id: int) -> pb.Row:
    return pb.Row(id=row_id, room=place.room, worker=place.worker)


def _transport_row(
    place: Place, room: Room, participant: Participant, agreement: Agreement
) -> pb.Row:
    row = _row(place, agreement.transport)
    transport = row.transport
    transport.ice.CopyFrom(_credentials(agreement.ice))
    if agreement.ice_previous is not None:
        transport.ice_previous.CopyFrom(_credentials(agreement.ice_previous))
    for fingerprint in agreement.remote_fingerprints:
        transport.remote_fingerprints.add(algorithm=fingerprint.algorithm, value=fingerprint.value)
    ext = agreement.extensions
    transport.extensions.CopyFrom(
        pb.HeaderExtensions(
            mid=ext.mid,
            rid=ext.rid,
            repaired_rid=ext.repaired_rid,
            transport_cc=ext.transport_cc,
            abs_send_time=ext.abs_send_time,
            audio_level=ext.audio_level,
            dependency_descriptor=ext.dependency_descriptor,
            playout_delay=ext.playout_delay,
            abs_capture_time=ext.abs_capture_time,
            allow_mixed=ext.allow_mixed,
        )
    )
    transport.feedback = _FEEDBACK[agreement.feedback]
    transport.note = notes.write(room, participant, agreement)
    return row


def _credentials(ice: Ice) -> pb.IceCredentials:
    return pb.IceCredentials(ufrag=ice.ufrag, password=ice.password, remote_ufrag=ice.remote_ufrag)


def _channel_rows(place: Place, participant: Participant, agreement: Agreement) -> list[pb.Row]:
    rows = []
    for channel in agreement.channels:
        row = _row(place, channel.row)
        channels.fill(row.data_channel, participant, agreement.transport, channel)
        rows.append(row)
    return rows


def _stream_rows(place: Place, participant: Participant, agreement: Agreement) -> list[pb.Row]:
    return [
        _stream_row(place, agreement.transport, section, participant.tracks[section.track_sid])
        for section in agreement.streams
        if section.track_sid in participant.tracks
    ]


def _stream_row(place: Place, transport: int, section: Section, track: Track) -> pb.Row:
    row = _row(place, section.row)
    stream = row.stream
    stream.transport = transport
    stream.mid = section.mid
    stream.kind = _KIND[section.kind]
    stream.codecs.extend(_codec(codec) for codec in section.codecs)
    for encoding in section.encodings:
        stream.encodings.add(rid=encoding.rid, ssrc=encoding.ssrc, rtx_ssrc=encoding.rtx_ssrc)
    stream.e2ee = track.encryption is not Encryption.NONE
    stream.muted = track.muted
    return row


def _leg_rows(
    place: Place, room: Room, participant: Participant, agreements: Mapping[str, Agreements]
) -> list[pb.Row]:
    agreement = agreements[participant.sid].subscriber
    if not agreement.legs:
        return []
    streams = stream_row_ids(agreements)
    wanted = {track.sid for _, track in room.tracks_for(participant)}
    wanted.difference_update(participant.subscriptions.disabled)
    return [
        _leg_row(
            place,
            agreement.transport,
            section,
            stream=streams[section.track_sid],
            paused=section.track_sid not in wanted,
        )
        for section in agreement.legs
        if section.track_sid in streams
    ]


def _leg_row(
    place: Place, transport: int, section: Section, *, stream: int, paused: bool
) -> pb.Row:
    """A leg that is no longer wanted stays, paused, until its section has been agreed away.

    Its row id could not come back if the participant changed its mind in between.
    """
    row = _row(place, section.row)
    leg = row.leg
    leg.stream = stream
    leg.transport = transport
    leg.mid = section.mid
    leg.ssrc = section.ssrc
    leg.rtx_ssrc = section.rtx_ssrc
    leg.codecs.extend(_codec(codec) for codec in section.codecs)
    leg.priority = _PRIORITY[section.kind]
    leg.paused = paused
    return row


def _codec(codec: Codec) -> pb.Codec:
    return pb.Codec(
        name=codec.name,
        payload_type=codec.payload_type,
        clock_hz=codec.clock_hz,
        fmtp=codec.fmtp,
        rtx_payload_type=codec.rtx_payload_type,
        red_payload_type=codec.red_payload_type,
    )
