"""table_growth: what a packet of an established connection costs with many connections, against 1000.

Both engines are in one process, and their rounds alternate. A round is packets of connections drawn at random. They are
made 64 at a time outside the timed stretch, so that they are as fresh in the caches as what the daemon receives. What
is timed is Engine.packet (parse, look-up, tracker, translation, rewriting) or, for table_lookup_growth, the look-up of
the key alone.

Lives here: this measurement; run as a module it is the child that does it. May not live here: how connections are made.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from random import Random
from typing import Final

from conntrack.engine.core import Engine
from conntrack.engine.verdict import FORWARD
from conntrack.flow.pair import build
from tests.bench import child, crowd, engines, rules
from tests.bench.figure import Figure, of_pairs
from tests.bench.frames import TCP
from tests.bench.options import Options

NAMES: Final = ("table_growth", "table_lookup_growth")
SMALL: Final = 1000
_BATCH: Final = 64
_ROUND: Final = 1000  # batches


def measure(options: Options) -> list[Figure]:
    """Ratios of cost a packet, and of cost a look-up."""
    large = options.tables[-1]
    found = child.run(__name__, large, options.runs)
    against = f"at {SMALL} connections; {large:,} here".replace(",", " ")
    how = "" if engines.compiled() else "; NOT compiled"
    figures = []
    for name, costs, what in zip(NAMES, found, ("Engine.packet", "look-up of a key"), strict=True):
        few, many = costs
        told = f"{what} {against}: {min(many) * 1e6:.2f} of {min(few) * 1e6:.2f} µs (fastest rounds){how}"
        figures.append(of_pairs(name, many, few, told))
    return figures


def grow(large: int, runs: int) -> list[list[list[float]]]:
    """Seconds a packet, then seconds a look-up: each for the small and the large table, by round."""
    gc.disable()  # as in the daemon
    tables = [filled(SMALL), filled(large)]
    return [rounds(cost, tables, runs) for cost in (packet_cost, look_up_cost)]


def filled(count: int) -> Engine:
    """An engine with so many established TCP connections."""
    engine = engines.engine(engines.policy(rules.plain()))
    for number in range(count):
        engines.open_tcp(engine, number, 1.0)
    return engine


def rounds(cost: Callable[[Engine, Random], float], tables: list[Engine], runs: int) -> list[list[float]]:
    """Alternating rounds after one that warms up: for each table its costs."""
    found: list[list[float]] = [[] for _ in tables]
    for run in range(runs + 1):
        for costs, engine in zip(found, tables, strict=True):
            costs.append(cost(engine, Random(run)))
    return [costs[1:] for costs in found]


def packet_cost(engine: Engine, random: Random) -> float:
    """Seconds that Engine.packet takes for a packet of an established connection, from lan to wan."""
    count = len(engine.table)
    spent = 0.0
    for _ in range(_ROUND):
        batch = [crowd.segment(random.randrange(count)) for _ in range(_BATCH)]
        begun = time.thread_time()
        for packet in batch:
            engine.packet(packet, FORWARD, engines.LAN, engines.WAN, 0, 2.0, True)
        spent += time.thread_time() - begun
    return spent / (_ROUND * _BATCH)


def look_up_cost(engine: Engine, random: Random) -> float:
    """Seconds that finding a connection by its key takes."""
    count = len(engine.table)
    directions = engine.table.directions
    spent = 0.0
    for _ in range(_ROUND):
        batch = [key(random.randrange(count)) for _ in range(_BATCH)]
        begun = time.thread_time()
        for wanted in batch:
            directions[wanted]
        spent += time.thread_time() - begun
    return spent / (_ROUND * _BATCH)


def key(number: int) -> bytes:
    """The key of connection `number`, in bytes that the table has not seen."""
    source, source_port, destination, port = crowd.ends(number)
    return build(TCP, source, destination, source_port, port)


if __name__ == "__main__":
    child.answer(grow)
