"""Rows: what is derived from a room and its agreements, and how two tables are compared."""

from __future__ import annotations

from dataclasses import replace

from gateway.datapath import datapath_pb2 as pb
from gateway.rooms.participant import Participant
from gateway.rooms.room import Room
from gateway.rooms.track import Encryption, Track, TrackKind
from gateway.sfu import notes
from gateway.sfu.agreement import (
    Agreement,
    Codec,
    Encoding,
    Extensions,
    Feedback,
    Fingerprint,
    Ice,
    Kind,
    Role,
    Section,
    SectionUse,
)
from gateway.sfu.ledger import Ledger
from gateway.sfu.rows import Agreements, Place, desired_rows, difference, in_order, redacted

PLACE = Place(room=9, worker=2)
OPUS = Codec("opus", 111, 48000, 2)
VP8 = Codec("VP8", 98, 90000, rtx_payload_type=99)

SUBSCRIBER = Agreement(
    transport=1,
    role=Role.SUBSCRIBER,
    ice=Ice("02aaaa", "p" * 24, "remote"),
    remote_fingerprints=(Fingerprint("sha-256", b"\x01" * 32),),
    extensions=Extensions(mid=4, transport_cc=3, allow_mixed=True),
    feedback=Feedback.TRANSPORT_CC,
    sections=(
        Section("0", Kind.APPLICATION, SectionUse.DATA),
        Section("1", Kind.AUDIO, SectionUse.LEG, 21, "TR_mic", (OPUS,), ssrc=100),
        Section("2", Kind.VIDEO, SectionUse.LEG, 22, "TR_cam", (VP8,), ssrc=101, rtx_ssrc=102),
        Section("3", Kind.VIDEO, SectionUse.IDLE),
    ),
)
PUBLISHER = Agreement(
    transport=2,
    role=Role.PUBLISHER,
    ice=Ice("02bbbb", "q" * 24, "remote"),
    ice_previous=Ice("02cccc", "r" * 24, "before"),
    sections=(
        Section("0", Kind.AUDIO, SectionUse.STREAM, 11, "TR_mic", (OPUS,)),
        Section(
            "1", Kind.VIDEO, SectionUse.STREAM, 12, "TR_cam", (VP8,), (Encoding("", 700, 701),)
        ),
        Section("2", Kind.AUDIO, SectionUse.STREAM),  # its AddTrack has not come
    ),
)


def a_room() -> tuple[Room, dict[str, Agreements]]:
    """A doctor who receives what a patient publishes."""
    room = Room("RM_1", "consultation")
    room.enter(Participant("PA_doctor", "doctor"))
    patient = Participant("PA_patient", "patient")
    room.enter(patient)
    for sid, kind in (("TR_mic", TrackKind.AUDIO), ("TR_cam", TrackKind.VIDEO)):
        room.add_track(patient, Track(sid, sid, kind, muted=kind is TrackKind.AUDIO))
        room.publish(patient, sid, mid="0", mime_type="", simulcast=False)
    own = Agreement.fresh(transport=3, role=Role.SUBSCRIBER, ufrag="02dddd", password="s" * 24)
    return room, {
        "PA_doctor": Agreements(SUBSCRIBER),
        "PA_patient": Agreements(own, PUBLISHER),
    }


def the_rows() -> dict[int, pb.Row]:
    return desired_rows(PLACE, *a_room())


def test_every_row_names_the_room_and_its_worker() -> None:
    assert {(row.room, row.worker) for row in the_rows().values()} == {(9, 2)}
    assert sorted(the_rows()) == [1, 2, 3, 11, 12, 21, 22]


def test_a_transport_says_what_was_agreed() -> None:
    transport = the_rows()[1].transport
    assert (transport.ice.ufrag, transport.ice.remote_ufrag) == ("02aaaa", "remote")
    assert transport.ice.password == "p" * 24
    assert not transport.HasField("ice_previous")
    assert [(f.algorithm, f.value) for f in transport.remote_fingerprints] == [
        ("sha-256", b"\x01" * 32)
    ]
    assert transport.extensions == pb.HeaderExtensions(mid=4, transport_cc=3, allow_mixed=True)
    assert transport.feedback == pb.FEEDBACK_TRANSPORT_CC
    assert notes.read(transport.note)[1] == SUBSCRIBER


def test_credentials_of_before_an_ice_restart_stand_beside_the_new_ones() -> None:
    assert the_rows()[2].transport.ice_previous.ufrag == "02cccc"


def test_a_stream_says_how_it_is_known() -> None:
    sound, picture = the_rows()[11].stream, the_rows()[12].stream
    assert (sound.transport, sound.mid, sound.kind, sound.muted) == (2, "0", pb.AUDIO, True)
    assert (picture.mid, picture.kind, picture.muted) == ("1", pb.VIDEO, False)
    assert sound.codecs[0] == pb.Codec(name="opus", payload_type=111, clock_hz=48000)
    assert picture.codecs[0].rtx_payload_type == 99
    assert not sound.encodings
    assert picture.encodings[0] == pb.Encoding(ssrc=700, rtx_ssrc=701)


def test_an_encrypted_track_is_marked() -> None:
    room, agreements = a_room()
    room.change_track(room.participants["PA_patient"], "TR_mic", encryption=Encryption.GCM)
    rows = desired_rows(PLACE, room, agreements)
    assert (rows[11].stream.e2ee, rows[12].stream.e2ee) == (True, False)


def test_a_leg_copies_a_stream_to_a_transport_and_sound_goes_first() -> None:
    sound, picture = the_rows()[21].leg, the_rows()[22].leg
    assert (sound.stream, sound.transport, sound.mid, sound.ssrc) == (11, 1, "1", 100)
    assert (picture.stream, picture.ssrc, picture.rtx_ssrc) == (12, 101, 102)
    assert sound.priority > picture.priority
    assert not sound.paused


def test_a_leg_exists_only_while_its_stream_does() -> None:
    room, agreements = a_room()
    gone = replace(PUBLISHER, sections=PUBLISHER.sections[:1])
    agreements["PA_patient"] = replace(agreements["PA_patient"], publisher=gone)
    assert sorted(desired_rows(PLACE, room, agreements)) == [1, 2, 3, 11, 21]


def test_a_leg_that_is_not_wanted_any_more_is_paused() -> None:
    room, agreements = a_room()
    room.participants["PA_doctor"].subscriptions.choose("TR_mic", wanted=False)
    room.participants["PA_doctor"].subscriptions.disable("TR_cam", disabled=True)
    rows = desired_rows(PLACE, room, agreements)
    assert [rows[21].leg.paused, rows[22].leg.paused] == [True, True]


# ------------------------------------------------------------------------------------ comparing


def test_a_redacted_row_has_no_password_and_the_row_keeps_it() -> None:
    row = the_rows()[2]
    shown = redacted(row)
    assert shown.transport.ice.password == shown.transport.ice_previous.password == ""
    assert shown.transport.ice.ufrag == "02bbbb"
    assert row.transport.ice.password == "q" * 24


def test_a_table_is_compared_without_what_a_dump_lacks() -> None:
    dumped = [redacted(row) for row in the_rows().values()]
    assert difference(the_rows(), dumped) == ([], [])


def test_a_difference_names_what_is_missing_wrong_and_too_much() -> None:
    dumped = [redacted(row) for row in the_rows().values() if row.id != 21]
    dumped[0].transport.feedback = pb.FEEDBACK_NONE
    dumped.append(pb.Row(id=77))
    puts, deletes = difference(the_rows(), dumped)
    assert [row.id for row in puts] == [dumped[0].id, 21]
    assert deletes == [77]
    assert puts[0].transport.ice.password, "a row is put whole"


def test_rows_are_put_before_those_that_refer_to_them() -> None:
    kinds = [row.WhichOneof("kind") for row in in_order(reversed(list(the_rows().values())))]
    assert kinds == ["transport"] * 3 + ["stream"] * 2 + ["leg"] * 2


def test_a_ledger_sends_only_what_changed() -> None:
    ledger = Ledger()
    rows = list(the_rows().values())
    assert ledger.change("PA_1", rows) == (rows, [])
    assert ledger.change("PA_1", rows) == ([], [])
    changed = pb.Row()
    changed.CopyFrom(rows[0])
    changed.transport.max_bps = 5
    assert ledger.change("PA_1", [changed, *rows[2:]]) == ([changed], [rows[1].id])
    assert ledger.owner_of(changed.id) == "PA_1"
    assert ledger.owner_of(rows[1].id) is None
    assert ledger.change("PA_1", []) == ([], [changed.id, *(row.id for row in rows[2:])])
    assert ledger.all_ids() == set()
