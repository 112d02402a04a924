"""SCTP under arbitrary chunks: nothing raises, states stay in the table, and a refused packet changes no state."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conntrack.tracker.sctp import table
from conntrack.tracker.sctp.machine import SctpTracker
from conntrack.tracker.sctp.tags import Tags
from tests import segments
from tests.traces import LAN, Trace

TAGS = st.sampled_from([0, 1, 2, 7000, 2**32 - 1])
BODIES = st.one_of(TAGS.map(lambda tag: tag.to_bytes(4, "big") + bytes(12)), st.binary(max_size=8))
CHUNKS = st.builds(
    segments.chunk, st.sampled_from([*segments.CHUNKS.values(), 12, 15, 16, 0x80, 0xFF]), st.integers(0, 255), BODIES
)
BYTES = st.one_of(st.lists(CHUNKS, min_size=1, max_size=3).map(b"".join), st.binary(max_size=40))
PAUSES = st.sampled_from([0.0, 0.0, 1.0, 100.0])


@given(st.lists(st.tuples(st.booleans(), TAGS, BYTES, PAUSES), max_size=12))
def test_any_chunks(script: list[tuple[bool, int, bytes, float]]) -> None:
    trace = Trace(SctpTracker())
    for from_lan, tag, chunks, pause in script:
        trace.now += pause
        before = trace.connection
        state = before.state if before is not None else -1
        deadline = before.deadline if before is not None else 0.0
        ports = (40000, 443) if from_lan else (443, 40000)
        source, destination = LAN if from_lan else reversed(LAN)
        outcome = trace.send(segments.ip(source, destination, 132, segments.sctp(ports, tag, chunks)))
        connection = trace.connection
        if connection is None:
            assert outcome in ("none", "bad-tag", "bad-chunk", "unexpected-type")
            continue
        assert table.NONE < connection.state < len(table.STATES)
        assert isinstance(connection.tracking, Tags)
        if outcome == "accepted":
            assert connection.deadline == trace.now + connection.nominal > trace.now
        elif connection is before:
            assert connection.deadline == deadline
            if outcome != "ignored":
                assert connection.state == state
