"""Data channels: which ones a transport has, and the rows that they are. Pure.

LiveKit clients know three labels. What they send goes by their publisher's transport; what they are
sent comes by the primary one, which is the publisher's where there is no other. Messages of
`_data_track` are no DataPackets and are not carried yet: its channel opens and stays silent. What a
message holds is nobody's business here; the datapath reads where it goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from livekit.protocol import models

from gateway.datapath import datapath_pb2 as pb
from gateway.ids import RowIds
from gateway.rooms.participant import Participant
from gateway.sfu.agreement import (
    Agreement,
    ChannelLabel,
    ChannelRole,
    DataChannel,
    Role,
    SectionUse,
)

# Largest message that a participant may send: what our descriptions say (RFC 8841 section 6).
MAX_MESSAGE_BYTES: Final = 65_535

_ROLES: Final = {
    ChannelRole.PUBLISH: pb.DataChannel.PUBLISH,
    ChannelRole.DELIVER: pb.DataChannel.DELIVER,
}


def settle(agreement: Agreement, *, can_subscribe: bool, row_ids: RowIds) -> Agreement:
    """The agreement with the channels that follow from it; call it after each negotiation.

    A publisher's come and go with its data section. A subscriber's are there from the start,
    because we offer them: what is said while the client still connects waits for them in the
    datapath. They end if it rejects the section.
    """
    agreed = _is_agreed(agreement)
    if agreed == bool(agreement.channels):
        return agreement
    channels = _new(agreement.role, can_subscribe, row_ids) if agreed else ()
    return replace(agreement, channels=channels)


def _is_agreed(agreement: Agreement) -> bool:
    if agreement.role is Role.SUBSCRIBER and not agreement.sections:
        return True
    return any(section.use is SectionUse.DATA for section in agreement.sections)


def _new(role: Role, can_subscribe: bool, row_ids: RowIds) -> tuple[DataChannel, ...]:
    primary = (role is Role.SUBSCRIBER) == can_subscribe
    ways = [ChannelRole.PUBLISH] if role is Role.PUBLISHER else []
    if primary:
        ways.append(ChannelRole.DELIVER)
    return tuple(DataChannel(row_ids.next(), label, way) for way in ways for label in ChannelLabel)


def fill(row: pb.DataChannel, participant: Participant, transport: int, of: DataChannel) -> None:
    """Write what a channel's row says."""
    lossy = of.label is not ChannelLabel.RELIABLE
    row.transport = transport
    row.label = of.label
    row.ordered = not lossy
    if lossy:
        row.max_retransmits = 0
    row.role = _ROLES[of.role]
    row.group = of.label.removeprefix("_")
    row.identity = participant.identity
    if of.role is ChannelRole.PUBLISH:
        carried = of.label is not ChannelLabel.DATA_TRACK
        row.may_publish = carried and participant.permission.can_publish_data
        row.max_message_bytes = MAX_MESSAGE_BYTES
        row.stamp = stamp(participant)
        row.user_stamp = user_stamp(participant)


def stamp(participant: Participant) -> bytes:
    """The sender of a DataPacket, encoded: appended to a message it overrides what that says."""
    return models.DataPacket(
        participant_sid=participant.sid, participant_identity=participant.identity
    ).SerializeToString()


def user_stamp(participant: Participant) -> bytes:
    """The same for the UserPacket within, whose word clients in the field take."""
    return models.DataPacket(
        user=models.UserPacket(
            participant_sid=participant.sid, participant_identity=participant.identity
        )
    ).SerializeToString()
