"""ICE restarts of either side: media stays on the old path until there is a new one."""

from __future__ import annotations

import pytest
from livekit.protocol import rtc

from gateway.datapath import datapath_pb2 as pb
from gateway.signalling.sdp import parse
from tests.signalling import parts, single
from tests.signalling.conversation import Guest, Hall

UP = pb.TransportFacts.REACH_UP
DONE = pb.TransportFacts.DTLS_CONNECTED


@pytest.fixture
def hall() -> Hall:
    return Hall()


def row(guest: Guest, which: int) -> pb.Transport:
    return guest.hall.table.rows[guest.transports()[which]].transport


def path_under(guest: Guest, which: int, ufrag: str) -> None:
    facts = pb.TransportFacts(reach=UP, dtls=DONE, path_ufrag=ufrag)
    guest.hall.facts(guest.transports()[which], facts)


def answered_ufrag(guest: Guest) -> str:
    return parse(guest.last("answer").sdp).sections[0].ice_ufrag


def offer_again(guest: Guest, ufrag: str) -> None:
    """A v0 client offers its publisher connection with these credentials of its own."""
    sdp = parts.an_offer(parts.audio("0", "mic")).replace(":abcd", f":{ufrag}")
    guest.say(offer=rtc.SessionDescription(type="offer", sdp=sdp, id=9))


# ------------------------------------------------------------------------------ the client restarts


def test_new_credentials_are_answered_with_new_ones_and_the_old_ones_stay(hall: Hall) -> None:
    guest = hall.active("doctor")
    guest.publish("mic")
    before = row(guest, 1).ice
    offer_again(guest, "other")
    after = row(guest, 1)
    assert after.ice.ufrag == answered_ufrag(guest) != before.ufrag
    assert (after.ice.remote_ufrag, after.ice_previous) == ("other", before)


def test_the_same_credentials_are_no_restart(hall: Hall) -> None:
    guest = hall.active("doctor")
    guest.publish("mic")
    before = row(guest, 1).ice
    offer_again(guest, "abcd")
    assert row(guest, 1).ice == before
    assert not row(guest, 1).HasField("ice_previous")


def test_the_old_ones_go_when_a_path_under_the_new_ones_is_nominated(hall: Hall) -> None:
    guest = hall.active("doctor")
    guest.publish("mic")
    old = row(guest, 1).ice.ufrag
    offer_again(guest, "other")
    path_under(guest, 1, old)
    assert row(guest, 1).HasField("ice_previous")
    path_under(guest, 1, row(guest, 1).ice.ufrag)
    assert not row(guest, 1).HasField("ice_previous")


def test_the_old_ones_stay_as_long_as_the_path_lives_on_them(hall: Hall) -> None:
    guest = hall.active("doctor")
    guest.publish("mic")
    old = row(guest, 1).ice.ufrag
    offer_again(guest, "other")
    path_under(guest, 1, old)
    hall.pass_time(100)
    assert row(guest, 1).HasField("ice_previous")
    path_under(guest, 1, row(guest, 1).ice.ufrag)
    assert not row(guest, 1).HasField("ice_previous")


def test_the_old_ones_go_after_30_s_when_no_path_needs_them(hall: Hall) -> None:
    guest = hall.active("doctor")
    guest.publish("mic")
    offer_again(guest, "other")
    hall.pass_time(29)
    assert row(guest, 1).HasField("ice_previous")
    hall.pass_time(2)
    assert not row(guest, 1).HasField("ice_previous")


def test_a_restart_during_a_restart_keeps_the_path_that_carries_media(hall: Hall) -> None:
    guest = hall.active("doctor")
    guest.publish("mic")
    first = row(guest, 1).ice
    offer_again(guest, "second")
    offer_again(guest, "third")
    assert row(guest, 1).ice_previous == first
    assert row(guest, 1).ice.remote_ufrag == "third"


def test_a_client_with_one_connection_restarts_it_and_keeps_its_legs(hall: Hall) -> None:
    hall.active("patient").publish("mic")
    guest = single.active(hall, "doctor")
    legs, before = guest.legs(), row(guest, 0).ice
    guest.ufrag = "other"
    guest.offers()
    assert guest.legs() == legs
    assert row(guest, 0).ice_previous == before
    assert row(guest, 0).ice.ufrag == answered_ufrag(guest)


def test_a_restart_under_way_survives_the_control_plane(hall: Hall) -> None:
    guest = hall.active("doctor")
    guest.publish("mic")
    offer_again(guest, "other")
    transports, new = guest.transports(), row(guest, 1).ice.ufrag
    after = hall.dies()
    assert after.table.rows[transports[1]].transport.HasField("ice_previous")
    facts = pb.TransportFacts(reach=UP, dtls=DONE, path_ufrag=new)
    after.facts(transports[1], facts)
    assert not after.table.rows[transports[1]].transport.HasField("ice_previous")


# ----------------------------------------------------------------------------------- we restart it


def falls_silent(guest: Guest) -> None:
    silent = pb.TransportFacts(reach=pb.TransportFacts.REACH_SILENT, dtls=DONE)
    guest.hall.facts(guest.transports()[0], silent)


def test_a_silent_subscriber_is_offered_new_credentials(hall: Hall) -> None:
    guest = hall.active("doctor")
    before = row(guest, 0).ice
    falls_silent(guest)
    offered = parse(guest.last("offer").sdp).sections[0]
    assert offered.ice_ufrag == row(guest, 0).ice.ufrag != before.ufrag
    assert row(guest, 0).ice_previous == before
    falls_silent(guest)
    assert len(guest.all("offer")) == 2, "once is enough"


def test_the_old_credentials_hold_as_long_as_our_offer_is_not_answered(hall: Hall) -> None:
    guest = hall.active("doctor")
    falls_silent(guest)
    hall.pass_time(60)
    assert row(guest, 0).HasField("ice_previous")
    guest.answer()
    hall.pass_time(31)
    assert not row(guest, 0).HasField("ice_previous")


def test_a_client_may_ask_for_a_restart(hall: Hall) -> None:
    guest = hall.active("doctor")
    guest.say(simulate=rtc.SimulateScenario(switch_candidate_protocol=rtc.TCP))
    guest.answer()
    path_under(guest, 0, row(guest, 0).ice.ufrag)
    assert len(guest.all("offer")) == 2
    assert not row(guest, 0).HasField("ice_previous")


def test_a_silent_client_with_one_connection_restarts_it_itself(hall: Hall) -> None:
    guest = single.active(hall, "doctor")
    falls_silent(guest)
    assert not guest.all("offer")
    assert not row(guest, 0).HasField("ice_previous")
