"""One figure of the benchmark: a median with its spread, and what it is compared with.

Lives here: the figure and how it comes out of pairs of runs. May not live here: any measuring.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class BenchError(Exception):
    """A measurement failed or is impossible here; the text says why."""


class Figure(NamedTuple):
    """low and high are the extremes of the runs, in `unit`; `against` says what a ratio's other side was."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    against: str


def of_runs(name: str, values: Sequence[float], unit: str, against: str) -> Figure:
    """The median of several runs. BenchError: there are none."""
    if not values:
        raise BenchError(f"{name}: no run came to its end")
    return Figure(name, median(values), min(values), max(values), unit, against)


def of_pairs(name: str, ours: Sequence[float], theirs: Sequence[float], against: str) -> Figure:
    """The median of the ratios ours/theirs, each within one pair of neighbouring runs: drift cancels out."""
    if len(ours) != len(theirs):
        raise BenchError(f"{name}: {len(ours)} runs against {len(theirs)}")
    return of_runs(name, [mine / other for mine, other in zip(ours, theirs, strict=True)], "ratio", against)


def thousands(values: Sequence[float]) -> str:
    """The median of rates, for `against`: "212 k"."""
    return f"{median(values) / 1000:.0f} k"
