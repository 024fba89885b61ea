"""SDP is read strictly enough to be safe, tolerantly enough for browsers, and written as read."""

import contextlib
import string
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sfu.agreement import Fingerprint
from gateway.signalling.sdp import (
    MAX_BYTES,
    MAX_SECTIONS,
    Direction,
    Extmap,
    Fmtp,
    Group,
    IceCandidate,
    MediaSection,
    Msid,
    Origin,
    Rid,
    RtcpFeedback,
    Rtpmap,
    SdpError,
    SessionDescription,
    Setup,
    SsrcAttribute,
    SsrcGroup,
    parse,
    render,
)
from tests.signalling.parts import SESSION, VECTORS, an_offer, audio, data, vector, video

ALL_VECTORS = sorted(path.name for path in VECTORS.glob("*.sdp"))

# ---------------------------------------------------------------------------- made-up values

_T = TypeVar("_T")


def _some(values: st.SearchStrategy[_T]) -> st.SearchStrategy[tuple[_T, ...]]:
    return st.lists(values, max_size=3).map(tuple)


_token = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=12)
_words = st.text(string.ascii_letters + string.digits + "=;/ ", max_size=20).map(
    lambda text: " ".join(text.split())
)
_payload_type = st.integers(0, 127)
_u32 = st.integers(0, 2**32 - 1)
_ice = st.text(string.ascii_letters + string.digits + "+/", min_size=4, max_size=24)
_fingerprints = st.binary(min_size=32, max_size=32).map(lambda value: Fingerprint("sha-256", value))

_sections = st.builds(
    MediaSection,
    kind=st.sampled_from(["audio", "video", "application", "text"]),
    port=st.integers(0, 65535),
    protocol=st.sampled_from(["UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP"]),
    formats=st.lists(_token, min_size=1, max_size=4, unique=True).map(tuple),
    mid=st.just("") | _token,
    direction=st.sampled_from(Direction),
    ice_ufrag=st.just("") | _ice,
    ice_pwd=st.just("") | _ice,
    setup=st.none() | st.sampled_from(Setup),
    fingerprints=_some(_fingerprints),
    candidates=_some(
        st.builds(
            IceCandidate,
            _token,
            st.integers(1, 256),
            st.sampled_from(["udp", "tcp"]),
            _u32,
            st.sampled_from(["192.0.2.1", "2001:db8::1", "a.local"]),
            st.integers(0, 65535),
            _token,
        )
    ),
    end_of_candidates=st.booleans(),
    bundle_only=st.booleans(),
    rtcp_mux=st.booleans(),
    rtcp_rsize=st.booleans(),
    rtpmaps=_some(st.builds(Rtpmap, _payload_type, _token, _u32, st.integers(1, 8))),
    fmtps=_some(st.builds(Fmtp, _payload_type, _words)),
    rtcp_feedback=_some(st.builds(RtcpFeedback, st.none() | _payload_type, _words)),
    extmaps=_some(
        st.builds(Extmap, st.integers(0, 255), _token, st.none() | st.sampled_from(Direction))
    ),
    extmap_allow_mixed=st.booleans(),
    msids=_some(st.builds(Msid, _token, st.just("") | _token)),
    ssrcs=_some(st.builds(SsrcAttribute, _u32, _token, _words)),
    ssrc_groups=_some(st.builds(SsrcGroup, _token, _some(_u32))),
    rids=_some(st.builds(Rid, _token, st.sampled_from(["send", "recv"]))),
    simulcast=_words,
    sctp_port=st.none() | st.integers(0, 65535),
    max_message_bytes=st.none() | st.integers(0, 2**62),
)
_descriptions = st.builds(
    SessionDescription,
    origin=st.builds(Origin, _u32, _u32),
    ice_lite=st.booleans(),
    groups=_some(st.builds(Group, _token, _some(_token))),
    msid_semantic=_words,
    extmap_allow_mixed=st.booleans(),
    sections=st.lists(_sections, max_size=3, unique_by=lambda s: s.mid or id(s)).map(tuple),
)

# --------------------------------------------------------------------------------- properties


@given(_descriptions)
def test_what_was_rendered_and_read_renders_the_same_again(x: SessionDescription) -> None:
    assert render(parse(render(x))) == render(x)


@given(st.text(max_size=400))
def test_no_text_makes_parse_raise_anything_but_sdp_error(text: str) -> None:
    with pytest.raises(SdpError):
        parse(text)


# fmt: off
_attribute_names = st.sampled_from([
    "mid", "group", "setup", "fingerprint", "ice-ufrag", "ice-pwd", "candidate", "rtpmap", "fmtp",
    "rtcp-fb", "extmap", "msid", "ssrc", "ssrc-group", "rid", "simulcast", "sctp-port",
    "max-message-size", "sendonly", "unknown",
])
# fmt: on
_lines = st.builds("a={}:{}".format, _attribute_names, st.text(max_size=30)) | st.builds(
    "m={}".format, st.text(max_size=30)
)


@given(st.lists(_lines, max_size=12))
def test_no_attribute_makes_parse_raise_anything_but_sdp_error(lines: list[str]) -> None:
    text = "\r\n".join((*SESSION, audio(), *lines))
    try:
        description = parse(text)
    except SdpError:
        return
    assert render(parse(render(description))) == render(description)


@given(st.sampled_from(ALL_VECTORS), st.data())
def test_a_browsers_description_with_one_changed_character_is_read_or_refused(
    name: str, data: st.DataObject
) -> None:
    text = vector(name)
    position = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters())
    with contextlib.suppress(SdpError):
        parse(text[:position] + character + text[position + 1 :])


# ----------------------------------------------------------------------------------- browsers


@pytest.mark.parametrize("name", ALL_VECTORS)
def test_descriptions_of_clients_are_read_and_come_back_the_same(name: str) -> None:
    description = parse(vector(name))
    assert parse(render(description)) == description


def test_a_simulcast_camera_of_chromium_is_read_whole() -> None:
    description = parse(vector("chromium_offer_simulcast.sdp"))
    assert description.bundle == ("0", "1", "2")
    assert description.extmap_allow_mixed
    camera = description.sections[1]
    assert camera.rids == (Rid("q", "send"), Rid("h", "send"), Rid("f", "send"))
    assert camera.simulcast == "send q;h;f"
    assert camera.ssrcs == ()
    assert camera.msids == (Msid("-", "a1cbaa4a-1e4e-4350-9f21-a41a0458d859"),)
    assert camera.setup is Setup.ACTPASS
    assert Rtpmap(96, "VP8", 90000) in camera.rtpmaps
    assert Fmtp(97, "apt=96") in camera.fmtps
    assert RtcpFeedback(96, "nack pli") in camera.rtcp_feedback
    channel = description.sections[2]
    assert (channel.kind, channel.sctp_port, channel.max_message_bytes) == (
        "application",
        5000,
        262144,
    )


def test_what_the_session_says_holds_for_each_section_that_says_nothing() -> None:
    own = audio("0", "a", "a=setup:active", "a=ice-ufrag:mine", "a=ice-pwd:" + "m" * 22)
    first, second = parse(an_offer(own, video())).sections
    assert (first.ice_ufrag, first.setup) == ("mine", Setup.ACTIVE)
    assert (second.ice_ufrag, second.setup) == ("abcd", Setup.ACTPASS)
    assert first.fingerprints == second.fingerprints == (Fingerprint("sha-256", b"\xab" * 32),)


def test_lines_may_end_in_lf_alone() -> None:
    offer = an_offer(audio(), video(), data())
    assert parse(offer.replace("\r\n", "\n")) == parse(offer)


def test_unknown_attributes_and_unreadable_candidates_are_skipped() -> None:
    odd = audio("0", "a", "a=candidate:1 1 udp x y z", "a=candidate:", "a=nobody:knows", "b=AS:9")
    assert parse(an_offer(odd)) == parse(an_offer(audio("0", "a")))


# ----------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\t", "\x0b", "\x7f", "\x85", "\u2028", "\ud800"]
)
def test_control_characters_are_refused_in_and_out(character: str) -> None:
    with pytest.raises(SdpError, match="control character"):
        parse(an_offer(audio("0", f"a{character}b")))
    section = MediaSection("audio", 9, "UDP/TLS/RTP/SAVPF", ("0",), simulcast=f"a{character}b")
    with pytest.raises(SdpError, match="control character"):
        render(SessionDescription(sections=(section,)))


def test_a_value_with_a_line_end_cannot_add_a_line() -> None:
    section = MediaSection(
        "audio", 9, "UDP/TLS/RTP/SAVPF", ("0",), msids=(Msid("a\r\na=ice-ufrag:evil"),)
    )
    with pytest.raises(SdpError):
        render(SessionDescription(sections=(section,)))


def test_a_description_is_bounded_in_bytes() -> None:
    with pytest.raises(SdpError, match=str(MAX_BYTES)):
        parse(an_offer(audio("0", "a", "a=x:" + "y" * MAX_BYTES)))
    with pytest.raises(SdpError, match=str(MAX_BYTES)):
        parse(an_offer(audio("0", "a", "a=x:" + "\u20ac" * (MAX_BYTES // 2))))


def test_a_description_is_bounded_in_sections() -> None:
    most = parse(an_offer(*[data(str(i)) for i in range(MAX_SECTIONS)]))
    assert len(most.sections) == MAX_SECTIONS
    with pytest.raises(SdpError, match=str(MAX_SECTIONS)):
        parse(an_offer(*[data(str(i)) for i in range(MAX_SECTIONS + 1)]))


def test_a_section_is_bounded_in_lines_of_one_name() -> None:
    with pytest.raises(SdpError, match="more than 512 a=fmtp"):
        parse(an_offer(audio("0", "a", *["a=fmtp:111 x=1"] * 600)))


def test_two_sections_with_one_mid_are_refused() -> None:
    with pytest.raises(SdpError, match="same a=mid"):
        parse(an_offer(audio("0"), video("0")))


@pytest.mark.parametrize(
    "line",
    [
        "a=mid:two words",
        "a=setup:sideways",
        "a=fingerprint:sha-256 AB:CD",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 31),
        "a=fingerprint:sha-256 " + "AB" * 32,
        "a=ice-ufrag:a b c",
        "a=rtpmap:200 VP8/90000",
        "a=rtpmap:96 VP8",
        "a=rtpmap:96 VP8/ninety",
        "a=extmap:x uri",
        "a=extmap:1",
        "a=extmap:1/up uri",
        "a=ssrc:4294967296 cname:a",
        "a=ssrc:\u0663 cname:a",
        "a=ssrc-group:FID one two",
        "a=rid:q sideways",
        "a=msid:a b c",
        "a=rtcp-fb:x nack",
        "a=sctp-port:70000",
    ],
)
def test_a_malformed_attribute_is_refused_by_name(line: str) -> None:
    section = "m=video 9 UDP/TLS/RTP/SAVPF 96"
    with pytest.raises(SdpError, match=f"a={line[2:].partition(':')[0]} line"):
        parse(an_offer(f"{section}\r\n{line}", bundle=""))


@pytest.mark.parametrize(
    "line", ["m=", "m=audio", "m=audio x RTP/AVP 0", "m=audio 9 RTP/AVP", "m=audio 9 RTP/AVP 0 0"]
)
def test_a_malformed_m_line_is_refused(line: str) -> None:
    with pytest.raises(SdpError, match="m= line"):
        parse(an_offer(line, bundle=""))


@pytest.mark.parametrize("text", ["", "v=0", "v=1\r\no=- 1 1 IN IP4 0.0.0.0", "s=-\r\nv=0"])
def test_a_text_without_version_and_origin_is_no_description(text: str) -> None:
    with pytest.raises(SdpError):
        parse(text)


def test_a_line_without_type_is_refused_by_its_number() -> None:
    with pytest.raises(SdpError, match="Line 2 "):
        parse("v=0\r\nhello\r\n")
