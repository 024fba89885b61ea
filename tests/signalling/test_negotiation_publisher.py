"""What we answer to a publisher: little, exactly, and with the reason where it is no."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import RowIds
from gateway.sfu.agreement import (
    Agreement,
    Encoding,
    Feedback,
    Kind,
    SectionUse,
)
from gateway.signalling.negotiation import (
    Answered,
    NegotiationRefused,
    PendingTrack,
    answer_offer,
    claim_sections,
)
from gateway.signalling.sdp import Direction, Fmtp, RtcpFeedback, Setup, parse
from tests.signalling.parts import (
    CAMERA,
    CANDIDATES,
    DELAY_URI,
    FINGERPRINT,
    LEVEL_URI,
    MIC,
    MID_URI,
    RID_URI,
    a_publisher,
    an_offer,
    answer,
    audio,
    data,
    ours,
    sections_of,
    try_to_answer,
    vector,
    video,
)

FID = ("a=ssrc:11 cname:c", "a=ssrc:12 cname:c", "a=ssrc-group:FID 11 12")


def refusal(offer: str, agreement: Agreement | None = None) -> str:
    outcome = try_to_answer(offer, agreement=agreement)
    assert isinstance(outcome, NegotiationRefused), outcome
    return outcome.sentence


# ---------------------------------------------------------------------------------- transport


def test_the_answer_is_that_of_an_ice_lite_dtls_server() -> None:
    description = parse(answer(an_offer(audio(), video(), data())).sdp)
    assert description.ice_lite
    assert description.bundle == ("0", "1", "2")
    for section in description.sections:
        assert section.setup is Setup.PASSIVE
        assert (section.ice_ufrag, section.ice_pwd) == ("00publish", "p" * 24)
        assert section.fingerprints == (FINGERPRINT,)
        assert section.end_of_candidates


def test_every_section_names_our_addresses_as_host_candidates_in_our_order_of_preference() -> None:
    for section in sections_of(answer(an_offer(audio(), data("1"))).sdp).values():
        assert [(c.address, c.port, c.type, c.component) for c in section.candidates] == [
            ("192.0.2.7", 7880, "host", 1),
            ("2001:db8::7", 7880, "host", 1),
        ]
        assert section.candidates[0].priority > section.candidates[1].priority
        assert section.candidates[0].foundation != section.candidates[1].foundation


def test_a_loopback_address_is_the_last_candidate() -> None:
    loopback = dataclasses.replace(CANDIDATES[0], address="127.0.0.1")
    outcome = answer_offer(
        an_offer(audio()),
        agreement=a_publisher(),
        pending=[],
        ours=ours(candidates=(loopback, *CANDIDATES)),
    )
    assert isinstance(outcome, Answered)
    addresses = [c.address for c in sections_of(outcome.sdp)["0"].candidates]
    assert addresses == ["192.0.2.7", "2001:db8::7", "127.0.0.1"]


def test_the_agreement_learns_the_clients_ufrag_and_certificate() -> None:
    agreement = answer(an_offer(audio())).agreement
    assert agreement.ice.remote_ufrag == "abcd"
    assert [f.value for f in agreement.remote_fingerprints] == [b"\xab" * 32]


def test_a_later_offer_with_new_ice_credentials_changes_the_remote_ufrag_and_nothing_of_ours() -> (
    None
):
    first = answer(an_offer(audio()), MIC)
    again = an_offer(audio()).replace("a=ice-ufrag:abcd", "a=ice-ufrag:efgh")
    second = answer(again, agreement=first.agreement)
    assert second.agreement.ice == dataclasses.replace(first.agreement.ice, remote_ufrag="efgh")
    assert second.agreement.sections == first.agreement.sections


def test_a_changed_certificate_is_refused() -> None:
    first = answer(an_offer(audio())).agreement
    other = an_offer(audio()).replace("AB:AB", "CD:CD", 1)
    assert "new connection" in refusal(other, first)


def test_the_session_version_grows_with_each_answer_and_the_session_id_stays() -> None:
    first = answer(an_offer(audio()))
    second = answer(an_offer(audio()), agreement=first.agreement)
    origins = [parse(answered.sdp).origin for answered in (first, second)]
    assert origins[0].session_id == origins[1].session_id
    assert origins[0].version < origins[1].version


@pytest.mark.parametrize("setup", ["actpass", "active"])
def test_a_client_that_can_be_the_dtls_client_is_answered(setup: str) -> None:
    outcome = try_to_answer(an_offer(audio()).replace("a=setup:actpass", f"a=setup:{setup}"))
    assert isinstance(outcome, Answered)


def test_a_client_that_insists_on_being_the_dtls_server_is_refused() -> None:
    sentence = refusal(an_offer(audio()).replace("a=setup:actpass", "a=setup:passive"))
    assert "a=setup:passive" in sentence


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("a=ice-ufrag:abcd", "a=ice-ufrag"),
        ("a=fingerprint:sha-256 " + ":".join(["AB"] * 32), "a=fingerprint"),
    ],
)
def test_an_offer_without_ufrag_or_certificate_is_refused(line: str, cause: str) -> None:
    assert cause in refusal(an_offer(audio()).replace(line + "\r\n", ""))


def test_a_certificate_named_by_sha_1_alone_is_refused() -> None:
    weak = "a=fingerprint:sha-1 " + ":".join(["AB"] * 20)
    strong = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
    assert "sha-256" in refusal(an_offer(audio()).replace(strong, weak))


# ------------------------------------------------------------------------------------- codecs


def test_opus_and_vp8_are_taken_with_the_offered_payload_types_and_nothing_else() -> None:
    answered = answer(an_offer(audio(), video()))
    sections = sections_of(answered.sdp)
    assert sections["0"].formats == ("111",)
    assert sections["1"].formats == ("98", "99")
    opus, vp8 = (section.codecs[0] for section in answered.agreement.sections)
    assert (opus.name, opus.payload_type, opus.channels, opus.clock_hz) == ("opus", 111, 2, 48000)
    assert (vp8.name, vp8.payload_type, vp8.rtx_payload_type) == ("VP8", 98, 99)
    assert Fmtp(99, "apt=98") in sections["1"].fmtps


def test_vp8_without_retransmissions_is_taken_without() -> None:
    offer = an_offer(video("0")).replace("a=fmtp:99 apt=98", "a=fmtp:99 apt=102")
    answered = answer(offer)
    assert sections_of(answered.sdp)["0"].formats == ("98",)
    assert answered.agreement.sections[0].codecs[0].rtx_payload_type == 0


def test_feedback_is_taken_where_it_was_offered() -> None:
    more = ("a=rtcp-fb:98 ccm fir", "a=rtcp-fb:* transport-cc")
    sections = sections_of(answer(an_offer(audio(), video("1", "c", *more))).sdp)
    assert sections["0"].rtcp_feedback == (RtcpFeedback(111, "transport-cc"),)
    assert {fb.value for fb in sections["1"].rtcp_feedback} == {
        "transport-cc",
        "ccm fir",
        "nack",
        "nack pli",
    }


def test_transport_wide_feedback_is_agreed_on_with_extension_and_codec_only() -> None:
    twcc = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    with_both = answer(an_offer(audio("0", "a", f"a=extmap:3 {twcc}"))).agreement
    assert (with_both.feedback, with_both.extensions.transport_cc) == (Feedback.TRANSPORT_CC, 3)
    assert answer(an_offer(audio())).agreement.feedback is Feedback.NONE


@pytest.mark.parametrize(
    ("track", "fmtp"),
    [
        (MIC, "minptime=10;useinbandfec=1;usedtx=1"),
        (dataclasses.replace(MIC, dtx=False), "minptime=10;useinbandfec=1"),
        (
            dataclasses.replace(MIC, dtx=False, stereo=True),
            "minptime=10;useinbandfec=1;stereo=1;maxaveragebitrate=510000",
        ),
    ],
)
def test_the_answer_asks_opus_for_what_the_track_announced(track: PendingTrack, fmtp: str) -> None:
    first = answer(an_offer(audio()), track)
    assert sections_of(first.sdp)["0"].fmtps == (Fmtp(111, fmtp),)
    later = answer(an_offer(audio()), agreement=first.agreement)
    assert sections_of(later.sdp)["0"].fmtps == (Fmtp(111, fmtp),)


def test_a_section_without_a_codec_of_ours_is_rejected_and_the_others_are_not() -> None:
    h264 = video("0").replace("VP8/90000", "VP9/90000")
    answered = answer(an_offer(h264, audio("1")), CAMERA, MIC)
    sections = sections_of(answered.sdp)
    assert (sections["0"].port, sections["1"].port) == (0, 9)
    assert parse(answered.sdp).bundle == ("1",)
    assert [section.use for section in answered.agreement.sections] == [
        SectionUse.REJECTED,
        SectionUse.STREAM,
    ]
    assert answered.tracks.keys() == {"mic-cid"}
    (rejected,) = answered.rejected
    assert (rejected.mid, rejected.client_track_id) == ("0", "camera-cid")
    assert "video codec" in rejected.sentence


@pytest.mark.parametrize(
    ("section", "cause"),
    [
        (audio("1").replace("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        (audio("1").replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "protocol"),
        (audio("1").replace("m=audio", "m=text"), "kind"),
        (data("1").replace("webrtc-datachannel", "bfcp"), "data channels"),
    ],
)
def test_sections_that_we_cannot_carry_are_rejected_with_the_cause(
    section: str, cause: str
) -> None:
    answered = answer(an_offer(audio("0"), section))
    assert cause in answered.rejected[0].sentence
    assert sections_of(answered.sdp)["1"].port == 0


def test_a_section_outside_the_bundle_is_rejected() -> None:
    answered = answer(an_offer(audio("0"), video("1"), bundle="a=group:BUNDLE 0"))
    assert "BUNDLE" in answered.rejected[0].sentence


def test_a_lone_section_needs_no_bundle_group() -> None:
    assert answer(an_offer(audio("0"), bundle="")).agreement.sections[0].use is SectionUse.STREAM


def test_an_offer_with_nothing_in_use_is_refused() -> None:
    assert "in use" in refusal(an_offer(bundle=""))
    assert "in use" in refusal(an_offer(audio("0").replace("m=audio 9", "m=audio 0")))


def test_the_data_section_is_taken_once() -> None:
    answered = answer(an_offer(data("0"), data("1")))
    sections = sections_of(answered.sdp)
    assert (sections["0"].sctp_port, sections["0"].max_message_bytes) == (5000, 65535)
    assert (sections["0"].port, sections["1"].port) == (9, 0)


# --------------------------------------------------------------------------------- extensions


def test_extensions_are_taken_with_their_offered_ids_but_not_playout_delay() -> None:
    offer = an_offer(audio("0", "a", f"a=extmap:9 {LEVEL_URI}", f"a=extmap:5 {DELAY_URI}"))
    answered = answer(offer)
    assert [e.uri for e in sections_of(answered.sdp)["0"].extmaps] == [MID_URI, LEVEL_URI]
    agreed = answered.agreement.extensions
    assert (agreed.mid, agreed.audio_level, agreed.playout_delay) == (4, 9, 0)


def test_an_extensions_offered_direction_is_turned_round() -> None:
    offer = an_offer(audio("0", "a", f"a=extmap:9/sendonly {LEVEL_URI}"))
    assert sections_of(answer(offer).sdp)["0"].extmaps[1].direction is Direction.RECVONLY


def test_mixed_extension_headers_are_agreed_on_when_offered() -> None:
    mixed = answer(an_offer(audio(), session=("a=extmap-allow-mixed",)))
    assert parse(mixed.sdp).extmap_allow_mixed
    assert mixed.agreement.extensions.allow_mixed
    plain = answer(an_offer(audio()))
    assert not parse(plain.sdp).extmap_allow_mixed
    assert not plain.agreement.extensions.allow_mixed


def test_one_extension_with_two_ids_in_the_bundle_is_refused() -> None:
    other = video().replace(f"a=extmap:4 {MID_URI}", f"a=extmap:5 {MID_URI}")
    assert "mid has two ids" in refusal(an_offer(audio(), other))


def test_two_extensions_with_one_id_in_the_bundle_are_refused() -> None:
    assert "share an id" in refusal(an_offer(audio("0", "a", f"a=extmap:4 {LEVEL_URI}")))


@pytest.mark.parametrize("number", [0, 15, 256, 4096])
def test_an_extension_with_an_id_that_no_header_can_carry_is_not_taken(number: int) -> None:
    answered = answer(an_offer(audio("0", "a", f"a=extmap:{number} {LEVEL_URI}")))
    assert answered.agreement.extensions.audio_level == 0


@pytest.mark.parametrize(
    ("name", "idle", "channel"),
    [
        ("chromium_offer_placeholders.sdp", ["0", "1", "2", "3", "4", "5"], "6"),
        ("livekit_offer_placeholders.sdp", ["7", "8", "9", "10", "11", "12"], "13"),
    ],
)
def test_placeholders_are_inactive_and_keep_the_extensions_that_simulcast_will_need(
    name: str, idle: list[str], channel: str
) -> None:
    answered = answer(vector(name))
    sections = sections_of(answered.sdp)
    assert list(sections) == [*idle, channel]
    assert all(sections[mid].direction is Direction.INACTIVE for mid in idle)
    assert all(sections[mid].port == 9 for mid in [*idle, channel])
    for mid in idle[3:]:
        assert {MID_URI, RID_URI} <= {extmap.uri for extmap in sections[mid].extmaps}
    uses = [section.use for section in answered.agreement.sections]
    assert uses == [SectionUse.IDLE] * 6 + [SectionUse.DATA]


# ------------------------------------------------------------------------------------- tracks


def test_a_track_finds_the_section_that_names_its_cid() -> None:
    answered = answer(an_offer(audio(), video()), CAMERA, MIC)
    assert {cid: section.mid for cid, section in answered.tracks.items()} == {
        "mic-cid": "0",
        "camera-cid": "1",
    }
    assert [s.track_sid for s in answered.agreement.streams] == ["TR_mic", "TR_camera"]
    assert len({s.row for s in answered.agreement.streams}) == 2
    assert all(s.row > 100 for s in answered.agreement.streams)


def test_a_track_whose_cid_no_section_names_takes_the_first_unclaimed_one_of_its_kind() -> None:
    second = PendingTrack("second", "TR_2", Kind.AUDIO)
    offer = an_offer(video("0", "{v}"), audio("1", "{a}"), audio("2", "second"))
    answered = answer(offer, MIC, second)
    assert answered.tracks["second"].mid == "2"
    assert answered.tracks["mic-cid"].mid == "1"
    assert answered.tracks["mic-cid"].client_track_id == "{a}"


def test_a_track_of_another_kind_claims_nothing() -> None:
    answered = answer(an_offer(audio()), CAMERA)
    assert answered.tracks == {}
    assert answered.agreement.streams == ()


def test_a_section_offered_before_its_track_was_announced_waits_for_it() -> None:
    answered = answer(an_offer(audio()))
    (section,) = answered.agreement.sections
    assert (section.use, section.row) == (SectionUse.STREAM, 0)
    assert sections_of(answered.sdp)["0"].direction is Direction.RECVONLY
    claimed = claim_sections(answered.agreement, [MIC], row_ids=RowIds(100))
    assert claimed.tracks["mic-cid"].row == 101
    assert claimed.agreement.streams == (claimed.tracks["mic-cid"],)


def test_a_section_keeps_its_track_and_row_over_later_offers() -> None:
    ids = RowIds(100)
    first = answer(an_offer(audio()), MIC, row_ids=ids)
    later = an_offer(audio(), video())
    second = answer(later, CAMERA, agreement=first.agreement, row_ids=ids)
    assert second.agreement.sections[0] == first.agreement.sections[0]
    assert second.tracks.keys() == {"camera-cid"}
    assert second.unpublished == ()


@pytest.mark.parametrize("direction", ["inactive", "recvonly"])
def test_a_section_that_no_longer_sends_unpublishes_its_track(direction: str) -> None:
    first = answer(an_offer(audio(), video()), MIC, CAMERA)
    second = answer(an_offer(audio(direction=direction), video()), agreement=first.agreement)
    assert second.unpublished == ("TR_mic",)
    assert second.agreement.sections[0].use is SectionUse.IDLE
    assert sections_of(second.sdp)["0"].direction is Direction.INACTIVE


def test_a_section_that_was_stopped_unpublishes_its_track() -> None:
    first = answer(an_offer(audio(), video()), MIC, CAMERA)
    stopped = audio(direction="inactive").replace("m=audio 9", "m=audio 0")
    second = answer(
        an_offer(stopped, video(), bundle="a=group:BUNDLE 1"), agreement=first.agreement
    )
    assert second.unpublished == ("TR_mic",)
    assert second.rejected == ()
    assert sections_of(second.sdp)["0"].port == 0


def test_a_section_used_again_gets_a_new_track_and_a_new_row() -> None:
    ids = RowIds(100)
    first = answer(an_offer(audio()), MIC, row_ids=ids)
    silent = answer(an_offer(audio(direction="inactive")), agreement=first.agreement, row_ids=ids)
    other = PendingTrack("other-cid", "TR_other", Kind.AUDIO)
    third = answer(
        an_offer(audio("0", "other-cid")), other, agreement=silent.agreement, row_ids=ids
    )
    assert third.tracks["other-cid"].row > first.tracks["mic-cid"].row


def test_a_section_that_names_another_announced_track_changes_to_it() -> None:
    ids = RowIds(100)
    first = answer(an_offer(audio()), MIC, row_ids=ids)
    other = PendingTrack("other-cid", "TR_other", Kind.AUDIO)
    second = answer(
        an_offer(audio("0", "other-cid")), other, agreement=first.agreement, row_ids=ids
    )
    assert second.unpublished == ("TR_mic",)
    assert second.tracks["other-cid"].row > first.tracks["mic-cid"].row


def test_a_section_whose_track_id_changed_without_an_announcement_keeps_its_track() -> None:
    first = answer(an_offer(audio()), MIC)
    second = answer(an_offer(audio("0", "whatever")), agreement=first.agreement)
    assert second.agreement.streams == first.agreement.streams


def test_a_stopped_section_of_chromium_is_rejected_and_its_m_line_may_be_recycled() -> None:
    answered = answer(vector("chromium_offer_stopped.sdp"))
    assert answered.agreement.sections[5].use is SectionUse.REJECTED
    assert answered.rejected == ()


# ------------------------------------------------------------------------------------ sources


def test_a_source_and_its_retransmissions_are_one_encoding() -> None:
    answered = answer(an_offer(video("0", "camera-cid", *FID)), CAMERA)
    assert answered.tracks["camera-cid"].encodings == (Encoding(ssrc=11, rtx_ssrc=12),)


def test_retransmissions_are_not_expected_where_their_codec_was_not_taken() -> None:
    offer = an_offer(video("0", "camera-cid", *FID)).replace("a=fmtp:99 apt=98\r\n", "")
    assert answer(offer, CAMERA).tracks["camera-cid"].encodings == (Encoding(ssrc=11),)


def test_simulcast_is_answered_without_rids_and_its_one_encoding_is_known_by_mid() -> None:
    cid = "a1cbaa4a-1e4e-4350-9f21-a41a0458d859"
    camera = PendingTrack(cid, "TR_camera", Kind.VIDEO)
    answered = answer(vector("chromium_offer_simulcast.sdp"), camera)
    assert answered.tracks[cid].encodings == ()
    assert "a=simulcast" not in answered.sdp
    assert "a=rid" not in answered.sdp
    agreed = answered.agreement.extensions
    assert agreed.mid
    assert agreed.rid
    assert agreed.repaired_rid
    assert agreed.dependency_descriptor


def test_of_layers_named_by_ssrc_only_the_smallest_is_expected() -> None:
    lines = [f"a=ssrc:{n} cname:c" for n in (1, 2, 3, 11, 12, 13)]
    groups = ["a=ssrc-group:SIM 1 2 3"] + [f"a=ssrc-group:FID {n} 1{n}" for n in (1, 2, 3)]
    answered = answer(an_offer(video("0", "camera-cid", *lines, *groups)), CAMERA)
    assert answered.tracks["camera-cid"].encodings == (Encoding(ssrc=1, rtx_ssrc=11),)


def test_sources_whose_relation_is_not_said_are_known_by_mid() -> None:
    offer = an_offer(audio("0", "mic-cid", "a=ssrc:1 cname:c", "a=ssrc:2 cname:c"))
    assert answer(offer, MIC).tracks["mic-cid"].encodings == ()


def test_a_stream_that_nothing_could_tell_from_another_is_refused() -> None:
    nameless = audio("0").replace(f"\r\na=extmap:4 {MID_URI}", "")
    assert "neither an SSRC nor the MID" in refusal(an_offer(nameless))


def test_one_ssrc_in_two_sections_is_refused() -> None:
    line = "a=ssrc:7 cname:c"
    assert "SSRC" in refusal(an_offer(audio("0", "a", line), audio("1", "b", line)))


# ----------------------------------------------------------------------------------- in general


def test_a_text_that_is_no_sdp_is_refused_with_a_sentence() -> None:
    assert refusal("hello") == "Line 1 of the description is not of the form <type>=<value>."


def test_an_offer_whose_agreement_fits_no_note_is_refused() -> None:
    many = [audio(str(i), f"{i:0>250}") for i in range(128)]
    ids = RowIds(2**60)
    pending = [PendingTrack(f"{i:0>250}", f"TR_{i:0>250}", Kind.AUDIO) for i in range(128)]
    outcome = try_to_answer(an_offer(*many), *pending, row_ids=ids)
    assert isinstance(outcome, NegotiationRefused)
    assert "more sections" in outcome.sentence


def test_an_answer_does_not_show_our_password_in_its_repr() -> None:
    assert "p" * 24 not in repr(answer(an_offer(audio())))


@given(
    st.sampled_from(
        ["chromium_offer_camera.sdp", "chromium_offer_simulcast.sdp", "chromium_offer_stopped.sdp"]
    ),
    st.data(),
)
def test_whatever_lines_an_offer_lacks_or_repeats_it_is_answered_or_refused(
    name: str, draw: st.DataObject
) -> None:
    lines = vector(name).split("\r\n")
    for _ in range(draw.draw(st.integers(1, 6))):
        index = draw.draw(st.integers(0, len(lines) - 1))
        repeats = draw.draw(st.integers(0, 2))
        lines[index : index + 1] = [lines[index]] * repeats
        if not lines:
            break
    outcome = try_to_answer("\r\n".join(lines), MIC, CAMERA)
    if isinstance(outcome, Answered):
        offered = parse("\r\n".join(lines))
        answered = parse(outcome.sdp)
        assert [(s.kind, s.mid) for s in answered.sections] == [
            (s.kind, s.mid) for s in offered.sections
        ]
        assert Agreement.from_note(outcome.agreement.to_note()) == outcome.agreement
