"""All measurements by the names of their figures.

Lives here: the list. May not live here: any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.bench import (
    ageing,
    fastpath_bulk,
    fastpath_cost,
    fastpath_growth,
    fastpath_latency,
    flow_install,
    map_lookup,
    memory,
    newconn_tcp,
    newconn_udp,
    ready_seconds,
    rules_growth,
    slowpath,
    table_growth,
    table_pps,
)
from tests.bench.figure import Figure
from tests.bench.options import Options


class Measurement(NamedTuple):
    """names: the figures it is sure to make, the main one first; it may make more."""

    names: tuple[str, ...]
    measure: Callable[[Options], list[Figure]]


ALL: Final = tuple(
    Measurement(module.NAMES, module.measure)
    for module in (
        slowpath,
        newconn_tcp,
        newconn_udp,
        memory,
        table_growth,
        table_pps,
        rules_growth,
        ready_seconds,
        fastpath_cost,
        fastpath_growth,
        map_lookup,
        fastpath_bulk,
        fastpath_latency,
        flow_install,
        ageing,
    )
)


def named(names: list[str]) -> list[Measurement]:
    """Those that make at least one of the named figures; all of them for no name. KeyError: an unknown name."""
    known = {name for measurement in ALL for name in measurement.names}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [measurement for measurement in ALL if not names or set(names) & set(measurement.names)]


def names() -> list[str]:
    """Every name there is."""
    return [name for measurement in ALL for name in measurement.names]
