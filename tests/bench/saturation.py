"""How many packets a second a judge lets through while a flood keeps it busy.

Generator and judge are about equally fast, and a judge that fell asleep must be woken, which costs the generator more
than the packet does: a flood alone may measure the generator. So the judge is stopped until its queue is full, then
goes on while the flood does, and is measured over fewer packets than were waiting: it cannot have run dry. Again and
again, until the stretches make up the time asked for.

Lives here: that procedure. May not live here: what the packets are, who judges them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Final

from conntrack.cli.lab.namespace import Namespace
from conntrack.gateway.queue import stats
from tests.bench import flood
from tests.bench.arrivals import Arrivals
from tests.bench.figure import BenchError
from tests.bench.flood import Flood
from tests.bench.network import Network
from tests.bench.rules import QUEUE_LENGTH

#: arrivals since the judge goes on: at the first reading, and at the second
_FIRST: Final = QUEUE_LENGTH // 8
_LAST: Final = QUEUE_LENGTH * 7 // 8
#: part of the queue that must be full before: the judge may hold a batch in its hands
_FULL: Final = QUEUE_LENGTH * 31 // 32
_PATIENCE: Final = 5.0


def rate(network: Network, judge: int, load: Sequence[bytes], seconds: float) -> float:
    """Packets/s at the server's link; `judge` is the process between. BenchError: it does not let them through."""
    packets, spent = 0, 0.0
    with (
        Arrivals(network.server, "eth0") as arrivals,
        Flood(network.client, "eth0", load) as generator,
        flood.pinned(flood.cores()[0]),
    ):
        while spent < seconds:
            with stopped(judge):
                generator.frames(QUEUE_LENGTH)
                check_full(network.gateway)
                start = arrivals.count()
            before, begun = _flood_until(generator, arrivals, start + _FIRST)
            after, ended = _flood_until(generator, arrivals, start + _LAST)
            packets += after - before
            spent += ended - begun
    return packets / spent


@contextlib.contextmanager
def stopped(process: int) -> Iterator[None]:
    """A process of ours stands still meanwhile."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def check_full(gateway: Namespace) -> None:
    """BenchError: the gateway's packet queue is not full."""
    table = gateway.run("cat", "/proc/net/netfilter/nfnetlink_queue").stdout
    numbers = [int(line.split()[0]) for line in table.splitlines()]
    waiting = sum(queue.depth for number in numbers if (queue := stats.parse(table, number)))
    if waiting < _FULL:
        raise BenchError(f"only {waiting} of {QUEUE_LENGTH} packets wait in the queue: packets do not get that far")


def _flood_until(generator: Flood, arrivals: Arrivals, wanted: int) -> tuple[int, float]:
    """Floods until so many have arrived: the count and the time then. BenchError: they do not."""
    limit = time.perf_counter() + _PATIENCE
    while True:
        generator.frames(flood.BATCH)
        count, now = arrivals.count(), time.perf_counter()
        if count >= wanted:
            return count, now
        if now > limit:
            raise BenchError(f"{wanted - count} packets of a full queue did not arrive")
