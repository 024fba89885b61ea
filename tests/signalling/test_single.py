"""One connection for both directions (dialect v1): the client always offers."""

from __future__ import annotations

import pytest
from livekit.protocol import models, rtc

from gateway.sfu import notes
from gateway.sfu.agreement import Role, SectionUse
from gateway.signalling.sdp import Direction, MediaSection, Setup
from gateway.signalling.steps import CloseCause
from tests.signalling import parts, single
from tests.signalling.conversation import Hall, a_grant
from tests.signalling.parts import sections_of
from tests.signalling.single import SingleGuest


@pytest.fixture
def hall() -> Hall:
    return Hall()


def described(guest: SingleGuest) -> dict[str, MediaSection]:
    return sections_of(guest.last("answer").sdp)


# ----------------------------------------------------------------------------------------- joining


def test_the_answer_to_the_first_offer_follows_the_join_response(hall: Hall) -> None:
    guest = single.join(hall, "doctor")
    assert guest.kinds()[0] == "join"
    assert not guest.last("join").subscriber_primary
    assert guest.last("answer").id == 1
    assert not guest.all("offer")


def test_there_is_one_transport_whose_note_names_the_room_and_the_participant(hall: Hall) -> None:
    guest = single.join(hall, "doctor")
    (row_id,) = guest.transports()
    noted, agreement = notes.read(hall.table.rows[row_id].transport.note)
    assert agreement.role is Role.BOTH
    assert noted.room is not None
    assert noted.participant is not None


def test_a_client_may_offer_after_the_join(hall: Hall) -> None:
    hall.active("patient").publish("mic")
    guest = single.join(hall, "doctor", offers=False)
    assert guest.kinds()[-1] != "media_sections_requirement", "its offer is on its way"
    assert guest.transports()
    guest.offers()
    assert len(guest.receives()) == 1
    assert len(guest.legs()) == 1


def test_the_path_of_the_one_transport_makes_the_participant_active(hall: Hall) -> None:
    other = hall.join("patient")
    guest = single.join(hall, "doctor")
    guest.path_up()
    assert other.knows()["doctor"].state == models.ParticipantInfo.ACTIVE


def test_tracks_announced_in_the_join_are_published_by_its_offer(hall: Hall) -> None:
    guest = single.join(hall, "doctor")
    guest.sends("mic")
    other = hall.join("patient")
    assert [t.mid for t in other.knows()["doctor"].tracks] == ["6"]


def test_an_offer_that_cannot_be_answered_is_a_leave_as_first_message(hall: Hall) -> None:
    opening = [rtc.SignalRequest(offer=rtc.SessionDescription(sdp="no", id=1))]
    guest = SingleGuest(hall)
    outcome = hall.conference.join(a_grant("doctor"), single.CLIENT, hall.now, opening)
    guest.sid = getattr(outcome, "sid", "")
    hall.guests[guest.sid] = guest
    hall.flush()
    assert guest.kinds() == ["leave"]
    assert guest.closed is CloseCause.TOLD
    assert hall.conference.is_empty


# ------------------------------------------------------------------------------------- the answer


def test_the_answer_takes_the_extensions_of_sections_that_carry_nothing_yet(hall: Hall) -> None:
    guest = single.join(hall, "doctor")
    (idle, *_) = described(guest).values()
    assert idle.direction is Direction.INACTIVE
    assert [extmap.uri for extmap in idle.extmaps] == [parts.MID_URI]
    assert idle.setup is Setup.PASSIVE


def test_data_has_its_section_on_the_one_connection(hall: Hall) -> None:
    guest = single.join(hall, "doctor")
    assert described(guest)["data"].sctp_port == 5000


def test_tracks_that_are_there_come_with_the_first_answer(hall: Hall) -> None:
    sound, picture = hall.active("patient").publish("mic", "camera")
    guest = single.join(hall, "doctor")
    assert guest.receives() == {sound: "0", picture: "3"}
    voice = described(guest)["0"]
    assert voice.direction is Direction.SENDONLY
    assert voice.msids[0].stream.endswith("|camera")
    assert voice.msids[0].track == sound
    legs = {row.leg.mid: row.leg for row in guest.legs()}
    assert [line.ssrc for line in voice.ssrcs] == [legs["0"].ssrc]
    assert [codec.payload_type for codec in legs["0"].codecs] == [111]
    seen = described(guest)["3"]
    assert seen.ssrc_groups[0].ssrcs == (legs["3"].ssrc, legs["3"].rtx_ssrc)
    assert [(c.payload_type, c.rtx_payload_type) for c in legs["3"].codecs] == [(98, 99)]


def test_both_dialects_receive_each_other(hall: Hall) -> None:
    old = hall.active("patient")
    new = single.active(hall, "doctor")
    (theirs,) = old.publish("mic")
    (ours,) = new.sends("mic-2")
    new.obeys()
    old.settle()
    assert set(new.receives()) == {theirs}
    assert ours in old.last("offer").mid_to_track_id.values()
    assert len(new.legs()) == len(old.legs()) == 1


def test_publishers_learn_of_their_first_subscriber(hall: Hall) -> None:
    publisher = single.active(hall, "doctor")
    (sid,) = publisher.sends("mic")
    single.active(hall, "patient")
    assert [m.track_sid for m in publisher.all("track_subscribed")] == [sid]


def test_nobody_receives_what_its_token_does_not_allow(hall: Hall) -> None:
    hall.active("patient").publish("mic")
    guest = single.active(hall, "doctor", can_subscribe=False)
    assert not guest.receives()
    assert not guest.all("media_sections_requirement")


# -------------------------------------------------------------------------------- asking for offers


def test_a_new_track_with_a_free_section_asks_for_an_offer_once(hall: Hall) -> None:
    guest = single.active(hall, "doctor")
    patient = hall.active("patient")
    patient.publish("mic")
    hall.active("nurse").publish("mic-2")
    (asked,) = guest.all("media_sections_requirement")
    assert (asked.num_audios, asked.num_videos) == (0, 0)
    guest.obeys()
    assert len(guest.receives()) == 2
    assert len(guest.all("media_sections_requirement")) == 1


def test_sections_that_are_lacking_are_asked_for_exactly_once(hall: Hall) -> None:
    guest = single.active(hall, "doctor")
    for number in range(5):
        hall.active(f"patient-{number}").publish("mic", "camera")
    asked = guest.all("media_sections_requirement")
    assert sum(one.num_audios for one in asked) == 2
    assert sum(one.num_videos for one in asked) == 2
    guest.obeys()
    assert len(guest.receives()) == 10
    assert len(guest.sections) == len(single.INITIAL) + 4


def test_an_offer_of_its_own_serves_as_well(hall: Hall) -> None:
    guest = single.active(hall, "doctor")
    hall.active("patient").publish("mic")
    guest.sends("mic-2")
    assert len(guest.receives()) == 1


def test_no_more_sections_are_asked_for_than_a_transport_holds(hall: Hall) -> None:
    guest = single.active(hall, "doctor")
    for number in range(40):
        hall.active(f"patient-{number}").publish("mic", "mic-2", "camera", "camera-2")
    guest.obeys()
    assert len(guest.sections) < 128
    assert guest.closed is None
    assert len(guest.legs()) == len(guest.receives())


# ------------------------------------------------------------------------------------------- reuse


def test_a_track_that_is_gone_leaves_its_section_inactive_for_one_answer(hall: Hall) -> None:
    patient = single.active(hall, "patient")
    (first,) = patient.sends("mic")
    guest = single.active(hall, "doctor")
    mid = guest.receives()[first]
    patient.sections[-1] = ("gone", "")
    patient.offers()
    guest.offers()
    assert described(guest)[mid].direction is Direction.INACTIVE
    assert not guest.receives()
    assert not guest.legs()
    (second,) = patient.sends("mic-2")
    guest.obeys()
    assert guest.receives() == {second: mid}


def test_a_section_does_not_go_from_one_track_to_the_next_in_one_answer(hall: Hall) -> None:
    guest = single.SingleGuest(hall)
    guest.sections = [("audio", "")]
    guest.sid = single.join(hall, "doctor", offers=False).sid
    hall.guests[guest.sid] = guest
    patient = hall.active("patient")
    patient.publish("mic")
    guest.offers()
    guest.path_up()
    patient.leave()
    hall.active("nurse").publish("mic-2")
    guest.offers()
    assert not guest.receives()
    assert described(guest)["0"].direction is Direction.INACTIVE
    guest.obeys()
    assert list(guest.receives().values()) == ["0"]


def test_a_track_keeps_its_section_and_its_numbers(hall: Hall) -> None:
    hall.active("patient").publish("mic")
    guest = single.active(hall, "doctor")
    before = guest.legs()
    guest.sends("mic-2", "camera-2")
    assert guest.legs() == before


def test_an_unsubscribed_track_is_paused_at_once_and_comes_back(hall: Hall) -> None:
    (sid,) = hall.active("patient").publish("mic")
    guest = single.active(hall, "doctor")
    guest.say(subscription=rtc.UpdateSubscription(track_sids=[sid], subscribe=False))
    assert [row.leg.paused for row in guest.legs()] == [True]
    guest.obeys()
    assert not guest.legs()
    guest.say(subscription=rtc.UpdateSubscription(track_sids=[sid], subscribe=True))
    guest.obeys()
    assert [row.leg.paused for row in guest.legs()] == [False]


# -------------------------------------------------------------------------------- ends and returns


def test_a_second_device_ends_the_first(hall: Hall) -> None:
    first = single.active(hall, "doctor")
    second = single.active(hall, "doctor")
    assert first.last("leave").reason == models.DUPLICATE_IDENTITY
    assert second.closed is None


def test_after_a_restart_of_the_control_plane_the_call_is_as_it_was(hall: Hall) -> None:
    hall.active("patient").publish("mic")
    guest = single.active(hall, "doctor")
    guest.sends("camera")
    before = dict(hall.table.rows)
    after = hall.dies()
    after.flush()
    assert after.table.rows == before
    later = single.join(after, "nurse")
    assert len(later.receives()) == 2


def test_free_sections_are_known_after_a_restart(hall: Hall) -> None:
    guest = single.active(hall, "doctor")
    (row_id,) = guest.transports()
    _, agreement = notes.read(hall.table.rows[row_id].transport.note)
    uses = [section.use for section in agreement.sections]
    assert uses == [SectionUse.FREE] * 6 + [SectionUse.DATA]


def test_answers_from_a_client_that_was_offered_nothing_are_ignored(hall: Hall) -> None:
    guest = single.active(hall, "doctor")
    guest.say(answer=rtc.SessionDescription(type="answer", sdp="", id=0))
    assert guest.closed is None
    assert hall.house.counters.ignored["answer_to_no_offer"] == 1
