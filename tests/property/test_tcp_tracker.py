"""TCP under arbitrary packets: nothing raises, states stay in the table, and an accepted packet has a future.

Also: an INVALID or ignored packet never refreshes, and the windows stay 32-bit numbers.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conntrack.flow.connection import ASSURED, SEEN_REPLY, Connection
from conntrack.tracker.tcp import table
from conntrack.tracker.tcp.machine import TcpTracker
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.window import Window
from tests import segments
from tests.traces import LAN, Trace

#: numbers that lie close together, so that windows are met, and anywhere, so that they are missed
NUMBERS = st.one_of(st.integers(0, 3), st.integers(1000, 1010), st.integers(66990, 67010), st.integers(0, 2**32 - 1))
OPTIONS = st.one_of(
    st.just(b""),
    st.builds(
        lambda shift: segments.mss() + segments.window_scale(shift) + segments.sack_permitted(), st.integers(0, 255)
    ),
    st.builds(lambda left, right: segments.sack([(left, right)]), NUMBERS, NUMBERS),
    st.binary(max_size=40),
)
SEGMENTS = st.builds(
    lambda from_lan, flags, seq, ack, window, options, size: (
        from_lan,
        segments.tcp((40000, 443) if from_lan else (443, 40000), seq, ack, flags, window, options, b"x" * size),
    ),
    st.booleans(),
    st.sampled_from([flags for flags in range(256) if table.CLASSES[flags] != table.UNUSUAL]),
    NUMBERS,
    NUMBERS,
    st.sampled_from([0, 1, 1000, 65535]),
    OPTIONS,
    st.sampled_from([0, 0, 1, 1000, 60000]),
)
PAUSES = st.sampled_from([0.0, 0.0, 0.1, 5.0, 200.0])


def check(trace: Trace, outcome: str, deadline: float, before: Connection | None) -> None:
    connection = trace.connection
    if connection is None:
        assert outcome not in ("accepted", "ignored", "reopened")
        return
    assert table.NONE < connection.state < len(table.STATES)
    if outcome in ("accepted", "reopened"):
        assert connection.deadline > trace.now
        assert connection.nominal > 0
    elif connection is before:
        assert connection.deadline <= deadline
    if connection.status & ASSURED:
        assert connection.status & SEEN_REPLY
    for direction in (connection.original, connection.reply):
        window = direction.state
        assert isinstance(window, Window)
        for number in (window.end, window.maxend, window.maxwin, window.maxack):
            assert -(2**31) <= number < 2**32
        assert 0 <= window.scale <= 14
    assert isinstance(connection.tracking, Memory)


@given(
    st.lists(st.tuples(SEGMENTS, PAUSES), max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_any_segments(script: list[tuple[tuple[bool, bytes], float]], loose: bool, liberal: bool) -> None:
    trace = Trace(TcpTracker(loose, liberal))
    for (from_lan, segment), pause in script:
        trace.now += pause
        before = trace.connection
        deadline = before.deadline if before is not None else 0.0
        source, destination = LAN if from_lan else reversed(LAN)
        outcome = trace.send(segments.ip(source, destination, 6, segment))
        check(trace, outcome, deadline, before)
