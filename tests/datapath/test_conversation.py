"""What may be said when, on the controlling side of the contract."""

import pytest

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.conversation import (
    Answered,
    ContractBroken,
    Conversation,
    FactsTold,
    FencedOff,
    LogTold,
    Memory,
    Phase,
    TableRead,
)
from tests.datapath.rows import memo

BOOT = b"b" * 16


def hello(epoch: int = 4, boot_id: bytes = BOOT, schema: int = 1) -> pb.Frame:
    return pb.Frame(hello=pb.Hello(schema=schema, boot_id=boot_id, epoch=epoch, now_ns=1000))


def sent(conversation: Conversation) -> list[pb.Frame]:
    frames = []
    while (frame := conversation.poll_frame()) is not None:
        frames.append(frame)
    return frames


def greeted(memory: Memory | None = None) -> Conversation:
    conversation = Conversation(memory or Memory(), "test")
    conversation.handle_frame(hello(), now_ns=5)
    sent(conversation)
    return conversation


def rebuilding(memory: Memory | None = None) -> Conversation:
    conversation = greeted(memory)
    conversation.handle_frame(pb.Frame(exchange=1, dump=pb.Dump()), now_ns=6)
    return conversation


def told(row: int, revision: int) -> pb.Frame:
    facts = pb.Facts(row=row, revision=revision)
    return pb.Frame(upcall=pb.Upcall(facts=[facts]))


def test_nothing_is_said_before_the_datapaths_hello() -> None:
    assert sent(Conversation(Memory(), "test")) == []


def test_hello_names_an_epoch_above_the_one_read_and_the_table_is_asked_for() -> None:
    conversation = Conversation(Memory(), "test")
    assert conversation.handle_frame(hello(epoch=4), now_ns=5) == []
    ours, asked = sent(conversation)
    assert (ours.hello.epoch, ours.hello.schema, ours.hello.now_ns) == (5, 1, 5)
    assert asked.WhichOneof("body") == "dump_request"


def test_a_table_in_parts_is_told_once_it_is_whole() -> None:
    conversation = greeted()
    part = pb.Frame(exchange=1, dump=pb.Dump(rows=[memo(1)], more=True))
    assert conversation.handle_frame(part, now_ns=6) == []
    last = pb.Frame(exchange=1, dump=pb.Dump(rows=[memo(2)]))
    (event,) = conversation.handle_frame(last, now_ns=7)
    assert isinstance(event, TableRead)
    assert [row.id for row in event.dump.rows] == [1, 2]
    assert conversation.phase is Phase.REBUILDING


@pytest.mark.parametrize(
    ("memory", "new_boot"),
    [(Memory(), False), (Memory(BOOT, 4), False), (Memory(b"a" * 16, 9), True)],
)
def test_a_boot_is_new_when_another_was_known(memory: Memory, new_boot: bool) -> None:
    conversation = greeted(memory)
    (event,) = conversation.handle_frame(pb.Frame(exchange=1, dump=pb.Dump()), now_ns=6)
    assert isinstance(event, TableRead)
    assert event.new_boot is new_boot


def test_every_apply_carries_the_epoch_and_a_generation_that_grows() -> None:
    conversation = rebuilding()
    conversation.ask_apply(7, [], [])
    conversation.ask_apply(8, [], [])
    first, second = (frame.apply for frame in sent(conversation))
    assert first.epoch == second.epoch == 5
    assert 1000 < first.generation < second.generation


def test_an_answer_is_matched_by_its_exchange() -> None:
    conversation = rebuilding()
    exchange = conversation.ask_apply(7, [], [])
    applied = pb.Applied(room=7)
    frame = pb.Frame(exchange=exchange, applied=applied)
    assert conversation.handle_frame(frame, now_ns=7) == [Answered(exchange, applied)]


def test_a_controller_counts_from_its_first_acknowledged_apply() -> None:
    conversation = rebuilding()
    exchange = conversation.ask_apply(0, [], [])
    before = conversation.counts
    conversation.handle_frame(pb.Frame(exchange=exchange, applied=pb.Applied()), now_ns=7)
    assert (before, conversation.counts) == (False, True)
    assert conversation.memory == Memory(BOOT, 5)


def test_facts_wait_until_the_control_plane_is_in_order_and_only_the_newest_do() -> None:
    conversation = rebuilding()
    for frame in (told(1, 1), told(2, 1), told(1, 2)):
        assert conversation.handle_frame(frame, now_ns=7) == []
    (event,) = conversation.handle_rebuilt()
    assert isinstance(event, FactsTold)
    assert {(one.row, one.revision) for one in event.facts} == {(1, 2), (2, 1)}
    (event,) = conversation.handle_frame(told(1, 3), now_ns=8)
    assert isinstance(event, FactsTold)


def test_a_stale_epoch_fences_and_nothing_more_is_sent() -> None:
    conversation = rebuilding()
    exchange = conversation.ask_apply(7, [], [])
    conversation.ask_counters(0)
    refused = pb.Refused(reason=pb.Refused.STALE_EPOCH)
    assert conversation.handle_frame(pb.Frame(exchange=exchange, refused=refused), 7) == [
        FencedOff()
    ]
    assert conversation.phase is Phase.FENCED
    assert sent(conversation) == []


def test_a_reconnecting_controller_does_not_fence_one_that_took_over_meanwhile() -> None:
    conversation = Conversation(Memory(BOOT, 5), "test")
    assert conversation.handle_frame(hello(epoch=6), now_ns=5) == [FencedOff()]
    assert sent(conversation) == []


def test_a_reconnecting_controller_takes_over_from_itself() -> None:
    conversation = Conversation(Memory(BOOT, 5), "test")
    conversation.handle_frame(hello(epoch=5), now_ns=5)
    assert sent(conversation)[0].hello.epoch == 6


def test_another_refusal_is_an_answer() -> None:
    conversation = rebuilding()
    exchange = conversation.ask_apply(7, [], [])
    refused = pb.Refused(row=3, reason=pb.Refused.CONFLICT)
    events = conversation.handle_frame(pb.Frame(exchange=exchange, refused=refused), now_ns=7)
    assert events == [Answered(exchange, refused)]


def test_log_lines_are_passed_on_in_any_phase() -> None:
    line = pb.LogLine(event="listener_opened")
    assert greeted().handle_frame(pb.Frame(log=line), now_ns=6) == [LogTold(line)]


def test_frames_that_are_not_known_are_passed_over() -> None:
    assert rebuilding().handle_frame(pb.Frame(exchange=3), now_ns=7) == []


@pytest.mark.parametrize("frame", [pb.Frame(), pb.Frame(applied=pb.Applied()), told(1, 1)])
def test_whoever_does_not_greet_first_speaks_another_contract(frame: pb.Frame) -> None:
    with pytest.raises(ContractBroken):
        Conversation(Memory(), "test").handle_frame(frame, now_ns=5)


@pytest.mark.parametrize("schema", [0, 2, 99])
def test_a_schema_that_is_not_spoken_is_said_so(schema: int) -> None:
    with pytest.raises(ContractBroken, match="upgrade"):
        Conversation(Memory(), "test").handle_frame(hello(schema=schema), now_ns=5)


def test_a_table_that_is_refused_is_a_broken_contract() -> None:
    with pytest.raises(ContractBroken):
        greeted().handle_frame(pb.Frame(exchange=1, refused=pb.Refused()), now_ns=6)
