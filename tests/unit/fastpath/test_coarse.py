"""The program's coarse clock."""

from __future__ import annotations

import pytest

from conntrack.gateway.fastpath.coarse import TICK, seconds_since, ticks


@pytest.mark.parametrize("age", [0.0, 0.5, 120.0, 432000.0, 26 * 86400.0 - 3600])
@pytest.mark.parametrize("now", [1e6, 2**32 * TICK + 3.0])
def test_an_age_survives_the_wrap_of_its_clock(now: float, age: float) -> None:
    assert seconds_since(ticks(now - age), now) == pytest.approx(age, abs=2 * TICK)


def test_a_packet_of_a_moment_ahead_is_no_age() -> None:
    """The program's clock may have ticked between the daemon's reading of the time and of the map."""
    assert seconds_since(ticks(1000.0) + 1, 1000.0) == 0.0
