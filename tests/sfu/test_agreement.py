"""Agreements travel in notes: exactly, bounded, and without showing their secret."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sfu.agreement import (
    NOTE_LIMIT_BYTES,
    Agreement,
    ChannelLabel,
    ChannelRole,
    Codec,
    DataChannel,
    Encoding,
    Extensions,
    Feedback,
    Fingerprint,
    Ice,
    Kind,
    NoteError,
    Role,
    Section,
    SectionUse,
)

SECRET = "SecretPasswordOfTheTransport"

_text = st.text(max_size=12)
_row = st.integers(0, 2**64 - 1)
_ssrc = st.integers(0, 2**32 - 1)
_id = st.integers(0, 255)
_codecs = st.builds(Codec, _text, _id, _ssrc, st.integers(1, 2), _text, _id, _id)
_encodings = st.builds(Encoding, _text, _ssrc, _ssrc)
_sections = st.builds(
    Section,
    _text,
    st.sampled_from(Kind),
    st.sampled_from(SectionUse),
    _row,
    _text,
    st.lists(_codecs, max_size=2).map(tuple),
    st.lists(_encodings, max_size=3).map(tuple),
    _ssrc,
    _ssrc,
    _text,
    _text,
    _text,
)
_ice = st.builds(Ice, _text, _text, _text)
_agreements = st.builds(
    Agreement,
    _row,
    st.sampled_from(Role),
    _ice,
    st.none() | _ice,
    st.lists(st.builds(Fingerprint, _text, st.binary(max_size=64)), max_size=3).map(tuple),
    st.builds(Extensions, *[_id] * 9, st.booleans()),
    st.sampled_from(Feedback),
    st.lists(_sections, max_size=4).map(tuple),
    _row,
    _row,
    st.lists(
        st.builds(DataChannel, _row, st.sampled_from(ChannelLabel), st.sampled_from(ChannelRole)),
        max_size=6,
    ).map(tuple),
)


def a_fresh_agreement() -> Agreement:
    return Agreement.fresh(transport=7, role=Role.PUBLISHER, ufrag="00abcdefgh", password=SECRET)


@given(_agreements)
def test_a_note_gives_back_exactly_the_agreement_it_was_made_of(agreement: Agreement) -> None:
    assert Agreement.from_note(agreement.to_note()) == agreement


def test_a_note_of_version_1_is_read_for_ever() -> None:
    note = (
        b'{"v":1,"agreement":{"transport":7,"role":"subscriber","ice":{"ufrag":"00ab",'
        b'"password":"pw","remote_ufrag":"xy"},"remote_fingerprints":[{"algorithm":"sha-256",'
        b'"value":"00ff"}],"extensions":{"mid":4,"allow_mixed":true},"feedback":"remb",'
        b'"sections":[{"mid":"1","kind":"video","use":"leg","row":9,"track_sid":"TR_a","codecs":'
        b'[{"name":"VP8","payload_type":96,"clock_hz":90000,"rtx_payload_type":97}],"ssrc":5,'
        b'"rtx_ssrc":6,"stream_id":"PA_x|camera"}],"last_offer_id":3,"session_version":4}}'
    )
    agreement = Agreement(
        transport=7,
        role=Role.SUBSCRIBER,
        ice=Ice("00ab", "pw", "xy"),
        remote_fingerprints=(Fingerprint("sha-256", b"\x00\xff"),),
        extensions=Extensions(mid=4, allow_mixed=True),
        feedback=Feedback.REMB,
        sections=(
            Section(
                "1",
                Kind.VIDEO,
                SectionUse.LEG,
                row=9,
                track_sid="TR_a",
                codecs=(Codec("VP8", 96, 90000, rtx_payload_type=97),),
                ssrc=5,
                rtx_ssrc=6,
                stream_id="PA_x|camera",
            ),
        ),
        last_offer_id=3,
        session_version=4,
    )
    assert Agreement.from_note(note) == agreement
    assert agreement.to_note() == note


def test_a_note_holds_our_ice_password_because_a_later_offer_must_repeat_it() -> None:
    assert SECRET.encode() in a_fresh_agreement().to_note()


def test_no_repr_shows_the_ice_password() -> None:
    agreement = dataclasses.replace(a_fresh_agreement(), ice_previous=Ice("00cd", SECRET, ""))
    assert SECRET not in repr(agreement)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"v":2,"agreement":{}}',
        b'{"agreement":{}}',
        b'{"v":1}',
        b'{"v":1,"agreement":{"transport":"7"}}',
    ],
)
def test_anything_else_than_a_note_of_version_1_is_refused(note: bytes) -> None:
    with pytest.raises(NoteError):
        Agreement.from_note(note)


@given(st.binary(max_size=200))
def test_reading_a_note_raises_nothing_but_note_error(note: bytes) -> None:
    with pytest.raises(NoteError):
        Agreement.from_note(note)


def test_the_refusal_of_a_note_does_not_quote_it() -> None:
    note = a_fresh_agreement().to_note().replace(b'"role":"publisher"', b'"role":3')
    with pytest.raises(NoteError) as refusal:
        Agreement.from_note(note)
    assert "agreement.role" in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_an_agreement_larger_than_a_note_may_be_is_refused() -> None:
    section = Section("0", Kind.AUDIO, SectionUse.STREAM, client_track_id="x" * NOTE_LIMIT_BYTES)
    agreement = dataclasses.replace(a_fresh_agreement(), sections=(section,))
    with pytest.raises(NoteError, match="65536"):
        agreement.to_note()


def test_a_stream_without_row_is_not_among_the_streams() -> None:
    waiting = Section("0", Kind.AUDIO, SectionUse.STREAM)
    known = Section("1", Kind.AUDIO, SectionUse.STREAM, row=3, track_sid="TR_a")
    agreement = dataclasses.replace(a_fresh_agreement(), sections=(waiting, known))
    assert agreement.streams == (known,)
    assert agreement.section_of_track("TR_a") is known
    assert agreement.section_of_track("") is None
    assert agreement.section_of_mid("0") is waiting
