"""Every fuzz target for a short while, always with the same bytes; `make fuzz` is the long run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntrack.packet.registry import DECODERS
from conntrack.tracker.registry import Trackers
from tests.fuzz.packets import REPAIRED, SEEDS, forged
from tests.fuzz.targets import TRACKED, targets

steps = st.tuples(st.integers(0, 15), st.binary(max_size=40)).map(lambda step: bytes((step[0], len(step[1]))) + step[1])
scripts = st.lists(steps, max_size=30).map(b"".join)


@pytest.mark.parametrize("name", targets())
@settings(max_examples=40)
@given(data=st.one_of(st.binary(max_size=300), scripts))
def test_target_holds(name: str, data: bytes) -> None:
    targets()[name](data)


def test_every_decoder_and_tracker_has_its_target() -> None:
    assert {f"decoder-{name}" for name, _ in DECODERS} <= targets().keys()
    assert set(TRACKED) == set(Trackers().by_name)


def test_seeds_reach_the_engine_as_they_are() -> None:
    assert [forged(bytes((0, number))) for number in range(len(SEEDS))] == SEEDS
    assert [forged(bytes((0, number | REPAIRED))) for number in range(len(SEEDS))] == SEEDS
