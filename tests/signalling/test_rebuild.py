"""The control plane dies: what it finds again in the dump, and how it goes on from there."""

from __future__ import annotations

from livekit.protocol import models, rtc

from gateway.datapath import datapath_pb2 as pb
from gateway.sfu.rebuild import rebuild
from gateway.sfu.rows import difference
from gateway.signalling.conference import Conference
from tests.signalling.conversation import Hall


def a_call() -> Hall:
    """Two who hear and see each other, one who only listens, one who was heard before."""
    hall = Hall()
    doctor = hall.active("doctor", can_update_own_metadata=True)
    patient = hall.active("patient", metadata="m", attributes={"language": "de", "age": "7"})
    nurse = hall.active("nurse", can_publish=False)
    doctor.publish("mic", "camera")
    mic, _ = patient.publish("mic", "camera")
    for guest in (doctor, patient, nurse):
        guest.settle()
    patient.say(mute=rtc.MuteTrackRequest(sid=mic, muted=True))
    nurse.say(track_setting=rtc.UpdateTrackSettings(track_sids=[mic], disabled=True))
    doctor.say(subscription=rtc.UpdateSubscription(track_sids=[mic], subscribe=False))
    doctor.settle()
    return hall


def test_rooms_participants_and_agreements_are_found_again_in_the_dump() -> None:
    before = a_call()
    after = before.dies()
    assert after.conference.poll_step() is None, "desired and dumped rows are the same"
    assert after.conference.room == before.conference.room
    assert after.conference.desired_rows() == before.conference.desired_rows()
    assert difference(after.conference.desired_rows(), after.table.dumped()) == ([], [])


def test_who_was_found_again_may_come_back_and_sees_the_others() -> None:
    before = a_call()
    after = before.dies()
    doctor = after.join("doctor")
    others = {info.identity: info for info in doctor.last("join").other_participants}
    assert set(others) == {"patient", "nurse"}
    assert [track.muted for track in others["patient"].tracks] == [True, False]
    doctor.answer()
    doctor.path_up()
    assert len(after.conference.room.participants) == 3


def test_who_does_not_come_back_within_60_s_is_removed() -> None:
    after = a_call().dies()
    after.pass_time(61)
    assert after.conference.is_empty
    assert not after.table.rows


def test_a_death_during_a_return_shows_the_new_one_at_last() -> None:
    before = Hall()
    before.active("doctor")
    old = before.active("patient")
    old.lose_socket()
    new = before.join("patient")
    new.publish("mic")
    after = before.dies()
    participants = after.conference.room.participants
    assert participants[new.sid].waits_for == old.sid
    after.pass_time(6)
    assert old.sid not in after.conference.room.participants
    assert participants[new.sid].waits_for == ""


def test_a_second_death_during_a_return_leaves_one_of_each_identity_to_be_seen() -> None:
    before = Hall()
    before.active("doctor")
    first = before.active("patient")
    first.lose_socket()
    second = before.join("patient")
    after = before.dies()
    doctor = after.active("doctor")
    third = after.join("patient")
    assert second.sid not in after.conference.room.participants
    assert doctor.knows()["patient"].sid == first.sid
    third.answer()
    third.path_up()
    assert doctor.knows()["patient"].sid == third.sid
    identities = [p.identity for p in after.conference.room.participants.values()]
    assert sorted(identities) == ["doctor", "patient"]


def test_rows_that_are_not_wanted_are_deleted_and_missing_ones_put() -> None:
    before = a_call()
    dump = before.table.dumped()
    stream = next(row for row in dump if row.HasField("stream"))
    stranger = pb.Row(id=9999, room=1, worker=3, stream=pb.Stream(transport=1, mid="77"))
    rebuilt, _ = rebuild([row for row in dump if row is not stream] + [stranger])
    conference = Conference.rebuilt(rebuilt[0], before.house, before.now)
    step = conference.poll_step()
    assert step is not None
    assert [row.id for row in step.puts] == [stream.id]
    assert step.deletes == (9999,)


def test_a_participant_whose_note_cannot_be_read_is_lost_and_nobody_else() -> None:
    before = a_call()
    dump = before.table.dumped()
    doctor = next(p for p in before.conference.room.participants.values())
    own = before.guests[doctor.sid].transports()
    for row in dump:
        if row.id == own[0]:
            row.transport.note = b"\x63rubbish"
    rebuilt, lost = rebuild(dump)
    assert not lost
    conference = Conference.rebuilt(rebuilt[0], before.house, before.now)
    assert len(conference.room.participants) == 2
    step = conference.poll_step()
    assert step is not None
    assert set(own) <= set(step.deletes)


def test_a_room_without_a_readable_note_is_lost_whole() -> None:
    row = pb.Row(id=5, room=4, transport=pb.Transport(note=b"?"))
    assert rebuild([row]) == ([], {4: [5]})


# ----------------------------------------------------------------- refusals, a table that differs


def test_a_refused_row_costs_its_owner_the_session_and_the_rest_is_asked_anew() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    row = patient.transports()[0]
    hall.conference.handle_refusal(row)
    hall.flush()
    assert patient.last("leave").action == rtc.LeaveRequest.RECONNECT
    assert "patient" not in doctor.knows()
    assert hall.table.kinds() == {"transport": 1}


def test_a_transport_that_the_table_lost_calls_its_client_back() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    gone = patient.transports()[0]
    del hall.table.rows[gone]
    hall.conference.resync(hall.table.dumped())
    hall.flush()
    assert patient.last("leave").action == rtc.LeaveRequest.RECONNECT
    assert doctor.socket_open


def test_a_row_that_ended_by_itself_calls_its_client_back() -> None:
    hall = Hall()
    hall.active("doctor")
    patient = hall.active("patient")
    row = patient.transports()[0]
    ended = pb.Facts(row=row, revision=99, room=1, ended=pb.Ended(reason=pb.Ended.LEASE))
    hall.conference.handle_facts([ended], hall.now)
    hall.flush()
    assert patient.last("leave").reason == models.CONNECTION_TIMEOUT
