"""Large requests and answers are cut and joined without loss."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.framing import MAX_FRAME_BYTES
from gateway.datapath.parts import ApplyJoiner, DumpJoiner, apply_parts, dump_parts
from tests.datapath.rows import memo

SIZES = st.lists(st.sampled_from([0, 10, 65_000, 250_000]), max_size=12)


@settings(max_examples=30)
@given(SIZES, st.integers(0, 200_000))
def test_an_apply_of_any_size_arrives_whole_in_frames_that_fit(
    sizes: list[int], deletes: int
) -> None:
    puts = [memo(id_, bytes(size)) for id_, size in enumerate(sizes, 1)]
    ids = [2**63 + id_ for id_ in range(deletes)]
    parts = list(apply_parts(3, 4, 5, puts, ids))
    assert all(pb.Frame(exchange=1, apply=part).ByteSize() <= MAX_FRAME_BYTES for part in parts)
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    joiner = ApplyJoiner(parts[0])
    wholes = [joiner.add(part) for part in parts]
    assert wholes[:-1] == [None] * (len(parts) - 1)
    assert wholes[-1] == pb.Apply(epoch=3, generation=4, room=5, puts=puts, deletes=ids)
    assert joiner.alike


@settings(max_examples=30)
@given(SIZES)
def test_a_dump_of_any_size_arrives_whole_in_frames_that_fit(sizes: list[int]) -> None:
    rows = [memo(id_, bytes(size)) for id_, size in enumerate(sizes, 1)]
    facts = [pb.Facts(row=id_, revision=1) for id_ in range(len(sizes))]
    joiner = DumpJoiner()
    dumped = None
    for part in dump_parts(9, rows, facts):
        assert pb.Frame(exchange=1, dump=part).ByteSize() <= MAX_FRAME_BYTES
        assert dumped is None
        dumped = joiner.add(part)
    assert dumped is not None
    assert (dumped.epoch, dumped.rows, dumped.facts) == (9, tuple(rows), tuple(facts))


def test_an_empty_apply_and_an_empty_dump_are_one_part() -> None:
    assert [part.more for part in apply_parts(1, 1, 0, [], [])] == [False]
    assert [part.more for part in dump_parts(1, [], [])] == [False]


def test_parts_of_different_applies_are_noticed() -> None:
    joiner = ApplyJoiner(pb.Apply(room=1, more=True))
    joiner.add(pb.Apply(room=1, more=True))
    joiner.add(pb.Apply(room=2))
    assert not joiner.alike


def test_a_dump_shows_no_rows_in_its_repr() -> None:
    dumped = DumpJoiner().add(pb.Dump(epoch=1, rows=[memo(5, b"note")]))
    assert dumped is not None
    assert repr(dumped) == "Dumped(epoch=1)"
    assert dumped.highest_id() == 5
