"""newconn_udp_ratio: single-packet UDP flows, each new: the time until all arrived, against nftables on the same path.

Sources are random pairs of host and port, destinations 16 hosts and two ports; the same flows for both sides. The
generator never has more packets on their way than a queue holds, so that nothing is lost and every flow counts.

The kernel does its work on the generator's core, in the same soft interrupt; the daemon has the other core as well.
That is how each of them works, so a ratio over 1 does not mean that the daemon needs less time for a flow.

Lives here: this measurement. May not live here: the sender, the daemon, nftables.
"""

from __future__ import annotations

from random import Random
from typing import Final

from tests.bench import establish, flood, frames, opponents, window
from tests.bench.arrivals import Arrivals
from tests.bench.figure import Figure, of_pairs, thousands
from tests.bench.flood import Flood
from tests.bench.frames import Ends
from tests.bench.gateway import pairwall
from tests.bench.network import PHANTOM_CLIENT, PHANTOM_SERVER, Network
from tests.bench.options import Options

NAMES: Final = ("newconn_udp_ratio",)
_SEED: Final = 4787


def measure(options: Options) -> list[Figure]:
    """Pairs of runs: nftables, then the daemon, each with an empty table."""
    load = [establish.out(frames.udp(ends, bytes(36))) for ends in flows(options.flows)]
    kernel: list[float] = []
    ours: list[float] = []
    with Network() as network, Flood(network.client, "eth0", load) as generator:
        for _ in range(options.runs):
            with opponents.nftables(network.gateway):
                kernel.append(rate(network, generator))
            with flood.pinned(flood.cores()[1]), pairwall(network.gateway):
                ours.append(rate(network, generator))
    told = f"nftables conntrack + masquerade: {thousands(ours)} against {thousands(kernel)} flows/s"
    return [of_pairs(NAMES[0], ours, kernel, told)]


def flows(count: int) -> list[Ends]:
    """So many different socket pairs."""
    random = Random(_SEED)
    found: dict[Ends, None] = {}  # in the order drawn
    while len(found) < count:
        source = (int.from_bytes(PHANTOM_CLIENT, "big") + random.randrange(4000)).to_bytes(4, "big")
        server = PHANTOM_SERVER[:3] + bytes((1 + random.randrange(16),))
        found[Ends(source, random.randrange(1024, 65536), server, random.choice((53, 443)))] = None
    return list(found)


def rate(network: Network, generator: Flood) -> float:
    """Flows a second. BenchError: not all arrived."""
    with Arrivals(network.server, "eth0") as arrivals, flood.pinned(flood.cores()[0]):
        return len(generator) / window.send_all(generator, arrivals)
