"""Metrics: closed lists, everything there from the start."""

from gateway.datapath import datapath_pb2 as pb
from gateway.metrics import Family, Kind, datapath_families, expose


def text_of(*families: Family) -> str:
    return expose(families, "").body.decode()


def test_every_value_of_a_label_is_there_at_zero_before_it_happened() -> None:
    family = Family.by(
        "cause", ["expired", "no_room"], {"expired": 2}, name="refusals", help_text="Refusals."
    )
    text = text_of(family)
    assert 'gateway_refusals_total{cause="expired"} 2.0' in text
    assert 'gateway_refusals_total{cause="no_room"} 0.0' in text


def test_a_value_outside_the_list_never_becomes_a_label() -> None:
    counted = {"Dr A": 1, "Dr B": 2, "expired": 4}
    family = Family.by("cause", ["expired"], counted, name="refusals", help_text="Refusals.")
    assert family.values == {"expired": 4, "other": 3}


def test_the_numbers_of_the_datapath_keep_their_names() -> None:
    counters = pb.Counters(
        counters=[pb.Counter(name="packets_received", value=7)],
        levels=[pb.Counter(name="transports", value=2)],
        drops=[pb.Counter(name="unknown_ufrag", value=0)],
    )
    text = text_of(*datapath_families(counters))
    assert "gateway_datapath_packets_received_total 7.0" in text
    assert "gateway_datapath_transports 2.0" in text
    assert 'gateway_datapath_drops_total{reason="unknown_ufrag"} 0.0' in text
    assert "gateway_datapath_up 1.0" in text


def test_a_datapath_that_is_away_is_down_and_nothing_else() -> None:
    assert [family.name for family in datapath_families(None)] == ["datapath_up"]


def test_a_name_that_is_none_is_left_out() -> None:
    counters = pb.Counters(drops=[pb.Counter(name="192.0.2.1 went away", value=1)])
    assert "192.0.2.1" not in text_of(*datapath_families(counters))


def test_the_process_itself_is_measured() -> None:
    assert "process_cpu_seconds_total" in text_of(Family.plain("x", Kind.GAUGE, "X.", 1))
