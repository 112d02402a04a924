from __future__ import annotations

from conntrack.service.latency import BOUNDS, Histogram, RecentMaximum


def test_observations_fall_into_their_buckets() -> None:
    histogram = Histogram()
    for seconds in (0.0, 5e-6, 6e-6, 1.0):
        histogram.observe(seconds)
    rows = dict(histogram.cumulative())
    assert rows["5e-06"] == 2  # a bound is part of its bucket
    assert rows["1e-05"] == 3
    assert rows["0.05"] == 3
    assert rows["+Inf"] == 4
    assert histogram.sum == 5e-6 + 6e-6 + 1.0


def test_several_at_once() -> None:
    histogram = Histogram()
    histogram.observe(1e-4, 64)
    assert histogram.cumulative()[-1] == ("+Inf", 64)
    assert histogram.sum == 64e-4


def test_buckets_only_grow() -> None:
    histogram = Histogram()
    for step in range(200):
        histogram.observe(step * 1e-4)
    counts = [count for _, count in histogram.cumulative()]
    assert counts == sorted(counts)
    assert len(counts) == len(BOUNDS) + 1


def test_the_maximum_forgets_after_two_windows() -> None:
    recent = RecentMaximum(window=10.0)
    recent.observe(0.3, 100.0)
    recent.observe(0.1, 101.0)
    assert recent.value(105.0) == 0.3
    assert recent.value(111.0) == 0.3  # in the window before
    assert recent.value(122.0) == 0.0


def test_after_a_long_silence_nothing_is_recent() -> None:
    recent = RecentMaximum(window=10.0)
    recent.observe(0.3, 100.0)
    assert recent.value(500.0) == 0.0
    recent.observe(0.2, 501.0)
    assert recent.value(501.0) == 0.2
