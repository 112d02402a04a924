"""memory_bytes_per_connection: growth of the resident set by tracked, masqueraded connections in one Engine.

Lives here: this measurement; run as a module it is the child that does it. May not live here: how connections are made.
"""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Final

from conntrack.engine.core import Engine
from tests.bench import child, engines, rules
from tests.bench.figure import Figure
from tests.bench.options import Options

NAMES: Final = ("memory_bytes_per_connection", "memory_bytes_per_udp_flow")
_OPEN: Final[dict[str, Callable[[Engine, int, float], None]]] = {"tcp": engines.open_tcp, "udp": engines.open_udp}
_WHAT: Final = {"tcp": "established TCP connection", "udp": "answered UDP flow"}
#: connections before the first reading: what is made once is made by then
_WARM_UP: Final = 1000


def measure(options: Options) -> list[Figure]:
    """For each protocol, at each size: the largest is the value, all sizes are the spread. One run: it has no noise."""
    figures = []
    for name, protocol in zip(NAMES, _OPEN, strict=True):
        sizes: list[float] = child.run(__name__, protocol, options.tables)
        counts = " and ".join(f"{count:,}".replace(",", " ") for count in options.tables)
        told = f"resident set per {_WHAT[protocol]}, masqueraded, at {counts}" + _how()
        figures.append(Figure(name, max(sizes), min(sizes), max(sizes), "bytes", told))
    return figures


def grow(protocol: str, counts: list[int]) -> list[float]:
    """Bytes a connection at each number of connections."""
    gc.disable()  # as in the daemon
    engine = engines.engine(engines.policy(rules.plain()))
    opening = _OPEN[protocol]
    for number in range(_WARM_UP):
        opening(engine, number, 1.0)
    made = _WARM_UP
    base = resident()
    found = []
    for count in counts:
        for number in range(made, _WARM_UP + count):
            opening(engine, number, 1.0)
        made = _WARM_UP + count
        found.append((resident() - base) / count)
    return found


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _how() -> str:
    return "" if engines.compiled() else "; NOT compiled"


if __name__ == "__main__":
    child.answer(grow)
