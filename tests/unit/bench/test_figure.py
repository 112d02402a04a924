from __future__ import annotations

import pytest

from tests.bench.figure import BenchError, of_pairs, of_runs, thousands


def test_the_value_is_the_median_and_the_spread_is_the_extremes() -> None:
    figure = of_runs("ready_seconds", [0.9, 0.7, 2.5], "s", "nothing")
    assert (figure.value, figure.low, figure.high) == (0.9, 0.7, 2.5)


def test_a_ratio_is_made_within_each_pair_before_the_median() -> None:
    # the machine slows down to a half meanwhile: the ratio does not notice
    figure = of_pairs("slowpath_pps_ratio", [80, 60, 40], [100, 75, 50], "")
    assert (figure.value, figure.low, figure.high) == (0.8, 0.8, 0.8)


def test_no_run_is_no_figure() -> None:
    with pytest.raises(BenchError, match="no run"):
        of_runs("x", [], "s", "")


def test_a_pair_that_lacks_one_side_is_no_figure() -> None:
    with pytest.raises(BenchError, match="2 runs against 1"):
        of_pairs("x", [1, 2], [1], "")


def test_rates_are_told_in_thousands() -> None:
    assert thousands([211_900, 1, 999_999]) == "212 k"
