"""Every tracker of the registry, whatever comes after a good beginning: a judgement, never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.packet import reason
from conntrack.tracker.registry import Trackers
from tests.traces import JUDGEMENTS, Trace

#: tracker → IP version, a packet that begins a connection, and its answer
BEGINNINGS = {
    "tcp": (4, "syn", "synack"),
    "udp": (4, "udp", "udp"),
    "udplite": (6, "udplite", "udplite"),
    "icmp": (4, "echo", "echo-reply"),
    "icmpv6": (6, "echo6", "echo6-reply"),
    "sctp": (4, "init", "init-ack"),
    "dccp": (6, "dccp-request", "dccp-response"),
    "gre": (4, "gre", "gre"),
    "other": (6, "esp", "esp"),
}
OUTCOMES = {*JUDGEMENTS.values(), "none", *(name for name, _ in reason.REASONS.values())}
PAUSES = st.sampled_from([0.0, 0.1, 3.0, 50.0, 1000.0])


def test_every_tracker_is_tried() -> None:
    assert BEGINNINGS.keys() == Trackers().by_name.keys()


@pytest.mark.parametrize("name", BEGINNINGS)
@given(script=st.lists(st.tuples(st.booleans(), PAUSES), max_size=12))
def test_questions_and_answers_in_any_order(name: str, script: list[tuple[bool, float]]) -> None:
    version, question, answer = BEGINNINGS[name]
    trace = Trace(version=version)
    trace.line(f"lan > {question}")
    for asks, pause in script:
        trace.now += pause
        side, kind = ("lan", question) if asks else ("wan", answer)
        outcome = trace.send(trace.packet(side, kind, []))
        assert outcome in OUTCOMES
        connection = trace.connection
        if outcome in ("accepted", "ignored", "reopened"):
            assert connection is not None
            assert connection.deadline > trace.now
            assert trace.state() in trace.trackers.by_name[name].states()
