"""Figures of the fast path, out of costs and times that are given."""

from __future__ import annotations

import pytest

from tests.bench import exchange, fastpath_cost, rules
from tests.bench.engines import policy
from tests.bench.inject import PLAN, SOURCE


def test_the_generator_is_taken_off_run_by_run() -> None:
    costs = {
        "generator": [100e-9, 200e-9],
        "forward": [1100e-9, 1200e-9],
        "kernel": [2100e-9, 2200e-9],
        "tc": [1100e-9, 1700e-9],
        "xdp": [300e-9, 600e-9],
    }
    found = {one.name: (one.low, one.high) for one in fastpath_cost.figures(costs)}
    assert tuple(found) == fastpath_cost.NAMES
    assert found["fastpath_cost_ratio"] == pytest.approx((0.5, 0.75))
    assert found["fastpath_cost_ratio_with_generator"] == pytest.approx((1100 / 2100, 1700 / 2200))
    assert found["fastpath_forward_ratio"] == pytest.approx((1.0, 1.5))
    assert found["xdp_cost_ratio"] == pytest.approx((0.1, 0.2))


def test_one_in_a_hundred_is_slower_than_p99() -> None:
    times = [float(number) for number in range(1, 1001)]
    assert exchange.percentile(times[::-1], 0.99) == 991.0
    assert sum(1 for one in times if one > 991.0) == 9
    assert exchange.percentile([5.0], 0.99) == 5.0


def test_the_slow_paths_figures_are_without_a_fast_path() -> None:
    assert "fastpath: off" in rules.plain()
    for at_driver in (False, True):
        text = rules.carrying(at_driver)
        assert "fastpath: tc" in text
        assert ("fastpath: xdp" in text) is at_driver
        assert policy(text).zones


def test_the_generators_plan_is_as_the_program_has_it() -> None:
    """struct plan: one of eight octets, six of four, two of two, and two hardware addresses."""
    assert PLAN.size == 8 + 6 * 4 + 2 * 2 + 2 * 6
    assert "struct plan {" in SOURCE.read_text()
