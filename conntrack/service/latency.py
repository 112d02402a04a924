"""How long verdicts take, and how late the loop runs: figures that cost nearly nothing to keep.

Lives here: a fixed-bucket histogram and a sliding maximum. May not live here: metric names (metrics/), clocks.
Compiled, since the packet path adds to the histogram.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

#: upper bounds in seconds; the last bucket (+Inf) has none
BOUNDS: Final = (5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2)


class Histogram:
    """Counts of observations by bucket, and their sum; seconds."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Adds an observation, or several of the same length."""
        self.buckets[bisect_left(BOUNDS, seconds)] += times
        self.sum += seconds * times

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound, observations up to it), as Prometheus wants them."""
        total = 0
        rows: list[tuple[str, float]] = []
        for bound, count in zip((*map(repr, BOUNDS), "+Inf"), self.buckets, strict=True):
            total += count
            rows.append((bound, total))
        return rows


class RecentMaximum:
    """The greatest value of the last one to two windows."""

    def __init__(self, window: float = 15.0) -> None:
        self._window = window
        self._turned = 0.0
        self._current = 0.0
        self._previous = 0.0

    def observe(self, value: float, now: float) -> None:
        """Adds a value."""
        self._turn(now)
        self._current = max(self._current, value)

    def value(self, now: float) -> float:
        """The maximum; 0 if nothing was observed lately."""
        self._turn(now)
        return max(self._current, self._previous)

    def _turn(self, now: float) -> None:
        passed = now - self._turned
        if passed < self._window:
            return
        self._previous = self._current if passed < 2 * self._window else 0.0
        self._current = 0.0
        self._turned = now
