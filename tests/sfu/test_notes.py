"""Notes: what is written on rows comes back whole, and nothing else is believed."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.participant import Participant, ParticipantState, Permission
from gateway.rooms.room import Room
from gateway.rooms.subscription import Access, Audience, Subscriptions
from gateway.rooms.track import Encryption, Layer, LayerQuality, Track, TrackKind, TrackSource
from gateway.sfu import notes
from gateway.sfu.agreement import NOTE_LIMIT_BYTES, Agreement, NoteError, Role

SUBSCRIBER = Agreement.fresh(transport=3, role=Role.SUBSCRIBER, ufrag="00abcd", password="p" * 24)
PUBLISHER = Agreement.fresh(transport=4, role=Role.PUBLISHER, ufrag="00efgh", password="q" * 24)

text = st.text(max_size=12)
sids = st.text("abcXYZ19_", min_size=1, max_size=8)
layers = st.builds(
    Layer, st.sampled_from(LayerQuality), *(st.integers(0, 2**32 - 1) for _ in range(3))
)
tracks = st.builds(
    Track,
    sid=sids,
    cid=text,
    kind=st.sampled_from(TrackKind),
    source=st.sampled_from(TrackSource),
    name=text,
    muted=st.booleans(),
    width=st.integers(0, 4096),
    stream=text,
    encryption=st.sampled_from(Encryption),
    layers=st.lists(layers, max_size=3).map(tuple),
    audio_features=st.lists(st.sampled_from(["TF_STEREO", "TF_NO_DTX"]), max_size=2).map(tuple),
    published=st.booleans(),
    mid=text,
)
participants = st.builds(
    Participant,
    sid=sids,
    identity=text,
    name=text,
    metadata=text,
    attributes=st.dictionaries(text, text, max_size=3),
    permission=st.builds(
        Permission,
        can_publish=st.booleans(),
        sources=st.none() | st.lists(st.sampled_from(TrackSource), max_size=3).map(tuple),
    ),
    state=st.sampled_from(ParticipantState),
    version=st.integers(1, 2**31),
    joined_s=st.floats(0, 4e9),
    tracks=st.lists(tracks, max_size=3).map(lambda many: {track.sid: track for track in many}),
    subscriptions=st.builds(
        Subscriptions,
        auto=st.booleans(),
        chosen=st.dictionaries(sids, st.booleans(), max_size=3),
        disabled=st.lists(sids, max_size=3).map(tuple),
    ),
    audience=st.builds(
        Audience,
        everybody=st.booleans(),
        accesses=st.lists(
            st.builds(Access, sids, text, st.booleans(), st.lists(sids).map(tuple)), max_size=2
        ).map(tuple),
    ),
    waits_for=text,
)
rooms = st.builds(Room, sid=sids, name=text, created_s=st.floats(0, 4e9), metadata=text)


@given(rooms, participants)
def test_a_subscriber_transports_note_holds_room_participant_and_agreement(
    room: Room, participant: Participant
) -> None:
    note = notes.write(room, participant, SUBSCRIBER)
    assert note == notes.write(room, participant, SUBSCRIBER), "the same again, byte for byte"
    noted, agreement = notes.read(note)
    assert agreement == SUBSCRIBER
    assert noted.participant == participant
    assert noted.room is not None
    assert (noted.room.sid, noted.room.name) == (room.sid, room.name)
    assert (noted.room.created_s, noted.room.metadata) == (room.created_s, room.metadata)


def test_a_publisher_transports_note_names_the_participant_only() -> None:
    participant = Participant("PA_1", "doctor", metadata="m" * 1000)
    noted, agreement = notes.read(notes.write(Room("RM_1", "r"), participant, PUBLISHER))
    assert agreement == PUBLISHER
    assert (noted.participant_sid, noted.participant, noted.room) == ("PA_1", None, None)


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_in_words_that_quote_nothing(garbage: bytes) -> None:
    for note in (garbage, bytes([notes.VERSION]) + garbage):
        with pytest.raises(NoteError) as refused:
            notes.read(note)
        assert len(str(refused.value)) < 100


def test_an_unknown_version_is_refused() -> None:
    note = notes.write(Room("RM_1", "r"), Participant("PA_1", "doctor"), SUBSCRIBER)
    with pytest.raises(NoteError, match="version"):
        notes.read(bytes([notes.VERSION + 1]) + note[1:])


def test_a_note_that_grows_beyond_all_bounds_is_refused() -> None:
    bomb = bytes([notes.VERSION]) + zlib.compress(b" " * 10_000_000)
    with pytest.raises(NoteError, match="grows"):
        notes.read(bomb)


def test_a_note_above_the_contracts_bound_is_not_written() -> None:
    noise = random.Random(5)
    noisy = "".join(chr(noise.randrange(0x4E00, 0x9FFF)) for _ in range(60_000))
    with pytest.raises(NoteError, match=str(NOTE_LIMIT_BYTES - 1)):
        notes.write(Room("RM_1", "r"), Participant("PA_1", "d", metadata=noisy), SUBSCRIBER)


def test_nothing_personal_is_in_a_repr() -> None:
    room, participant = Room("RM_1", "consultation"), Participant("PA_1", "doctor", "House")
    noted, _ = notes.read(notes.write(room, participant, SUBSCRIBER))
    for word in ("consultation", "doctor", "House", SUBSCRIBER.ice.password):
        assert word not in repr(noted)
