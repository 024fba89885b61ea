"""What we offer to a subscriber, and what of it holds after the answer."""

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sfu.agreement import Agreement, Extensions, Feedback, Kind, Section, SectionUse
from gateway.signalling.negotiation import (
    Accepted,
    NegotiationRefused,
    WantedLeg,
    accept_subscriber_answer,
    offer_to_subscriber,
)
from gateway.signalling.negotiation.offer import IDLE_SECTIONS
from gateway.signalling.sdp import (
    MAX_SECTIONS,
    Direction,
    Msid,
    Setup,
    SsrcAttribute,
    SsrcGroup,
    parse,
)
from tests.signalling.parts import (
    CANDIDATES,
    FINGERPRINT,
    Subscriber,
    mirrored,
    ours,
    sections_of,
    vector,
)

VOICE = WantedLeg("TR_voice", Kind.AUDIO, "PA_doctor|camera")
PICTURE = WantedLeg("TR_picture", Kind.VIDEO, "PA_doctor|camera")
OTHER_VOICE = WantedLeg("TR_other", Kind.AUDIO, "PA_nurse|camera")


def uses(agreement: Agreement) -> list[tuple[str, SectionUse, str]]:
    return [(s.mid, s.use, s.track_sid) for s in agreement.sections]


# ---------------------------------------------------------------------------------- the offer


def test_an_empty_room_is_offered_its_data_section_so_that_the_transport_comes_up() -> None:
    offer = Subscriber().offer()
    description = parse(offer.sdp)
    assert description.ice_lite
    assert description.bundle == ("0",)
    (section,) = description.sections
    assert (section.kind, section.mid, section.sctp_port) == ("application", "0", 5000)
    assert section.setup is Setup.ACTPASS
    assert (section.ice_ufrag, section.fingerprints) == ("00receive", (FINGERPRINT,))
    assert [c.address for c in section.candidates] == [c.address for c in CANDIDATES]
    assert offer.mid_to_track_id == {}


def test_tracks_are_offered_after_the_data_section_with_our_payload_types() -> None:
    sections = sections_of(Subscriber().offer(VOICE, PICTURE).sdp)
    assert list(sections) == ["0", "1", "2"]
    assert (sections["1"].kind, sections["1"].formats) == ("audio", ("111",))
    assert (sections["2"].kind, sections["2"].formats) == ("video", ("96", "97"))
    assert {sections[mid].direction for mid in "12"} == {Direction.SENDONLY}
    assert all(sections[mid].rtcp_mux for mid in "12")


def test_a_track_is_named_by_stream_and_sid_and_by_mid() -> None:
    offer = Subscriber().offer(VOICE, PICTURE)
    sections = sections_of(offer.sdp)
    assert sections["1"].msids == (Msid("PA_doctor|camera", "TR_voice"),)
    assert sections["2"].msids == (Msid("PA_doctor|camera", "TR_picture"),)
    assert offer.mid_to_track_id == {"1": "TR_voice", "2": "TR_picture"}
    assert parse(offer.sdp).msid_semantic == "WMS *"


def test_a_picture_has_a_source_and_one_for_its_retransmissions_in_this_order() -> None:
    picture = sections_of(Subscriber().offer(PICTURE).sdp)["1"]
    assert picture.ssrc_groups == (SsrcGroup("FID", (1000, 1001)),)
    assert picture.ssrcs == (
        SsrcAttribute(1000, "cname", "PA_doctor"),
        SsrcAttribute(1001, "cname", "PA_doctor"),
    )


def test_tracks_of_one_publisher_share_a_cname() -> None:
    sections = sections_of(Subscriber().offer(VOICE, PICTURE, OTHER_VOICE).sdp)
    assert sections["1"].ssrcs[0].value == sections["2"].ssrcs[0].value == "PA_doctor"
    assert sections["3"].ssrcs[0].value == "PA_nurse"


def test_ssrcs_that_are_0_or_taken_are_never_chosen() -> None:
    numbers = itertools.chain([0, 5, 5, 0, 5, 6], itertools.count(7))
    offer = offer_to_subscriber(
        Subscriber().agreement,
        [VOICE, PICTURE],
        ours=ours(new_ssrc=lambda: next(numbers)),
    )
    assert [(s.ssrc, s.rtx_ssrc) for s in offer.sections] == [(0, 0), (5, 0), (6, 7)]


@pytest.mark.parametrize(
    "stream", ["two|bars", "a space", "line\r\nend", "", "x" * 200, "\u00e4rztin"]
)
def test_a_stream_name_that_clients_would_trip_over_is_replaced_by_the_tracks_sid(
    stream: str,
) -> None:
    leg = WantedLeg("TR_voice", Kind.AUDIO, f"PA_doctor|{stream}")
    assert sections_of(Subscriber().offer(leg).sdp)["1"].msids == (
        Msid("PA_doctor|TR_voice", "TR_voice"),
    )


def test_offer_ids_and_session_versions_grow_even_when_an_offer_is_never_answered() -> None:
    subscriber = Subscriber()
    lost, second = subscriber.offer(VOICE), subscriber.offer(VOICE)
    assert (lost.id, second.id) == (1, 2)
    assert parse(lost.sdp).origin.version < parse(second.sdp).origin.version
    assert parse(lost.sdp).origin.session_id == parse(second.sdp).origin.session_id


def test_our_ice_credentials_and_extension_ids_stay_over_offers() -> None:
    subscriber = Subscriber()
    first = sections_of(subscriber.negotiate(VOICE).sdp)["1"]
    second = sections_of(subscriber.offer(VOICE, PICTURE).sdp)["1"]
    assert (first.ice_ufrag, first.ice_pwd) == (second.ice_ufrag, second.ice_pwd)
    assert first.extmaps == second.extmaps
    assert all(1 <= extmap.id <= 14 for extmap in first.extmaps)


# ------------------------------------------------------------------------- from offer to offer


def test_a_leg_keeps_section_row_and_ssrcs_while_others_come_and_go() -> None:
    subscriber = Subscriber()
    subscriber.negotiate(VOICE, PICTURE)
    before = subscriber.agreement.section_of_track("TR_picture")
    subscriber.negotiate(PICTURE, OTHER_VOICE)
    assert subscriber.agreement.section_of_track("TR_picture") == before


def test_an_unwanted_leg_leaves_an_inactive_section_behind() -> None:
    subscriber = Subscriber()
    subscriber.negotiate(VOICE, PICTURE)
    offer = subscriber.negotiate(PICTURE)
    assert sections_of(offer.sdp)["1"].direction is Direction.INACTIVE
    assert sections_of(offer.sdp)["1"].msids == ()
    assert offer.mid_to_track_id == {"2": "TR_picture"}
    assert subscriber.agreement.sections[1] == Section("1", Kind.AUDIO, SectionUse.IDLE)


def test_a_new_leg_gets_a_new_section_so_that_the_client_gives_its_track_a_new_id() -> None:
    subscriber = Subscriber()
    subscriber.negotiate(VOICE)
    subscriber.negotiate()
    assert subscriber.negotiate(OTHER_VOICE).mid_to_track_id == {"2": "TR_other"}


def test_a_new_leg_whose_stream_id_names_it_takes_an_idle_section_with_fresh_ssrcs() -> None:
    subscriber = Subscriber()
    subscriber.negotiate(VOICE)
    before = subscriber.agreement.sections[1]
    subscriber.negotiate()
    subscriber.negotiate(WantedLeg("TR_new", Kind.AUDIO, "PA_nurse|TR_new"))
    after = subscriber.agreement.sections[1]
    assert (after.mid, after.track_sid, after.use) == ("1", "TR_new", SectionUse.LEG)
    assert after.row > before.row
    assert after.ssrc != before.ssrc


def test_a_section_is_not_taken_over_in_the_offer_that_makes_it_idle() -> None:
    subscriber = Subscriber()
    subscriber.negotiate(VOICE)
    offer = subscriber.offer(WantedLeg("TR_new", Kind.AUDIO, "PA_nurse|TR_new"))
    assert offer.mid_to_track_id == {"2": "TR_new"}


def test_a_section_is_not_taken_over_by_another_kind() -> None:
    subscriber = Subscriber()
    subscriber.negotiate(VOICE)
    subscriber.negotiate()
    offer = subscriber.offer(WantedLeg("TR_new", Kind.VIDEO, "PA_nurse|TR_new"))
    assert offer.mid_to_track_id == {"2": "TR_new"}


def test_where_many_sections_are_idle_they_are_taken_over_with_a_stream_id_of_the_tracks_own() -> (
    None
):
    subscriber = Subscriber()
    subscriber.negotiate(
        *[WantedLeg(f"TR_{i}", Kind.AUDIO, "PA_doctor|camera") for i in range(IDLE_SECTIONS)]
    )
    subscriber.negotiate()
    offer = subscriber.negotiate(OTHER_VOICE)
    assert offer.mid_to_track_id == {"1": "TR_other"}
    assert sections_of(offer.sdp)["1"].msids == (Msid("PA_nurse|TR_other", "TR_other"),)
    later = subscriber.offer(OTHER_VOICE)
    assert sections_of(later.sdp)["1"].msids == (Msid("PA_nurse|TR_other", "TR_other"),)


def test_tracks_beyond_the_sections_of_one_transport_are_left_out_by_name() -> None:
    legs = [WantedLeg(f"TR_{i}", Kind.VIDEO, f"PA_{i:0>12}|camera") for i in range(MAX_SECTIONS)]
    subscriber = Subscriber()
    offer = subscriber.negotiate(*legs)
    assert len(offer.sections) == MAX_SECTIONS
    assert offer.left_out == (f"TR_{MAX_SECTIONS - 1}",)
    assert len(subscriber.agreement.to_note()) < 65536


# --------------------------------------------------------------------------------- the answer


def test_the_answer_of_chromium_makes_the_legs() -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(VOICE, PICTURE)
    accepted = subscriber.accept(offer, vector("chromium_answer_audio_and_video.sdp"))
    agreement = accepted.agreement
    assert agreement.extensions == Extensions(
        mid=4,
        transport_cc=3,
        abs_send_time=2,
        audio_level=1,
        dependency_descriptor=12,
        allow_mixed=True,
    )
    assert agreement.feedback is Feedback.TRANSPORT_CC
    assert agreement.ice.remote_ufrag
    assert len(agreement.remote_fingerprints) == 1
    voice, picture = agreement.legs
    assert (voice.codecs[0].name, voice.codecs[0].payload_type) == ("opus", 111)
    assert (picture.codecs[0].payload_type, picture.codecs[0].rtx_payload_type) == (96, 97)
    assert accepted.declined == ()


def test_a_section_that_the_client_rejects_has_no_leg_and_is_never_used_again() -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(VOICE, PICTURE)
    answer = mirrored(offer.sdp).replace("m=video 9", "m=video 0").replace("0 1 2", "0 1")
    accepted = subscriber.accept(offer, answer)
    assert accepted.declined == ("TR_picture",)
    assert [leg.track_sid for leg in accepted.agreement.legs] == ["TR_voice"]
    later = subscriber.offer(VOICE, WantedLeg("TR_new", Kind.VIDEO, "PA_doctor|TR_new"))
    assert later.mid_to_track_id == {"1": "TR_voice", "3": "TR_new"}
    assert sections_of(later.sdp)["2"].port == 0
    assert parse(later.sdp).bundle == ("0", "1", "3")


def test_a_track_that_the_client_does_not_want_to_receive_has_no_leg() -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(VOICE)
    accepted = subscriber.accept(offer, mirrored(offer.sdp).replace("a=recvonly", "a=inactive"))
    assert accepted.declined == ("TR_voice",)
    assert uses(accepted.agreement)[1] == ("1", SectionUse.IDLE, "")


def test_retransmissions_that_the_client_does_not_take_are_not_sent() -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(PICTURE)
    plain = mirrored(offer.sdp).replace("96 97", "96").replace("a=rtpmap:97 rtx/90000\r\n", "")
    (leg,) = subscriber.accept(offer, plain).agreement.legs
    assert (leg.codecs[0].rtx_payload_type, leg.rtx_ssrc) == (0, 0)
    again = sections_of(subscriber.offer(PICTURE).sdp)["1"]
    assert (again.formats, again.ssrc_groups) == (("96",), ())


def test_only_extensions_that_the_client_keeps_under_our_id_are_sent() -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(VOICE)
    answer = mirrored(offer.sdp).replace("a=extmap:1 ", "a=extmap:7 ").replace("a=extmap:3", "a=x")
    agreed = subscriber.accept(offer, answer).agreement.extensions
    assert (agreed.mid, agreed.abs_send_time) == (4, 2)
    assert (agreed.audio_level, agreed.transport_cc) == (0, 0)


@pytest.mark.parametrize(
    ("dropped", "feedback"),
    [
        ("nothing", Feedback.TRANSPORT_CC),
        ("transport-cc", Feedback.REMB),
        ("a=extmap:3", Feedback.REMB),
        ("a=rtcp-fb", Feedback.NONE),
    ],
)
def test_the_clients_congestion_feedback_is_the_best_that_it_kept(
    dropped: str, feedback: Feedback
) -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(PICTURE)
    kept = [line for line in mirrored(offer.sdp).split("\r\n") if dropped not in line]
    assert subscriber.accept(offer, "\r\n".join(kept)).agreement.feedback is feedback


def test_an_empty_rooms_answer_settles_the_transport() -> None:
    subscriber = Subscriber()
    offer = subscriber.offer()
    agreement = subscriber.accept(offer, mirrored(offer.sdp)).agreement
    assert agreement.ice.remote_ufrag == "client"
    assert uses(agreement) == [("0", SectionUse.DATA, "")]


# ---------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("was", "becomes", "cause"),
    [
        ("a=setup:active", "a=setup:passive", "a=setup:active"),
        ("a=setup:active", "a=setup:actpass", "a=setup:active"),
        ("a=mid:1", "a=mid:9", "m-sections"),
        ("m=audio", "m=video", "m-sections"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0", "BUNDLE"),
        ("a=ice-ufrag:client\r\n", "", "a=ice-ufrag"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 PCMU/8000", "payload type 111"),
        ("v=0", "v=1", "v=0"),
    ],
)
def test_an_answer_that_does_not_fit_its_offer_is_refused_with_the_cause(
    was: str, becomes: str, cause: str
) -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(VOICE)
    answer = mirrored(offer.sdp)
    assert was in answer
    assert cause in subscriber.refuse(offer, answer.replace(was, becomes))


def test_an_answer_with_fewer_sections_than_the_offer_is_refused() -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(VOICE)
    shorter = mirrored(offer.sdp).partition("m=audio")[0]
    assert "m-sections" in subscriber.refuse(offer, shorter)


def test_an_answer_under_another_certificate_is_refused() -> None:
    subscriber = Subscriber()
    subscriber.negotiate(VOICE)
    offer = subscriber.offer(VOICE)
    assert "new connection" in subscriber.refuse(
        offer, mirrored(offer.sdp).replace("00:01:02", "FF:01:02")
    )


def test_a_refused_answer_leaves_the_agreement_as_it_was() -> None:
    subscriber = Subscriber()
    subscriber.negotiate(VOICE)
    before = subscriber.agreement
    offer = subscriber.offer(VOICE, PICTURE)
    subscriber.refuse(offer, "nonsense")
    assert subscriber.agreement == dataclasses.replace(
        before, last_offer_id=offer.id, session_version=before.session_version + 1
    )


# --------------------------------------------------------------------------------- properties

_legs = st.builds(
    lambda number, kind: WantedLeg(f"TR_{kind}{number}", kind, f"PA_{number}|camera"),
    st.integers(0, 6),
    st.sampled_from([Kind.AUDIO, Kind.VIDEO]),
)


@settings(max_examples=50)
@given(st.lists(st.lists(_legs, max_size=6), max_size=8))
def test_after_each_exchange_the_legs_are_what_was_wanted_and_identities_never_mix(
    wishes: list[list[WantedLeg]],
) -> None:
    subscriber = Subscriber()
    rows: dict[int, str] = {}
    for wanted in wishes:
        kinds = [section.kind for section in subscriber.agreement.sections]
        subscriber.negotiate(*wanted)
        agreement = subscriber.agreement
        assert {leg.track_sid for leg in agreement.legs} == {leg.track_sid for leg in wanted}
        assert [s.kind for s in agreement.sections][: len(kinds)] == kinds
        ssrcs = [n for leg in agreement.legs for n in (leg.ssrc, leg.rtx_ssrc) if n]
        assert len(ssrcs) == len(set(ssrcs))
        for leg in agreement.legs:
            assert rows.setdefault(leg.row, leg.track_sid) == leg.track_sid
        assert Agreement.from_note(agreement.to_note()) == agreement


@given(st.data())
def test_whatever_lines_an_answer_lacks_or_repeats_it_is_accepted_or_refused(
    draw: st.DataObject,
) -> None:
    subscriber = Subscriber()
    offer = subscriber.offer(VOICE, PICTURE)
    lines = vector("chromium_answer_audio_and_video.sdp").split("\r\n")
    for _ in range(draw.draw(st.integers(1, 6))):
        index = draw.draw(st.integers(0, len(lines) - 1))
        lines[index : index + 1] = [lines[index]] * draw.draw(st.integers(0, 2))
    outcome = accept_subscriber_answer(offer.agreement, offer, "\r\n".join(lines))
    assert isinstance(outcome, Accepted | NegotiationRefused)
