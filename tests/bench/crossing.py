"""A network whose gateway is flooded from its inside link, on one core: what a packet's crossing costs.

Lives here: the network with its generator, and the cost of a crossing. May not live here: what the gateway runs, the
connections, the generator (inject.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.bench import flood
from tests.bench.arrivals import Arrivals
from tests.bench.figure import BenchError
from tests.bench.inject import Generator
from tests.bench.network import Network

#: one packet in so many may be lost
_TOLERATED = 10_000
_TRIALS = 20
#: parts that the packets of a run are timed in
_STRETCHES = 5


class Crossing:
    """Packets of connections 0 … flows − 1 (crowd.py), at random, from the client's link to the server's."""

    def __init__(self, network: Network, generator: Generator) -> None:
        self.network = network
        self.generator = generator

    def cost(self, packets: int, flows: int) -> float:
        """Seconds of one core for a packet, generator included: of a few stretches the fastest.

        BenchError: again and again not all arrive. A stretch that lost some is made again: what is dropped costs less.
        """
        with Arrivals(self.network.server, "eth0") as arrivals, flood.pinned(flood.cores()[1]):
            return min(self._stretch(packets // _STRETCHES, flows, arrivals) for _ in range(_STRETCHES))

    def generator_cost(self, packets: int, flows: int) -> float:
        """The same where the gateway's driver drops each packet: the generator, and the link to the gateway."""
        swallowing = self.generator.receive(self.network.gateway, "eth1")
        count = packets // _STRETCHES
        try:
            with flood.pinned(flood.cores()[1]):
                return min(self.generator.run(count, flows) / count for _ in range(_STRETCHES))
        finally:
            swallowing.detach()

    def _stretch(self, packets: int, flows: int, arrivals: Arrivals) -> float:
        lost = 0
        for _ in range(_TRIALS):
            before = arrivals.count()
            spent = self.generator.run(packets, flows)
            lost = packets - (arrivals.count() - before)
            if lost * _TOLERATED <= packets:
                return spent / packets
        raise BenchError(f"{self.network.client.label}: of {packets} packets {lost} did not arrive")


@contextlib.contextmanager
def crossing(name: str) -> Iterator[Crossing]:
    """A network of its own. The gateway's inside link polls as a card's driver does: frames are injected there."""
    with Network(name) as network, Generator(network.client) as generator:
        done = network.gateway.run("ethtool", "-K", "eth1", "gro", "on")
        if done.returncode:
            raise BenchError(f"ethtool: {done.stdout.strip()}")
        yield Crossing(network, generator)
