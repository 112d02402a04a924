"""Shorthands for metric families: a name, a help text, labels, and rows of (label values, number).

Lives here: how a row becomes a sample. May not live here: any metric. All names get the prefix; counters get _total.
Rows with the same labels are added up: two rules of one name would otherwise make Prometheus refuse the whole page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

PREFIX: Final = "pairwall_"

Row = tuple[Sequence[str], float]


def counter(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> CounterMetricFamily:
    """A counter with labels."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for values, number in united(rows):
        family.add_metric(values, number)
    return family


def gauge(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> GaugeMetricFamily:
    """A gauge with labels."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for values, number in united(rows):
        family.add_metric(values, number)
    return family


def plain_counter(name: str, text: str, value: float) -> CounterMetricFamily:
    """A counter without labels."""
    return CounterMetricFamily(PREFIX + name, text, value=value)


def plain_gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def united(rows: Iterable[Row]) -> list[tuple[tuple[str, ...], float]]:
    """Rows with their labels told apart only once."""
    sums: dict[tuple[str, ...], float] = {}
    for values, number in rows:
        key = tuple(values)
        sums[key] = sums.get(key, 0) + number
    return list(sums.items())
