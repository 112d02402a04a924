"""table_pps_growth: the whole cost of a packet of an established connection, through the real daemon, at many
connections against 1000: packets/s of one daemon over packets/s of another, beside it in a network of its own.

Both get as many different frames, in random order, of connections drawn at random.

Lives here: this measurement. May not live here: the flood, the connections' packets, the daemon.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from conntrack.cli.lab.namespace import Namespace
from tests.bench import crowd, establish, flood, frames, saturation, window
from tests.bench.arrivals import Arrivals
from tests.bench.figure import Figure, of_pairs, thousands
from tests.bench.flood import Flood
from tests.bench.gateway import pairwall
from tests.bench.network import OUTSIDE_MAC, SERVER_MAC, Network
from tests.bench.options import Options

NAMES: Final = ("table_pps_growth",)
FEW: Final = 1000
_FRAMES: Final = 50_000
_CHUNK: Final = 50_000


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
        for first in range(0, count, _CHUNK):
            numbers = range(first, min(first + _CHUNK, count))
            _pass(network.client, network.server, numbers, lambda number: establish.out(crowd.syn(number)))
            _pass(network.server, network.client, numbers, _answer)
            _pass(network.client, network.server, numbers, lambda number: establish.out(crowd.ack(number)))
        yield network, daemon.process.pid


def _answer(number: int) -> bytes:
    return frames.ethernet(OUTSIDE_MAC, SERVER_MAC, crowd.syn_ack(number))


def _pass(sender: Namespace, receiver: Namespace, numbers: range, frame: Callable[[int], bytes]) -> None:
    """One frame of each connection, all through the gateway. BenchError: some did not arrive."""
    load = [frame(number) for number in numbers]
    with (
        Flood(sender, "eth0", load) as generator,
        Arrivals(receiver, "eth0") as arrivals,
        flood.pinned(flood.cores()[0]),
    ):
        window.send_all(generator, arrivals)
