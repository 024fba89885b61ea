"""What may be put, what is refused, and that an Apply is all or nothing."""

from collections.abc import Sequence

import pytest

from gateway.datapath import datapath_pb2 as pb
from tests.contract.controller import Controller
from tests.datapath.rows import (
    OPUS,
    PASSWORD,
    ROOM,
    call,
    leg,
    memo,
    stream,
    transport,
    without_passwords,
)

DIGEST = pb.Fingerprint(algorithm="sha-256", value=bytes(32))


def changed(row: pb.Row, **fields: object) -> pb.Row:
    """The row with some fields of its kind set."""
    made = getattr(row, str(row.WhichOneof("kind")))
    made.MergeFrom(type(made)(**fields))
    return row


async def refusal(controller: Controller, puts: Sequence[pb.Row]) -> pb.Refused:
    """The refusal of an Apply, after looking that nothing of it holds."""
    before = await controller.rows()
    refused = await controller.apply(puts)
    assert refused is not None
    assert await controller.rows() == before
    assert refused.detail
    assert PASSWORD not in refused.detail
    return refused


class TestPut:
    async def test_a_dump_is_what_was_put_without_passwords(self, controller: Controller) -> None:
        rows = call()
        changed(rows[0], remote_fingerprints=[DIGEST], note=b"agreement", max_bps=3_000_000)
        rows[0].transport.ice_previous.CopyFrom(rows[0].transport.ice)
        rows[0].transport.ice_previous.ufrag = "00older"
        changed(rows[2], note=b"track", muted=True)
        changed(rows[3], note=b"subscription", priority=3)
        rows.append(memo(20, b"value", room=ROOM, key="key"))
        assert await controller.apply(rows) is None
        assert await controller.rows() == without_passwords(rows)
        assert PASSWORD.encode() not in b"".join(
            row.SerializeToString() for row in await controller.rows()
        )

    async def test_a_put_replaces_the_row_of_its_id(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        changed_rows = [
            transport(11, ufrag="00other", note=b"ICE restarted"),
            changed(leg(14, 13, 12), paused=True),
        ]
        assert await controller.apply(changed_rows) is None
        rows = {row.id: row for row in await controller.rows()}
        assert [rows[11], rows[14]] == without_passwords(changed_rows)
        assert len(rows) == 4, "what hangs on the replaced transport stays"

    async def test_a_row_may_refer_to_one_put_before_it_and_not_after_it(
        self, controller: Controller
    ) -> None:
        refused = await refusal(controller, [stream(13, 11), transport(11)])
        assert (refused.row, refused.reason) == (13, pb.Refused.UNKNOWN_REFERENCE)
        assert await controller.apply([transport(11), stream(13, 11)]) is None

    async def test_rows_of_a_room_may_come_in_several_applies(self, controller: Controller) -> None:
        for row in call():
            assert await controller.apply([row]) is None
        assert await controller.rows() == without_passwords(call())

    async def test_an_empty_apply_holds(self, controller: Controller) -> None:
        assert await controller.apply() is None
        assert await controller.apply(room=ROOM) is None

    async def test_a_transport_may_move_its_ufrag_to_previous(self, controller: Controller) -> None:
        before = transport(11)
        assert await controller.apply([before]) is None
        after = transport(11, ufrag="00after")
        after.transport.ice_previous.CopyFrom(before.transport.ice)
        assert await controller.apply([after]) is None


class TestDelete:
    async def test_deleting_a_transport_deletes_its_streams_and_legs(
        self, controller: Controller
    ) -> None:
        assert await controller.apply(call()) is None
        assert await controller.apply(deletes=[11], room=ROOM) is None
        assert [row.id for row in await controller.rows()] == [12]

    async def test_deleting_the_subscribers_transport_deletes_the_leg_alone(
        self, controller: Controller
    ) -> None:
        assert await controller.apply(call()) is None
        assert await controller.apply(deletes=[12], room=ROOM) is None
        assert [row.id for row in await controller.rows()] == [11, 13]

    async def test_deleting_a_stream_deletes_its_legs(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        assert await controller.apply(deletes=[13], room=ROOM) is None
        assert [row.id for row in await controller.rows()] == [11, 12]

    async def test_deleting_what_is_not_there_is_no_error(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        assert await controller.apply(deletes=[99, 11, 11, 13], room=ROOM) is None
        assert [row.id for row in await controller.rows()] == [12]

    async def test_deletes_come_before_puts(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        heir = transport(21, ufrag=call()[0].transport.ice.ufrag)
        assert await controller.apply([heir], [11]) is None
        assert [row.id for row in await controller.rows()] == [12, 21]

    async def test_a_put_that_refers_to_a_row_deleted_with_it_is_refused(
        self, controller: Controller
    ) -> None:
        assert await controller.apply(call()) is None
        refused = await controller.apply([leg(15, 13, 12)], [11])
        assert refused is not None
        assert refused.reason == pb.Refused.UNKNOWN_REFERENCE
        assert await controller.rows() == without_passwords(call())

    async def test_rows_of_another_room_are_not_deleted(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        refused = await controller.apply(deletes=[11], room=8)
        assert refused is not None
        assert (refused.row, refused.reason) == (11, pb.Refused.UNKNOWN_REFERENCE)
        assert len(await controller.rows()) == 4

    async def test_memos_are_deleted_too(self, controller: Controller) -> None:
        assert await controller.apply([memo(5), memo(6)]) is None
        assert await controller.apply(deletes=[5]) is None
        assert [row.id for row in await controller.rows()] == [6]


class TestAllOrNothing:
    @pytest.mark.parametrize("place", [0, 2, 4])
    async def test_one_bad_row_anywhere_spoils_the_whole(
        self, controller: Controller, place: int
    ) -> None:
        rows = [*call()]
        rows.insert(place, changed(stream(30, 11, mid="9"), codecs=[pb.Codec(name="x")]))
        refused = await refusal(controller, rows)
        assert refused.row == 30

    async def test_deletes_of_a_refused_apply_do_not_hold(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        refused = await controller.apply([stream(30, 99)], [11, 12])
        assert refused is not None
        assert await controller.rows() == without_passwords(call())

    async def test_a_replacement_in_a_refused_apply_does_not_hold(
        self, controller: Controller
    ) -> None:
        assert await controller.apply(call()) is None
        await refusal(controller, [transport(11, ufrag="00other"), stream(30, 99)])

    async def test_after_a_refusal_good_rows_are_taken(self, controller: Controller) -> None:
        await refusal(controller, [*call(), stream(30, 99)])
        assert await controller.apply(call()) is None


class TestReferences:
    @pytest.mark.parametrize(
        "row",
        [
            stream(30, 99),
            stream(30, 13, mid="9"),
            stream(30, 1, mid="9"),
            leg(30, 99, 12),
            leg(30, 13, 99),
            leg(30, 11, 12),
            leg(30, 13, 13),
        ],
        ids=[
            "stream on nothing",
            "stream on a stream",
            "stream on a listener",
            "leg of nothing",
            "leg to nothing",
            "leg of a transport",
            "leg to a stream",
        ],
    )
    async def test_a_reference_to_nothing_or_another_kind_is_refused_naming_the_row(
        self, controller: Controller, row: pb.Row
    ) -> None:
        assert await controller.apply(call()) is None
        refused = await refusal(controller, [row])
        assert (refused.row, refused.reason) == (30, pb.Refused.UNKNOWN_REFERENCE)

    async def test_rooms_do_not_reach_into_each_other(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        for row in (stream(30, 11, room=8, mid="9"), leg(30, 13, 12, room=8)):
            refused = await refusal(controller, [row])
            assert (refused.row, refused.reason) == (30, pb.Refused.UNKNOWN_REFERENCE)


class TestIds:
    async def test_a_row_has_an_id(self, controller: Controller) -> None:
        assert (await refusal(controller, [memo(0)])).reason == pb.Refused.MALFORMED

    async def test_ids_are_of_64_bits(self, controller: Controller) -> None:
        assert await controller.apply([memo(2**64 - 1)]) is None
        assert [row.id for row in await controller.rows()] == [2**64 - 1]

    @pytest.mark.parametrize(
        "row",
        [transport(14), memo(11, room=ROOM), memo(11, room=0), transport(11, room=8)],
        ids=["kind", "kind of memo", "global", "room"],
    )
    async def test_an_id_of_another_kind_or_room_is_taken(
        self, controller: Controller, row: pb.Row
    ) -> None:
        assert await controller.apply(call()) is None
        refused = await refusal(controller, [row])
        assert (refused.row, refused.reason) == (row.id, pb.Refused.CONFLICT)

    async def test_a_row_is_put_once_in_an_apply(self, controller: Controller) -> None:
        refused = await refusal(controller, [memo(5), memo(5)])
        assert (refused.row, refused.reason) == (5, pb.Refused.CONFLICT)

    async def test_an_apply_is_of_one_room(self, controller: Controller) -> None:
        refused = await refusal(controller, [transport(11), transport(12, room=8)])
        assert (refused.row, refused.reason) == (12, pb.Refused.MALFORMED)

    async def test_only_memos_are_global(self, controller: Controller) -> None:
        refused = await refusal(controller, [transport(11, room=0)])
        assert (refused.row, refused.reason) == (11, pb.Refused.MALFORMED)

    async def test_a_worker_that_does_not_exist_is_unknown(self, controller: Controller) -> None:
        row = transport(11, ufrag="01abcdef")
        row.worker = 1
        refused = await refusal(controller, [row])
        assert (refused.row, refused.reason) == (11, pb.Refused.UNKNOWN_WORKER)


class TestConflicts:
    async def test_a_ufrag_belongs_to_one_transport(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        taken = call()[0].transport.ice.ufrag
        refused = await refusal(controller, [transport(30, ufrag=taken)])
        assert (refused.row, refused.reason) == (30, pb.Refused.CONFLICT)
        refused = await refusal(controller, [transport(30, room=8, ufrag=taken)])
        assert (refused.row, refused.reason) == (30, pb.Refused.CONFLICT)

    async def test_a_mid_belongs_to_one_stream_of_a_transport(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        refused = await refusal(controller, [stream(30, 11, mid="1")])
        assert (refused.row, refused.reason) == (30, pb.Refused.CONFLICT)
        assert await controller.apply([stream(30, 12, mid="1")]) is None

    async def test_an_ssrc_belongs_to_one_leg_of_a_transport(self, controller: Controller) -> None:
        assert await controller.apply(call()) is None
        refused = await refusal(controller, [leg(30, 13, 12, ssrc=1014)])
        assert (refused.row, refused.reason) == (30, pb.Refused.CONFLICT)
        rtx = changed(leg(30, 13, 12, ssrc=5), rtx_ssrc=1014)
        refused = await refusal(controller, [rtx])
        assert (refused.row, refused.reason) == (30, pb.Refused.CONFLICT)
        assert await controller.apply([leg(30, 13, 11, ssrc=1014)]) is None

    async def test_a_stream_and_a_leg_keep_what_they_are_of(self, controller: Controller) -> None:
        assert await controller.apply([*call(), transport(15)]) is None
        for row in (stream(13, 15), leg(14, 13, 15), leg(14, 13, 12, ssrc=9)):
            refused = await refusal(controller, [row])
            assert (refused.row, refused.reason) == (row.id, pb.Refused.CONFLICT)


class TestUnsupported:
    @pytest.mark.parametrize(
        "kind",
        ["allocation", "permission", "channel", "link", "listener", None],
    )
    async def test_rows_that_are_not_built_are_unsupported(
        self, controller: Controller, kind: str | None
    ) -> None:
        row = pb.Row(id=30, room=ROOM)
        if kind is not None:
            getattr(row, kind).SetInParent()
        refused = await refusal(controller, [row])
        assert (refused.row, refused.reason) == (30, pb.Refused.UNSUPPORTED)

    async def test_listeners_cannot_be_deleted(self, controller: Controller) -> None:
        (listener,) = controller.hello.listeners
        refused = await controller.apply(deletes=[listener.id])
        assert refused is not None
        assert (refused.row, refused.reason) == (listener.id, pb.Refused.UNSUPPORTED)
        assert list((await controller.dump()).rows) == [listener]


class TestImpossibleValues:
    @pytest.mark.parametrize(
        "row",
        [
            pb.Row(id=30, room=ROOM, transport=pb.Transport()),
            transport(30, ufrag="00"),
            transport(30, ufrag="00" + "a" * 255),
            transport(30, ufrag="00 space"),
            transport(30, ufrag="01worker"),
            transport(30, remote_fingerprints=[pb.Fingerprint(algorithm="md5", value=bytes(16))]),
            transport(30, remote_fingerprints=[pb.Fingerprint(algorithm="sha-256", value=b"x")]),
            transport(30, extensions=pb.HeaderExtensions(mid=15)),
            transport(30, extensions=pb.HeaderExtensions(mid=256)),
            transport(30, extensions=pb.HeaderExtensions(mid=3, rid=3)),
            changed(stream(30, 11, mid="9"), codecs=[pb.Codec(name="x", payload_type=128)]),
            pb.Row(id=30, room=ROOM, stream=pb.Stream(transport=11, mid="9", codecs=[OPUS])),
            pb.Row(id=30, room=ROOM, stream=pb.Stream(transport=11, mid="9", kind=pb.AUDIO)),
            pb.Row(id=30, room=ROOM, leg=pb.Leg(stream=13, transport=12, codecs=[OPUS])),
            changed(leg(30, 13, 12, ssrc=5), rtx_ssrc=5),
            stream(30, 11, mid="m" * 256),
        ],
        ids=[
            "no ICE",
            "short ufrag",
            "long ufrag",
            "ufrag with a space",
            "ufrag of another worker",
            "digest unknown",
            "digest too short",
            "extension 15",
            "extension 256",
            "extension twice",
            "payload type",
            "no kind",
            "no codec",
            "no SSRC",
            "RTX on the same SSRC",
            "long mid",
        ],
    )
    async def test_an_impossible_value_is_malformed(
        self, controller: Controller, row: pb.Row
    ) -> None:
        assert await controller.apply(call()) is None
        refused = await refusal(controller, [row])
        assert (refused.row, refused.reason) == (30, pb.Refused.MALFORMED)

    async def test_a_short_ice_password_is_malformed(self, controller: Controller) -> None:
        row = transport(30)
        row.transport.ice.password = "short"
        assert (await refusal(controller, [row])).reason == pb.Refused.MALFORMED


class TestLimits:
    async def test_a_note_of_64_kib_is_kept_and_a_longer_one_refused(
        self, controller: Controller
    ) -> None:
        note = bytes(65_536)
        kept = [
            transport(11, note=note),
            stream(13, 11, note=note),
            leg(14, 13, 11, note=note),
            memo(15, note, room=ROOM),
        ]
        assert await controller.apply(kept) is None
        assert await controller.rows() == without_passwords(kept)
        for row in (
            transport(30, note=note + b"x"),
            stream(30, 11, mid="9", note=note + b"x"),
            leg(30, 13, 11, note=note + b"x"),
            memo(30, note + b"x", room=ROOM),
        ):
            refused = await refusal(controller, [row])
            assert (refused.row, refused.reason) == (30, pb.Refused.LIMIT)

    async def test_a_row_above_256_kib_is_refused(self, controller: Controller) -> None:
        codecs = [pb.Codec(name="x", clock_hz=1, fmtp="f" * 60_000) for _ in range(5)]
        assert await controller.apply([transport(11)]) is None
        refused = await refusal(controller, [changed(stream(30, 11), codecs=codecs)])
        assert (refused.row, refused.reason) == (30, pb.Refused.LIMIT)
