"""flow_install_us: the daemon's whole work until a connection is in the fast path, CPU time of a flow.

From Offload.offer to both entries, and for TCP the state, in the kernel's maps; offers come 64 at a time, as a batch of
packets makes them, of connections drawn at random, so that they are as fresh in the caches as in the daemon.

Lives here: this measurement; run as a module it is the child that does it. May not live here: connections and maps.
"""

from __future__ import annotations

import gc
import time
from random import Random
from typing import Final

from tests.bench import child, engines
from tests.bench.carrier import Carrier
from tests.bench.figure import Figure, of_runs
from tests.bench.options import Options

NAMES: Final = ("flow_install_us", "flow_install_udp_us")
_BATCH: Final = 64


def measure(options: Options) -> list[Figure]:
    """Microseconds for TCP, the dearer one, and for UDP."""
    how = "" if engines.compiled() else "; NOT compiled"
    found = []
    for name, tcp in zip(NAMES, (True, False), strict=True):
        costs = child.run(__name__, options.carried, options.runs, tcp)
        told = f"CPU time of the daemon for a {'TCP' if tcp else 'UDP'} flow, at up to {options.carried} carried{how}"
        found.append(of_runs(name, [cost * 1e6 for cost in costs], "µs", told))
    return found


def install(count: int, runs: int, tcp: bool) -> list[float]:
    """Mean seconds a flow, in each of as many equal parts of all connections."""
    gc.disable()  # as in the daemon
    carrier = Carrier(count, tcp)
    Random(1).shuffle(carrier.connections)
    part = count // runs
    return [_cost(carrier, range(number * part, (number + 1) * part)) for number in range(runs)]


def _cost(carrier: Carrier, numbers: range) -> float:
    now = time.monotonic()
    manager, connections = carrier.manager, carrier.connections
    before = len(manager.carried)
    begun = time.thread_time()
    for at in range(numbers.start, numbers.stop, _BATCH):
        for connection in connections[at : min(at + _BATCH, numbers.stop)]:
            manager.offer(connection, now)
        carrier.turn()
    spent = time.thread_time() - begun
    return spent / (len(manager.carried) - before)


if __name__ == "__main__":
    child.answer(install)
