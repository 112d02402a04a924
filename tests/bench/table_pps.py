"""table_pps_growth: the whole cost of a packet of an established connection, through the real daemon, at many
connections against 1000: packets/s of one daemon over packets/s of another, beside it in a network of its own.

Both get as many different frames, in random order, of connections drawn at random.

Lives here: this measurement. May not live here: the flood, the connections' packets, the daemon.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from random import Random
from typing import Final

from tests.bench import crowd, establish, flood, procession, saturation
from tests.bench.figure import Figure, of_pairs, thousands
from tests.bench.gateway import pairwall
from tests.bench.network import Network
from tests.bench.options import Options

NAMES: Final = ("table_pps_growth",)
FEW: Final = 1000
_FRAMES: Final = 50_000


def measure(options: Options) -> list[Figure]:
    """Alternating stretches of both daemons."""
    many = options.tables[-1]
    rates: tuple[list[float], list[float]] = ([], [])
    with crowded("few", FEW) as small, crowded("many", many) as large:
        for run in range(options.runs):
            for found, (network, process), count in ((rates[0], small, FEW), (rates[1], large, many)):
                random = Random(run)
                load = [establish.out(crowd.segment(random.randrange(count))) for _ in range(_FRAMES)]
                found.append(saturation.rate(network, process, load, options.busy))
    told = f"the daemon at {FEW} connections; {many:,} here".replace(",", " ")
    return [of_pairs(NAMES[0], *rates, f"{told}: {thousands(rates[1])} against {thousands(rates[0])} packets/s")]


@contextlib.contextmanager
def crowded(name: str, count: int) -> Iterator[tuple[Network, int]]:
    """A network whose gateway tracks so many established TCP connections, and the daemon's process."""
    with Network(name) as network, flood.pinned(flood.cores()[1]), pairwall(network.gateway) as daemon:
        procession.open_tcp(network, count)
        yield network, daemon.process.pid
