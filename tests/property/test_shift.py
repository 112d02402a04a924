"""However a changed stream is cut, sent again and acknowledged: the receiver gets one stream, the sender its due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conntrack.engine.helping import changed
from conntrack.engine.shift import Shift


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, bytes, list[tuple[int, int, bytes]]]:
    """A first number, a stream, and changes of it in order."""
    first = draw(st.sampled_from([0, 1, 2**31 - 10, 2**32 - 10, 2**32 - 1]))
    size = draw(st.integers(1, 40))
    data = bytes(range(97, 97 + 26)) * 2
    changes: list[tuple[int, int, bytes]] = []
    at = 0
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(at, size))
        end = draw(st.integers(start, size))
        if end > start:
            changes.append((start, end, draw(st.binary(max_size=8))))
            at = end
    return first, data[:size], changes


def applied(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    out, at = b"", 0
    for start, end, new in changes:
        out += data[at:start] + new
        at = end
    return out + data[at:]


@given(streams(), st.data())
def test_any_segmentation_gives_the_same_stream(
    stream: tuple[int, bytes, list[tuple[int, int, bytes]]], draw: st.DataObject
) -> None:
    first, data, changes = stream
    whole = applied(data, changes)
    shift = Shift()
    for start, end, new in changes:
        shift.note(first + start, first + end, new)
    got, acked = 0, 0
    for _ in range(60):
        begin = draw.draw(st.integers(0, acked)) if draw.draw(st.booleans()) else acked
        end = draw.draw(st.integers(begin, len(data)))
        seq, out = shift.outward((first + begin) % 2**32, data[begin:end])
        place = (seq - first) % 2**32
        assert place <= got, "a hole"
        assert whole[place : place + len(out)] == out, "other bytes than before"
        got = max(got, place + len(out))
        back = (shift.inward((first + got) % 2**32) - first) % 2**32
        assert acked <= back <= max(end, acked), "acknowledges what was never sent, or takes it back"
        acked = back
        if draw.draw(st.booleans()):
            shift.settle(first + acked)
    seq, out = shift.outward((first + acked) % 2**32, data[acked:])
    assert whole[:got] + out[got - (seq - first) % 2**32 :] == whole


@given(st.binary(min_size=1, max_size=12), st.binary(max_size=12))
def test_the_part_that_changed(old: bytes, new: bytes) -> None:
    start, end = changed(old, new)
    assert 0 <= start < end <= len(old)
    tail = len(old) - end
    assert old[:start] + new[start : len(new) - tail] + old[end:] == new
