"""Which tracker follows which protocol, and how settings reach them."""

from __future__ import annotations

import pytest

from conntrack.tracker.registry import Trackers
from tests.traces import Trace

NUMBERS = {
    1: "icmp",
    6: "tcp",
    17: "udp",
    47: "gre",
    58: "icmpv6",
    136: "udplite",
    50: "other",
    89: "other",
    255: "other",
}


@pytest.mark.parametrize(("number", "name"), NUMBERS.items())
def test_by_number(number: int, name: str) -> None:
    assert Trackers().by_number[number].name() == name


def test_every_number_has_a_tracker_and_every_tracker_a_name() -> None:
    trackers = Trackers()
    assert len(trackers.by_number) == 256
    assert {id(tracker) for tracker in trackers.by_number} == {id(tracker) for tracker in trackers.all()}
    assert all(trackers.by_name[tracker.name()] is tracker for tracker in trackers.all())


def test_states_fit_the_table_s_population_rows() -> None:
    assert all(0 < len(tracker.states()) <= 16 for tracker in Trackers().all())


def test_settings_reach_their_tracker_only() -> None:
    trackers = Trackers()
    trackers.configure({"tcp": {"close": 5.0}, "other": {"idle": 60.0}}, loose=False, liberal=True)
    assert trackers.by_name["tcp"].timeouts()["close"] == 5.0
    assert trackers.by_name["tcp"].timeouts()["established"] == 432000.0
    assert trackers.by_name["other"].timeouts() == {"idle": 60.0}
    assert trackers.by_name["udp"].timeouts() == {"unreplied": 30.0, "replied": 120.0}


def test_options_reach_tcp() -> None:
    trace = Trace()
    trace.trackers.configure({}, loose=False, liberal=True)
    trace.play("lan > ack | none \n lan > syn \n wan < synack \n lan > ack seq=900000 | ESTABLISHED")


def test_what_is_no_longer_set_returns_to_its_default() -> None:
    trackers = Trackers()
    trackers.configure({"udp": {"replied": 300.0}}, loose=True, liberal=False)
    trackers.configure({}, loose=True, liberal=False)
    assert trackers.by_name["udp"].timeouts()["replied"] == 120.0


@pytest.mark.parametrize("wrong", [{"tcp": {"closed": 1.0}}, {"quic": {"idle": 1.0}}])
def test_a_wrong_name_is_an_error_and_sets_nothing(wrong: dict[str, dict[str, float]]) -> None:
    trackers = Trackers()
    with pytest.raises(KeyError):
        trackers.configure({"udp": {"replied": 300.0}, **wrong}, loose=False, liberal=False)
    assert trackers.by_name["udp"].timeouts()["replied"] == 120.0


def test_two_sets_of_trackers_share_nothing() -> None:
    first, second = Trackers(), Trackers()
    first.configure({"tcp": {"close": 1.0}}, loose=True, liberal=False)
    assert second.by_name["tcp"].timeouts()["close"] == 10.0
