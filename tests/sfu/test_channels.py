"""Data channels: which ones follow from an agreement, and what their rows say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from livekit.protocol import models

from gateway.datapath import datapath_pb2 as pb
from gateway.ids import RowIds
from gateway.rooms.participant import Participant, Permission
from gateway.rooms.room import Room
from gateway.sfu import channels
from gateway.sfu.agreement import Agreement, ChannelLabel, ChannelRole, Kind, Role, Section
from gateway.sfu.agreement import SectionUse as Use
from gateway.sfu.rows import Agreements, Place, desired_rows, in_order

DATA = Section("0", Kind.APPLICATION, Use.DATA)
REJECTED = Section("0", Kind.APPLICATION, Use.REJECTED)


def fresh(role: Role, *sections: Section) -> Agreement:
    made = Agreement.fresh(transport=1, role=role, ufrag="00abcd", password="p" * 24)
    return replace(made, sections=sections)


def settled(agreement: Agreement, *, can_subscribe: bool = True) -> Agreement:
    return channels.settle(agreement, can_subscribe=can_subscribe, row_ids=RowIds(100))


def ways(agreement: Agreement) -> set[ChannelRole]:
    assert {channel.label for channel in agreement.channels} in (set(), set(ChannelLabel))
    return {channel.role for channel in agreement.channels}


def rows_of(permission: Permission) -> list[pb.DataChannel]:
    room = Room("RM_1", "consultation")
    room.enter(Participant("PA_x", "doctor", permission=permission))
    agreements = {
        "PA_x": Agreements(
            settled(fresh(Role.SUBSCRIBER)),
            channels.settle(
                replace(fresh(Role.PUBLISHER, DATA), transport=2),
                can_subscribe=permission.can_subscribe,
                row_ids=RowIds(200),
            ),
        )
    }
    rows = desired_rows(Place(9, 0), room, agreements)
    assert list(rows.values()) != []
    assert [row.WhichOneof("kind") for row in in_order(rows.values())][:2] == ["transport"] * 2
    return [row.data_channel for row in rows.values() if row.HasField("data_channel")]


def test_a_publisher_has_channels_while_its_data_section_is_agreed_on() -> None:
    assert ways(settled(fresh(Role.PUBLISHER))) == set()
    agreed = settled(fresh(Role.PUBLISHER, DATA))
    assert ways(agreed) == {ChannelRole.PUBLISH}
    assert settled(agreed) == agreed
    assert ways(settled(replace(agreed, sections=(REJECTED,)))) == set()


def test_a_subscriber_has_channels_from_the_start_unless_it_rejects_them() -> None:
    offered = settled(fresh(Role.SUBSCRIBER))
    assert ways(offered) == {ChannelRole.DELIVER}
    assert settled(replace(offered, sections=(DATA,))).channels == offered.channels
    assert ways(settled(replace(offered, sections=(REJECTED,)))) == set()


def test_who_does_not_subscribe_is_sent_data_on_its_only_transport() -> None:
    assert ways(settled(fresh(Role.SUBSCRIBER), can_subscribe=False)) == set()
    agreed = settled(fresh(Role.PUBLISHER, DATA), can_subscribe=False)
    assert ways(agreed) == set(ChannelRole)


def test_rows_say_how_each_label_is_carried() -> None:
    rows = {(row.label, row.role): row for row in rows_of(Permission(can_publish_data=True))}
    assert len(rows) == 6
    reliable = rows["_reliable", pb.DataChannel.PUBLISH]
    assert (reliable.ordered, reliable.HasField("max_retransmits")) == (True, False)
    assert (reliable.group, reliable.identity, reliable.may_publish) == ("reliable", "doctor", True)
    assert reliable.max_message_bytes == 65_535
    lossy = rows["_lossy", pb.DataChannel.DELIVER]
    assert (lossy.ordered, lossy.max_retransmits, lossy.transport) == (False, 0, 1)
    assert lossy.HasField("max_retransmits")
    assert not rows["_data_track", pb.DataChannel.PUBLISH].may_publish, "not carried yet"


@pytest.mark.parametrize("granted", [True, False])
def test_who_may_publish_follows_from_the_permission(granted: bool) -> None:
    rows = rows_of(Permission(can_publish_data=granted))
    may = {row.label for row in rows if row.may_publish}
    assert may == ({"_reliable", "_lossy"} if granted else set())


def test_an_appended_stamp_overrides_what_a_sender_says_and_keeps_the_rest() -> None:
    participant = Participant("PA_x", "doctor")
    lie = models.DataPacket(
        participant_identity="patient",
        user=models.UserPacket(participant_sid="PA_patient", payload=b"text", topic="t"),
    )
    stamps = channels.user_stamp(participant) + channels.stamp(participant)
    read = models.DataPacket.FromString(lie.SerializeToString() + stamps)
    assert (read.participant_identity, read.participant_sid) == ("doctor", "PA_x")
    assert (read.user.participant_identity, read.user.participant_sid) == ("doctor", "PA_x")
    assert (read.user.payload, read.user.topic) == (b"text", "t")
